//! Prices, URLs and time zones as requests write them.

use chairbook_models::catalog_change::{FieldFault, MAX_PRICE, time_zone};
use chairbook_web::Fields;
use chairbook_web::fields::format::{Fault, Format, Source, whole};
use http::Uri;
use jiff::tz::TimeZone;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// The longest URL that browsers and caches are sure to take, characters.
const MAX_URL: usize = 2048;

/// Notes the fault that a check of several fields found.
pub(crate) fn checked<T>(fields: &mut impl Fields, result: Result<T, FieldFault>) -> Option<T> {
    result.map_err(|fault| fields.refuse(fault.field, fault.message)).ok()
}

/// A price or a part of one.
pub(crate) fn money() -> impl Format<Value = i64> {
    whole(0..=MAX_PRICE).about("Minor currency units.")
}

/// An absolute http(s) URL without a user's name in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpUrl;

impl Format for HttpUrl {
    type Value = String;

    fn read(&self, value: Value, _: Source) -> Result<String, Vec<Fault>> {
        let Value::String(text) = value else { return Err(vec!["must be a string".into()]) };
        let is_url = text.parse::<Uri>().is_ok_and(|uri| {
            let is_host = uri
                .authority()
                .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
            matches!(uri.scheme_str(), Some("http" | "https")) && is_host
        });
        if is_url && text.chars().count() <= MAX_URL {
            return Ok(text);
        }
        let message =
            format!("must be a URL of at most {MAX_URL} characters that begins with https:// or http://");
        Err(vec![message.into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "uri",
            "maxLength": MAX_URL,
            "pattern": "^https?://",
            "examples": ["https://cdn.example/ines.jpg"],
        })
    }
}

/// An IANA time zone, in any case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZoneName;

impl Format for ZoneName {
    type Value = TimeZone;

    fn read(&self, value: Value, _: Source) -> Result<TimeZone, Vec<Fault>> {
        let Value::String(name) = value else { return Err(vec!["must be a string".into()]) };
        time_zone(&name).map_err(|message| vec![message.into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "examples": ["Europe/Paris"]})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_are_http() {
        let read = |value| HttpUrl.read(value, Source::Body);
        let longest = format!("https://cdn.example/{}", "a".repeat(MAX_URL - 20));
        for good in ["https://cdn.example/ines.jpg", "http://localhost:3000/a?b=c", longest.as_str()] {
            assert_eq!(read(json!(good)).as_deref(), Ok(good));
        }
        let too_long = format!("{longest}a");
        for bad in [
            json!(""),
            json!("ines.jpg"),
            json!("/ines.jpg"),
            json!("//cdn.example/ines.jpg"),
            json!("ftp://cdn.example/ines.jpg"),
            json!("javascript:alert(1)"),
            json!("data:image/png;base64,AAAA"),
            json!("https://"),
            json!("https:///ines.jpg"),
            json!("https://user:secret@cdn.example/ines.jpg"),
            json!("https://cdn.example/a b"),
            json!("https://cdn.example/<script>"),
            json!(too_long),
            json!(5),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_have_a_name() {
        let read = |value| ZoneName.read(value, Source::Body);
        let paris = read(json!("europe/paris"));
        assert_eq!(paris.as_ref().map(|zone| zone.iana_name()), Ok(Some("Europe/Paris")));
        let message = |value| read(value).map_err(|faults| faults[0].message.clone());
        assert_eq!(
            message(json!("+02:00")),
            Err("must be an IANA time zone such as Europe/Paris".to_owned())
        );
        assert_eq!(message(json!(2)), Err("must be a string".to_owned()));
    }
}
