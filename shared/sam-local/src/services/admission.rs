//! Who may use the services.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::server::{check_host, check_origin};

/// An error as the SDKs of all services read it: its type in a header and in the body.
pub(super) fn refuse(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let mut response = (status, Json(json!({ "__type": error_type, "message": message }))).into_response();
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    response
}

/// Checks that a request is for one of the stack's names, is not that of a page of another origin, and is signed with
/// the stack's access key.
///
/// # Errors
/// The response that refuses it.
pub(super) fn check(
    parts: &Parts,
    is_own: &dyn Fn(&str) -> bool,
    access_key_id: &str,
) -> Result<(), Box<Response>> {
    check_host(parts, is_own)
        .and_then(|()| check_origin(&parts.headers))
        .map_err(|refusal| Box::new(refuse(refusal.status, "AccessDeniedException", &refusal.message)))?;
    let Some(key) = access_key_of(&parts.headers) else {
        return Err(Box::new(refuse(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationTokenException",
            "The request is not signed (Authorization: AWS4-HMAC-SHA256 Credential=…). The stack's command `env` prints \
             the access key to sign with.",
        )));
    };
    if key == access_key_id {
        return Ok(());
    }
    Err(Box::new(refuse(
        StatusCode::FORBIDDEN,
        "UnrecognizedClientException",
        "The request is signed with an access key that is not this stack's. The stack's command `env` prints the one to \
         sign with.",
    )))
}

/// The id of the access key that a request is signed with (Signature Version 4).
fn access_key_of(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let parameters = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let credential =
        parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
    credential.split('/').next().filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use http::Request;

    const KEY: &str = "ABCDEFGHIJKLMNOPQRST";

    fn check(headers: &[(&str, &str)]) -> Option<(u16, String)> {
        let mut request = Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let refusal = super::check(&parts, &|host| host == "localhost", KEY).err()?;
        let kind = refusal.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
        Some((refusal.status().as_u16(), kind))
    }

    #[test]
    fn the_stacks_access_key_is_needed() {
        let host = ("host", "localhost:4566");
        let signed = |key: &str| {
            let scope = "20260302/eu-central-1/dynamodb/aws4_request";
            format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host, Signature=00")
        };
        assert_eq!(check(&[host, ("authorization", &signed(KEY))]), None);
        for (key, kind) in [
            ("local", "UnrecognizedClientException"),
            ("ABCDEFGHIJKLMNOPQRSTU", "UnrecognizedClientException"),
            ("abcdefghijklmnopqrst", "UnrecognizedClientException"),
            ("", "MissingAuthenticationTokenException"),
        ] {
            let refused = Some((403, kind.to_owned()));
            assert_eq!(check(&[host, ("authorization", &signed(key))]), refused, "{key}");
        }
        let missing = Some((403, "MissingAuthenticationTokenException".to_owned()));
        assert_eq!(check(&[host]), missing);
        assert_eq!(check(&[host, ("authorization", &format!("Bearer {KEY}"))]), missing);
        assert_eq!(check(&[host, ("authorization", &format!("AWS4-HMAC-SHA256 Signature={KEY}"))]), missing);
    }

    #[test]
    fn a_page_is_refused_even_if_it_has_the_key() {
        let signed = ("authorization", &*format!("AWS4-HMAC-SHA256 Credential={KEY}/a/b/c/aws4_request"));
        let denied = |status| Some((status, "AccessDeniedException".to_owned()));
        assert_eq!(check(&[signed, ("host", "evil.example:4566")]), denied(421));
        let host = ("host", "localhost:4566");
        assert_eq!(check(&[signed, host, ("origin", "http://evil.example")]), denied(403));
        assert_eq!(check(&[signed, host, ("origin", "null")]), denied(403));
        assert_eq!(check(&[signed, host, ("sec-fetch-site", "cross-site")]), denied(403));
    }
}
