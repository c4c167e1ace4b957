//! The page to read and try the API from.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chairbook_web::contract::{Header, Operation, Output, ResponseContent};
use chairbook_web::{Visitor, Web};
use http::{HeaderValue, header};
use schemars::json_schema;

/// The policy of the page: its own scripts and styles, and requests to its own host. Swagger UI's icons are `data:` URLs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(crate) struct Page;

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(include_str!("../assets/page.html")).into_response();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}

impl Output for Page {
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, ResponseContent::Text("text/html"), Vec::new());
    }
}

pub(crate) async fn page(_: State<Web>, _: Visitor) -> Page {
    Page
}

/// The way to the page.
pub(crate) struct ToPage;

impl IntoResponse for ToPage {
    fn into_response(self) -> Response {
        Redirect::temporary("/api/v1/docs").into_response()
    }
}

impl Output for ToPage {
    fn describe(operation: &mut Operation<'_>) {
        let location = Header {
            name: "Location",
            description: "The page's address.",
            schema: json_schema!({"type": "string", "format": "uri-reference", "examples": ["/api/v1/docs"]}),
            is_required: true,
        };
        operation.response(307, ResponseContent::Nothing, vec![location]);
    }
}

pub(crate) async fn root(_: State<Web>, _: Visitor) -> ToPage {
    ToPage
}
