//! Content negotiation by the `Accept` header (RFC 9110, section 12.5.1).

use http::{HeaderMap, header};
use mediatype::names::{_STAR, APPLICATION, HTML, JSON, TEXT};
use mediatype::{MediaType, MediaTypeList, ReadParams};

/// Returns true if a client asks for JSON by name and does not prefer a page of HTML.
///
/// `*/*`, which programs send that have not thought about it, asks for nothing in particular; so does a client without
/// the header.
#[must_use]
pub fn prefers_json(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<_> = lines.flat_map(MediaTypeList::new).filter_map(Result::ok).collect();
    let weight = |ty, subty| {
        let matching = ranges.iter().filter(|range| range.ty == ty && range.subty == subty);
        matching.filter_map(quality).reduce(f32::max)
    };
    let Some(json) = weight(APPLICATION, JSON).filter(|weight| *weight > 0.0) else { return false };
    let named = weight(TEXT, HTML);
    let html = named.or_else(|| weight(TEXT, _STAR)).or_else(|| weight(_STAR, _STAR)).unwrap_or(0.0);
    json > html || (json >= html && named.is_none())
}

/// The weight of a media range, 0 to 1; a range whose weight is malformed counts for nothing.
fn quality(range: &MediaType<'_>) -> Option<f32> {
    match range.params().find(|(name, _)| *name == "q") {
        None => Some(1.0),
        Some((_, weight)) => weight.as_str().parse().ok().filter(|weight| (0.0..=1.0).contains(weight)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn prefers(lines: &[&str]) -> bool {
        let lines = lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_str(line).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        prefers_json(&headers)
    }

    #[test]
    fn json_must_be_asked_for_by_name_and_weigh_more_than_a_page() {
        for (accept, expected) in [
            (&["application/json"][..], true),
            (&["Application/JSON"], true),
            (&["application/json; charset=utf-8"], true),
            (&["application/json, text/plain, */*"], true),
            (&["application/json, */*;q=0.8"], true),
            (&["application/json;q=0.9, text/html;q=0.8"], true),
            (&["application/json;q=0.9, text/html; q=0"], true),
            (&["text/plain", "application/json"], true),
            (&[r#"text/plain;a="x, text/html", application/json"#], true),
            (&[], false),
            (&[""], false),
            (&["*/*"], false),
            (&["application/*"], false),
            (&["application/ld+json"], false),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], false),
            (&["text/html, application/json;q=0.9"], false),
            (&["application/json, text/html"], false),
            (&["application/json;q=0.5, */*"], false),
            (&["application/json;q=0.5, text/*"], false),
            (&["application/json;q=0"], false),
            (&["application/json;q=2"], false),
            (&["application/json;q=NaN"], false),
            (&["application/json;q=x"], false),
            (&[r#"text/plain;a="application/json"#], false),
            (&["text/html;a=\"application/json\""], false),
            (&["application", "json"], false),
        ] {
            assert_eq!(prefers(accept), expected, "{accept:?}");
        }
    }
}
