//! The HTTP front of the embedded DynamoDB.
//!
//! dynoxide's own server reads every body three times, since it knows how DynamoDB words each refusal of a malformed one.
//! The front reads a body once where it is plainly right, which those of functions are, and leaves everything else to
//! that server, on an address of its own.
//!
//! The functions of the stack have an address of their own, too, at which DynamoDB has the faults that are asked for.

mod call;
mod disturbed;
#[cfg(test)]
mod fault_tests;
mod in_flight;
mod item_id;
mod replica;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dynoxide::Database;
use dynoxide::auth_material::{self, AuthMaterial};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use serde_json::Value;

use crate::faults::Faults;
use crate::server;
use crate::template::model::Table;
use call::{Answer, Call};
use in_flight::InFlight;
use item_id::KeySchemas;
use replica::Replicas;

/// The largest body of a request.
pub(crate) const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The prefix of every operation's name in `X-Amz-Target`.
const TARGET: &str = "DynamoDB_20120810.";

/// The media types of a request, which the response has, too.
const MEDIA_TYPES: [&str; 2] = ["application/x-amz-json-1.0", "application/json"];

/// The headers that belong to one connection, and that the next one says anew.
const OF_THE_CONNECTION: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING];

/// Answers DynamoDB's requests. It blocks the thread it is called on for as long as the database works. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Front {
    inner: Arc<Inner>,
    /// Set where faults happen to the callers.
    is_for_functions: bool,
}

struct Inner {
    database: Database,
    /// The address of dynoxide's own server.
    dynoxide: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The product that answers, as dynoxide's own server names it.
    product: HeaderValue,
    faults: Faults,
    /// The requests that have created the tables.
    tables: Vec<Value>,
    keys: KeySchemas,
    in_flight: InFlight,
    replicas: Mutex<Replicas>,
    /// The tokens of transactions that were carried out for functions while there were faults.
    done: Mutex<HashSet<String>>,
}

impl Front {
    /// The front of a database, whose own server is at an address, with the template's tables.
    pub(super) fn new(database: Database, address: SocketAddr, tables: &[Table], faults: Faults) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let product = HeaderValue::from_str(&format!("Dynoxide/{}", dynoxide::PRODUCT_VERSION));
        let product = product.unwrap_or(HeaderValue::from_static("Dynoxide"));
        let inner = Inner {
            database,
            dynoxide: address,
            client,
            product,
            faults,
            tables: tables.iter().map(|table| table.create_table.clone()).collect(),
            keys: KeySchemas::of(tables),
            in_flight: InFlight::default(),
            replicas: Mutex::default(),
            done: Mutex::default(),
        };
        Self { inner: Arc::new(inner), is_for_functions: false }
    }

    /// The same, for the functions of the stack.
    pub(super) fn for_functions(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), is_for_functions: true }
    }

    /// It as a service for programs of this machine, and for no page of another origin.
    pub(super) fn router(self) -> Router {
        Router::new().fallback(admit).with_state(self)
    }

    /// Answers a request whose body has been read.
    pub(crate) async fn answer(&self, parts: &Parts, body: Bytes) -> Response {
        if let Some((operation, media_type)) = plain(parts)
            && let Some(call) = Call::read(operation, &body)
            && let Some(answer) = self.run(operation, call).await
        {
            return self.response(media_type, answer);
        }
        let answered = self.ask_dynoxide(parts, body).await.unwrap_or_else(|error| {
            // It is gone at the stack's end.
            tracing::debug!(error, "dynoxide did not answer");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        });
        if let Some(target) = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
            self.passed_by(target.rsplit('.').next().unwrap_or_default());
        }
        answered
    }

    /// The response as dynoxide's own server has it.
    fn response(&self, media_type: &'static str, Answer { status, body }: Answer) -> Response {
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(header::SERVER, self.inner.product.clone());
        headers.insert("x-amz-crc32", HeaderValue::from(crc32fast::hash(&body)));
        headers.insert("x-dynoxide-version", HeaderValue::from_static(dynoxide::PRODUCT_VERSION));
        if let Ok(id) = HeaderValue::from_str(&request_id()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }

    async fn ask_dynoxide(&self, parts: &Parts, body: Bytes) -> Result<Response, String> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = http::Request::builder()
            .method(&parts.method)
            .uri(format!("http://{}{path}", self.inner.dynoxide))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = carried_over(&parts.headers);
        let answered = self.inner.client.request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = answered.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = carried_over(&parts.headers);
        Ok(response)
    }
}

fn carried_over(headers: &HeaderMap) -> HeaderMap {
    let carried = headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name));
    carried.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn admit(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let admitted = server::check_host(&parts, &server::is_this_machine)
        .and_then(|()| server::check_origin(&parts.headers));
    if let Err(refusal) = admitted {
        return refusal.into_response();
    }
    match server::read(body, LARGEST_BODY).await {
        Ok(body) => front.answer(&parts, body).await,
        Err(refusal) => *refusal,
    }
}

/// The operation and the media type of a request that DynamoDB takes as it is, whatever its body.
fn plain(parts: &Parts) -> Option<(&str, &'static str)> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if parts.method != Method::POST || parts.uri.path() != "/" || parts.headers.contains_key(header::ORIGIN) {
        return None;
    }
    let given = text("content-type")?.split(';').next()?.trim();
    let media_type = MEDIA_TYPES.into_iter().find(|known| given.eq_ignore_ascii_case(known))?;
    let material = AuthMaterial {
        authorization: text("authorization"),
        query: parts.uri.query().unwrap_or_default(),
        has_date_header: parts.headers.contains_key("x-amz-date") || parts.headers.contains_key(header::DATE),
    };
    let operation = text("x-amz-target")?.strip_prefix(TARGET)?;
    auth_material::validate(material).is_none().then_some((operation, media_type))
}

/// A request's id as DynamoDB's look: 52 capitals and digits.
fn request_id() -> String {
    let mut id = format!("{:032X}{:032X}", rand::random::<u128>(), rand::random::<u128>());
    id.truncate(52);
    id
}
