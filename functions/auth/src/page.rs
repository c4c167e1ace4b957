//! Small pages for people who follow a link in a mail with a browser.
//!
//! Opening a page changes nothing, since programs that look through mail for malware open links too: its button does.
//! The templates are in `templates`; styles and script stand in the page itself, and its Content-Security-Policy permits
//! them and nothing else.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chairbook_web::contract::{Operation, Output, ResponseContent};
use chairbook_web::{ApiError, Reply, RequestError};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

/// The style sheet of every page.
pub(crate) const STYLE: &str = include_str!("../templates/page.css");

/// The script of the pages with a form.
pub(crate) const SCRIPT: &str = include_str!("../templates/form.js");

/// The page that says why a link did not work.
#[derive(Template)]
#[template(path = "failure.html")]
struct Failure<'e> {
    title: &'static str,
    message: &'e str,
}

/// The page where somebody confirms that an address is theirs.
#[derive(Template)]
#[template(path = "verify_email.html")]
struct VerifyEmail {
    title: &'static str,
}

/// The same for the address whose account becomes the owner's, which is done by whoever knows the new password, and
/// not by whoever registered.
#[derive(Template)]
#[template(path = "become_owner.html")]
struct BecomeOwner {
    title: &'static str,
}

/// The page where a new password is typed.
#[derive(Template)]
#[template(path = "reset_password.html")]
struct ResetPassword {
    title: &'static str,
}

/// A page.
pub(crate) struct Page {
    status: StatusCode,
    html: String,
    /// The sources that its Content-Security-Policy permits besides the style sheet.
    sources: String,
}

impl Page {
    /// The page that says why a link did not work.
    ///
    /// # Errors
    /// 500 when the template fails, as of all pages.
    pub(crate) fn failure(error: impl Into<ApiError>) -> Result<Self, RequestError> {
        let ApiError { status, message, .. } = error.into();
        let template = Failure { title: "That did not work", message: &message };
        Ok(Self { status, html: rendered(&template)?, sources: String::new() })
    }

    /// The page where somebody confirms that an address is theirs.
    pub(crate) fn verify_email() -> Result<Self, RequestError> {
        Self::form(&VerifyEmail { title: "Confirm your e-mail address" })
    }

    /// The page where the owner confirms their address and chooses a password.
    pub(crate) fn become_owner() -> Result<Self, RequestError> {
        Self::form(&BecomeOwner { title: "Become the salon’s owner" })
    }

    /// The page where a new password is typed.
    pub(crate) fn reset_password() -> Result<Self, RequestError> {
        Self::form(&ResetPassword { title: "Choose a new password" })
    }

    fn form(template: &impl Template) -> Result<Self, RequestError> {
        let sources = format!(" script-src {}; connect-src 'self';", source(SCRIPT));
        Ok(Self { status: StatusCode::OK, html: rendered(template)?, sources })
    }
}

fn rendered(template: &impl Template) -> Result<String, RequestError> {
    template.render().map_err(|error| RequestError::bug(&error))
}

/// A source of a Content-Security-Policy that permits one inline style sheet or script.
fn source(inline: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, inline.as_bytes())))
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let policy = format!(
            "default-src 'none'; style-src {};{} base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            source(STYLE),
            self.sources
        );
        let mut response = (self.status, Html(self.html)).into_response();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// A page for people, or a reply for programs that ask for JSON.
pub(crate) enum PageOr<T> {
    Page(Page),
    Reply(Reply<T>),
}

impl<T: Serialize> IntoResponse for PageOr<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Page(page) => page.into_response(),
            Self::Reply(reply) => reply.into_response(),
        }
    }
}

impl<T: Serialize + JsonSchema> Output for PageOr<T> {
    fn describe(operation: &mut Operation<'_>) {
        Reply::<T>::describe(operation);
        operation.response(200, ResponseContent::Text("text/html"), Vec::new());
        operation.has_pages = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_and_scripts_stand_in_a_page_as_its_policy_has_them() {
        for page in [Page::verify_email(), Page::become_owner(), Page::reset_password()] {
            let html = page.unwrap().html;
            for (element, inline) in [("style", STYLE), ("script", SCRIPT)] {
                let element = format!("<{element}>{inline}</{element}>");
                assert_eq!(html.matches(&element).count(), 1, "{html}");
            }
        }
    }

    #[test]
    fn a_password_is_asked_for_with_its_limits() {
        for page in [Page::become_owner(), Page::reset_password()] {
            let html = page.unwrap().html;
            assert!(html.contains(r#"minlength="8" maxlength="128""#), "{html}");
        }
        assert!(!Page::verify_email().unwrap().html.contains("<input"));
    }

    #[test]
    fn a_message_is_no_markup() {
        let error = ApiError::new(StatusCode::BAD_REQUEST, "invalid_token", "<b>Too</b> old & used.");
        let page = Page::failure(error).unwrap();
        assert_eq!(page.status, 400);
        assert!(page.html.contains("&#60;b&#62;Too&#60;/b&#62; old &#38; used."), "{}", page.html);
        assert!(!page.html.contains("<b>") && !page.html.contains("<script>"), "{}", page.html);
    }
}
