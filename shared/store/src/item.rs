//! Items: how plain types become attributes and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::Key;

/// One item: its attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn n(number: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// An instant in the one form that sorts as text: UTC with exactly three decimals.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The attributes of a value under its key.
pub(crate) fn to_item(key: Key, value: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(value)?;
    item.insert("pk".to_owned(), s(key.pk));
    item.insert("sk".to_owned(), s(key.sk));
    Ok(item)
}

/// A row's primary key as attributes.
pub(crate) fn key_item(primary: Key) -> Item {
    [("pk", primary.pk), ("sk", primary.sk)].map(|(name, value)| (name.to_owned(), s(value))).into()
}

/// A row's key in an index over these two attributes.
pub(crate) fn index_key(primary: Key, index: [(&str, String); 2]) -> Item {
    let index = index.map(|(name, value)| (name.to_owned(), s(value)));
    key_item(primary).into_iter().chain(index).collect()
}

/// Reads an item as a value; attributes that the value does not have are passed over.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    Ok(serde_dynamo::aws_sdk_dynamodb_1::from_item(item)?)
}

/// A text attribute of an item.
pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A number attribute of an item.
pub(crate) fn number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_sort_as_text() {
        let millis = [0, 1, 10, 100, 999, 1_000, 1_001, 59_999, 60_000];
        let texts: Vec<_> =
            millis.iter().map(|&ms| instant(Timestamp::from_millisecond(ms).unwrap())).collect();
        assert_eq!(texts[4], "1970-01-01T00:00:00.999Z");
        assert!(texts.is_sorted());
    }
}
