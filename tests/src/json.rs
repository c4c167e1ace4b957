//! The JSON of a response, of which a test reads only what is there.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value in the JSON of a response.
///
/// Responses are checked against the schemas of `docs/openapi.json`, so a member that is not there is one that the schema
/// does not have, or does not require: indexing by it fails the test. What may be absent is read with [`Json::get`].
#[derive(Clone)]
pub struct Json {
    /// The request, for the message of a failed test.
    asked: Arc<str>,
    value: Value,
    parts: OnceLock<Parts>,
}

/// The values of which a value consists; made when they are asked for.
#[derive(Clone)]
enum Parts {
    None,
    Items(Vec<Json>),
    Members(BTreeMap<String, Json>),
}

impl Json {
    /// The JSON of the response to a request.
    #[must_use]
    pub fn new(asked: &str, value: Value) -> Self {
        Self::of(&asked.into(), value)
    }

    fn of(asked: &Arc<str>, value: Value) -> Self {
        Self { asked: Arc::clone(asked), value, parts: OnceLock::new() }
    }

    fn parts(&self) -> &Parts {
        let part = |value: &Value| Self::of(&self.asked, value.clone());
        self.parts.get_or_init(|| match &self.value {
            Value::Array(items) => Parts::Items(items.iter().map(part).collect()),
            Value::Object(members) => {
                Parts::Members(members.iter().map(|(name, value)| (name.clone(), part(value))).collect())
            }
            _ => Parts::None,
        })
    }

    /// Returns a member that may be absent, such as one that admins alone see.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// Returns the items of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&Vec<Self>> {
        match self.parts() {
            Parts::Items(items) => Some(items),
            Parts::None | Parts::Members(_) => None,
        }
    }

    /// Returns the members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&BTreeMap<String, Self>> {
        match self.parts() {
            Parts::Members(members) => Some(members),
            Parts::None | Parts::Items(_) => None,
        }
    }

    /// Returns a text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.value.as_str()
    }

    /// Returns a whole number.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// Returns a whole number that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.value.as_u64()
    }

    /// Returns a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.value.as_f64()
    }

    /// Returns true or false.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// Returns true for `null`, which is what a member without a value is.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// Returns true for a text.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.value.is_string()
    }

    /// Returns true for an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// Returns the JSON as it was received, to be compared. Its members are as they may be, so it is not to be read from.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the JSON as it was received, to be changed and sent.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.value.clone()
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        json.value
    }
}

impl Index<&str> for Json {
    type Output = Self;

    #[track_caller]
    fn index(&self, name: &str) -> &Self {
        match self.get(name) {
            Some(member) => member,
            None => panic!("{}: no member `{name}` in {}", self.asked, self.value),
        }
    }
}

impl Index<usize> for Json {
    type Output = Self;

    #[track_caller]
    fn index(&self, place: usize) -> &Self {
        match self.as_array().and_then(|items| items.get(place)) {
            Some(item) => item,
            None => panic!("{}: no item {place} in {}", self.asked, self.value),
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Json {}

impl PartialEq<Json> for Value {
    fn eq(&self, other: &Json) -> bool {
        *self == other.value
    }
}

macro_rules! comparable {
    ($($type:ty),+) => {
        $(impl PartialEq<$type> for Json {
            fn eq(&self, other: &$type) -> bool {
                self.value == *other
            }
        })+
    };
}

comparable!(Value, str, &str, String, bool, i32, i64, u32, u64, usize, f64);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered() -> Json {
        Json::new("GET /things/1", json!({"thing": {"name": "A", "notes": null, "tags": ["x", {"of": 1}]}}))
    }

    #[test]
    fn what_is_there_is_read() {
        let answered = answered();
        let thing = &answered["thing"];
        assert_eq!(thing["name"], "A");
        assert!(thing["notes"].is_null());
        assert_eq!(thing["tags"][1]["of"], 1);
        assert_eq!(thing.get("colour"), None);
        assert_eq!(thing["tags"].as_array().unwrap().len(), 2);
        assert_eq!(json!({"again": thing["tags"]}), json!({"again": ["x", {"of": 1}]}));
    }

    #[test]
    #[should_panic(expected = "GET /things/1: no member `nmae` in {")]
    fn a_misspelled_member_is_named_with_its_route() {
        let _ = answered()["thing"]["nmae"].is_null();
    }

    #[test]
    #[should_panic(expected = "GET /things/1: no member `text` in null")]
    fn nothing_has_no_members() {
        let _ = answered()["thing"]["notes"]["text"].is_null();
    }

    #[test]
    #[should_panic(expected = "GET /things/1: no item 2 in [")]
    fn an_item_beyond_the_last_is_named_with_its_route() {
        let _ = answered()["thing"]["tags"][2].is_null();
    }
}
