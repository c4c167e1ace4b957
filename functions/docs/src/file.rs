//! Files that are the same for everybody until the next release.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chairbook_web::contract::{Operation, Output, ResponseContent};
use chairbook_web::{Visitor, Web, errors};
use http::{HeaderValue, header};
use schemars::json_schema;
use swagger_ui_redist::{SwaggerUi, SwaggerUiStaticFile};

/// The OpenAPI document, as the crate `chairbook-openapi` writes it.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

const SCRIPT: &str = "text/javascript";
const STYLE: &str = "text/css";

/// A text that caches may keep for an hour.
pub(crate) struct File {
    media_type: &'static str,
    content: &'static str,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = self.content.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        response
    }
}

/// The document, which anybody may read from a page of their own.
pub(crate) struct Document;

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        File { media_type: "application/json", content: DOCUMENT }.into_response()
    }
}

impl Output for Document {
    fn describe(operation: &mut Operation<'_>) {
        let schema = json_schema!({
            "description": "An OpenAPI 3.1 document.",
            "type": "object",
            "additionalProperties": true,
        });
        operation.response(200, ResponseContent::Json(schema), Vec::new());
    }
}

pub(crate) async fn document(_: State<Web>, _: Visitor) -> Document {
    Document
}

/// A script or a style sheet.
pub(crate) struct PageFile(File);

impl IntoResponse for PageFile {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Output for PageFile {
    fn describe(operation: &mut Operation<'_>) {
        operation.response(200, ResponseContent::Text(SCRIPT), Vec::new());
        operation.response(200, ResponseContent::Text(STYLE), Vec::new());
    }
}

errors! {
    /// Refusals of a file of the page.
    pub(crate) enum FileError {
        /// The page has no such file.
        NotFound => NOT_FOUND "not_found" "File not found.";
    }
}

/// A text of Swagger UI's.
fn of_swagger_ui(wanted: SwaggerUiStaticFile) -> Option<&'static str> {
    let content =
        SwaggerUi::static_files().iter().find(|(file, _)| *file == wanted).map(|(_, content)| *content)?;
    str::from_utf8(content).ok()
}

pub(crate) async fn of_page(
    _: State<Web>,
    _: Visitor,
    Path(name): Path<String>,
) -> Result<PageFile, FileError> {
    let (media_type, content) = match name.as_str() {
        "swagger-ui.css" => (STYLE, of_swagger_ui(SwaggerUiStaticFile::Css)),
        "swagger-ui-bundle.js" => (SCRIPT, of_swagger_ui(SwaggerUiStaticFile::Js)),
        "page.css" => (STYLE, Some(include_str!("../assets/page.css"))),
        "page.js" => (SCRIPT, Some(include_str!("../assets/page.js"))),
        _ => (SCRIPT, None),
    };
    content.map(|content| PageFile(File { media_type, content })).ok_or(FileError::NotFound)
}
