//! Who may call the local stack: programs of this machine that call it by a name of this machine, and pages that it
//! served itself. A page of another site that a browser of this machine shows is none of them, even if its own name
//! resolves to this machine (DNS rebinding).

use std::net::Ipv4Addr;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, header};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// For people.
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// Checks that a request is for one of the stack's names, with any port.
///
/// # Errors
/// 400 when it names no host, or several; 421 when it names another one.
pub(crate) fn check_host(parts: &Parts, is_own: &dyn Fn(&str) -> bool) -> Result<(), Refusal> {
    let host = host(&parts.headers)?;
    for named in [Some(&host), parts.uri.authority()].into_iter().flatten() {
        if !is_own(&named.host().to_ascii_lowercase()) {
            let message = format!(
                "The local stack answers to names of this machine only, such as localhost or 127.0.0.1, not to {}.",
                named.host()
            );
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, message));
        }
    }
    Ok(())
}

fn host(headers: &HeaderMap) -> Result<Authority, Refusal> {
    let malformed = || {
        let message =
            "The request must have one Host header with a name and perhaps a port, such as localhost:3000.";
        Refusal::new(StatusCode::BAD_REQUEST, message)
    };
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(malformed()) };
    let host = Authority::try_from(host.as_bytes()).map_err(|_| malformed())?;
    if host.host().is_empty() || host.as_str().contains('@') { Err(malformed()) } else { Ok(host) }
}

/// Whether a host, in lower case, is a name of this machine: `localhost`, a name that ends in `.localhost`, an address of
/// 127.0.0.0/8, or `[::1]`.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Checks that what changes or reveals the stack itself, and not the template's API, is not asked for by a page of another
/// origin. Browsers say which page asks; other programs say nothing.
///
/// # Errors
/// 403 when it is.
pub(crate) fn check_page(parts: &Parts) -> Result<(), Refusal> {
    let path = parts.uri.path();
    let is_own = path.starts_with("/_local/") || path.starts_with("/2015-03-31/");
    if is_own && !parts.method.is_safe() { check_origin(&parts.headers) } else { Ok(()) }
}

/// Checks that a request is not that of another origin's page.
///
/// # Errors
/// 403 when it is.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &str| {
        own.is_some_and(|own| {
            origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(own))
        })
    };
    let is_foreign = headers.get_all(header::ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own))
        || headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if is_foreign {
        let message = "Pages of other origins may not do this. Send the request from a program, without an Origin header.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let status = |host: &str| {
            let parts = parts(Request::get("/api/v1/health").header("host", host));
            check_host(&parts, &is_this_machine).err().map(|refusal| refusal.status.as_u16())
        };
        for good in [
            "localhost",
            "LOCALHOST:3000",
            "localhost.:3000",
            "shop.localhost:3000",
            "127.0.0.1",
            "127.0.0.1:3000",
            "127.9.8.7:1",
            "[::1]",
            "[::1]:3000",
        ] {
            assert_eq!(status(good), None, "{good}");
        }
        for foreign in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "10.0.0.1",
            "0.0.0.0:3000",
            "128.0.0.1",
            "[::]",
            "[::2]:3000",
            "127.1",
        ] {
            assert_eq!(status(foreign), Some(421), "{foreign}");
        }
        for malformed in ["", "[", "[::1", "a b", "a/b", ":80", "localhost@evil.example", "a:b:c"] {
            assert_eq!(status(malformed), Some(400), "{malformed}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        assert_eq!(check_host(&parts(Request::get("/")), &is_this_machine).unwrap_err().status, 400);
        let two = Request::get("/").header("host", "localhost").header("host", "localhost");
        assert_eq!(check_host(&parts(two), &is_this_machine).unwrap_err().status, 400);
        let absolute = Request::get("http://evil.example/").header("host", "localhost");
        assert_eq!(check_host(&parts(absolute), &is_this_machine).unwrap_err().status, 421);
        let absolute = Request::get("http://localhost:3000/").header("host", "localhost:3000");
        assert_eq!(check_host(&parts(absolute), &is_this_machine), Ok(()));
    }

    #[test]
    fn what_is_the_stacks_own_is_not_for_pages_of_others() {
        let check = |method: &str, path: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri(path).header("host", "localhost:3000");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            check_page(&parts(request)).err().map(|refusal| refusal.status.as_u16())
        };
        let invoke = "/2015-03-31/functions/StatsFunction/invocations";
        let own: &[(&str, &str)] = &[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")];
        for path in
            [invoke, "/_local/mail", "/_local/sqs/", "/_local/ses/v2/email/outbound-emails", "/_local/faults"]
        {
            assert_eq!(check("POST", path, &[]), None, "{path}");
            assert_eq!(check("DELETE", path, own), None, "{path}");
            for foreign in [
                ("origin", "http://evil.example"),
                ("origin", "https://localhost:3000"),
                ("origin", "http://localhost:3001"),
                ("origin", "http://127.0.0.1:3000"),
                ("origin", "null"),
                ("origin", ""),
                ("sec-fetch-site", "cross-site"),
            ] {
                assert_eq!(check("POST", path, &[foreign]), Some(403), "{path} {foreign:?}");
                assert_eq!(check("DELETE", path, &[foreign]), Some(403), "{path} {foreign:?}");
                assert_eq!(check("GET", path, &[foreign]), None, "{path} {foreign:?}");
            }
        }
        let foreign = [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(
            check("POST", "/api/v1/auth/login", &foreign),
            None,
            "whom CORS lets is the template's to say"
        );
    }
}
