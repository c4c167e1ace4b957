//! Numbers, URLs and local times as requests write them.

use std::ops::RangeInclusive;

use chairbook_models::catalog_change::MAX_PRICE;
use chairbook_web::Fields;
use http::Uri;
use jiff::civil::DateTime;
use serde_json::Value;

/// The longest URL that browsers and caches are sure to take, characters.
const MAX_URL: usize = 2048;

/// A whole number.
pub(crate) fn whole<T>(range: RangeInclusive<T>) -> impl FnOnce(Value) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    move |value| {
        let number = value.as_i64().and_then(|number| T::try_from(number).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }
}

/// `price`, which must be there.
pub(crate) fn price(fields: &mut Fields) -> Option<i64> {
    fields.required_with("price", whole(0..=MAX_PRICE))
}

/// `true` or `false`.
pub(crate) fn flag(value: Value) -> Result<bool, &'static str> {
    serde_json::from_value(value).map_err(|_| "must be true or false")
}

/// An absolute http(s) URL without a user's name in it.
pub(crate) fn http_url(value: Value) -> Result<String, String> {
    let refused =
        || format!("must be a URL of at most {MAX_URL} characters that begins with https:// or http://");
    let Value::String(text) = value else { return Err("must be a string".to_owned()) };
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if is_http && is_host && text.chars().count() <= MAX_URL { Ok(text) } else { Err(refused()) }
}

/// A local date and time, `2026-03-02T09:00`.
pub(crate) fn local(value: Value) -> Result<DateTime, &'static str> {
    let Value::String(text) = value else { return Err("must be a string") };
    // What else `jiff` reads (seconds, zones, other separators) is not accepted.
    text.parse()
        .ok()
        .filter(|local| written(*local) == text)
        .ok_or("must be a local date and time such as 2026-03-02T09:00")
}

/// As [`local`] reads it.
pub(crate) fn written(local: DateTime) -> String {
    local.strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_whole_and_within_their_range() {
        let read = |value| whole(1..=600_u32)(value);
        assert_eq!(read(json!(1)), Ok(1));
        assert_eq!(read(json!(600)), Ok(600));
        for bad in [json!(0), json!(601), json!(-1), json!(1.5), json!("60"), json!(true), json!(1_u64 << 40)]
        {
            assert_eq!(read(bad.clone()).unwrap_err(), "must be a whole number from 1 to 600", "{bad}");
        }
    }

    #[test]
    fn urls_are_http() {
        let longest = format!("https://cdn.example/{}", "a".repeat(MAX_URL - 20));
        for good in ["https://cdn.example/ines.jpg", "http://localhost:3000/a?b=c", longest.as_str()] {
            assert_eq!(http_url(json!(good)).as_deref(), Ok(good));
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
            assert!(http_url(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn local_times_have_one_form() {
        let nine = jiff::civil::datetime(2026, 3, 2, 9, 0, 0, 0);
        assert_eq!(local(json!("2026-03-02T09:00")), Ok(nine));
        assert_eq!(written(nine), "2026-03-02T09:00");
        for bad in [
            json!("2026-03-02"),
            json!("2026-03-02 09:00"),
            json!("2026-03-02T09:00:00"),
            json!("2026-03-02T09:00Z"),
            json!("2026-03-02T09:00+01:00"),
            json!("2026-02-30T09:00"),
            json!("2026-03-02T24:00"),
            json!("-002026-03-02T09:00"),
            json!(5),
        ] {
            assert!(local(bad.clone()).is_err(), "{bad}");
        }
    }
}
