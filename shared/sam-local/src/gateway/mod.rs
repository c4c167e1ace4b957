//! An API Gateway HTTP API: routes requests to functions, in payload format 2.0, with CORS and the documented limits.
//!
//! Its refusals are API Gateway's own: 404 for no route, 413 for a body above 10 MB (or an event above Lambda's
//! 6 MB), 431 for a request line and headers above 10,240 bytes, 500 for a function that failed or answered what cannot be a response, 503 for one that was too slow or
//! could not be started.

pub mod answer;
pub mod cors;
pub mod event;
pub mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::IntoResponse;
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use uuid::Uuid;

use crate::clock;
use crate::template::model::{Cors, System};
use routes::Routes;

/// API Gateway's limit for a request's body.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// API Gateway's limit for a request's line and its headers together, bytes
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const LARGEST_HEAD: usize = 10_240;
/// Lambda's limit for the event of a synchronous invocation: 6 MB and a little for the envelope.
const LARGEST_EVENT: usize = 6_291_556;
/// How long an HTTP API waits for an integration.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// What the gateway asks the runtime to do.
#[derive(Debug, Clone)]
pub struct Call {
    /// The function's logical id.
    pub function: String,
    /// The event.
    pub payload: Bytes,
    /// API Gateway's id of the request.
    pub request_id: String,
}

/// Why a function gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError {
    /// It failed: an error, a panic, an exit.
    Function,
    /// It ran out of time, or could not be started.
    Unavailable,
}

/// Invokes a function and waits for its payload.
pub type Invoke = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Bytes, CallError>> + Send + Sync>;

/// A request that was answered, for whoever wants to show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// API Gateway's id of the request.
    pub request_id: String,
    /// The request's method.
    pub method: String,
    /// The request's path as sent. It may hold one-time tokens: show [`Access::route_key`] instead.
    pub path: String,
    /// The route that was taken; `None` when there was none.
    pub route_key: Option<String>,
    /// The logical id of the function behind the route.
    pub function: Option<String>,
    /// The response's status.
    pub status: u16,
    /// From the request's arrival to its answer.
    pub duration: Duration,
}

/// Is told of every answered request.
pub type Observe = Arc<dyn Fn(Access) + Send + Sync>;

/// The API of a [`System`].
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    api_id: String,
    routes: Routes,
    cors: Option<Cors>,
    port: u16,
    invoke: Invoke,
    observe: Observe,
}

impl Gateway {
    /// The API of a system, on a port, with what invokes its functions and what is told of its requests.
    pub fn new(system: &System, port: u16, invoke: Invoke, observe: Observe) -> Self {
        let mut routes = Routes::default();
        for function in &system.functions {
            for route in function.routes() {
                routes.add(route, &function.logical_id);
            }
        }
        let (api_id, cors) = match &system.api {
            Some(api) => (api.logical_id.clone(), api.cors.clone()),
            None => (String::new(), None),
        };
        Self(Arc::new(Inner { api_id, routes, cors, port, invoke, observe }))
    }

    /// Everything that no other service of the stack answers. Needs [`ConnectInfo`] of the peer's address.
    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(self)
    }
}

async fn handle(
    State(Gateway(gateway)): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let started = tokio::time::Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = Uuid::new_v4().to_string();
    let mut access = Access {
        request_id: request_id.clone(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        route_key: None,
        function: None,
        status: 0,
        duration: Duration::ZERO,
    };
    let mut response = gateway.respond(&parts, body, peer, &mut access).await;
    if let Some(cors) = gateway.cors.as_ref().filter(|_| !cors::is_preflight(&parts.method, &parts.headers)) {
        cors::apply(cors, &parts.headers, response.headers_mut());
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    access.status = response.status().as_u16();
    access.duration = started.elapsed();
    (gateway.observe)(access);
    response
}

impl Inner {
    async fn respond(
        &self,
        parts: &http::request::Parts,
        body: Body,
        peer: SocketAddr,
        access: &mut Access,
    ) -> Response<Body> {
        if head_length(parts) > LARGEST_HEAD {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return refusal(status, "Request Header Fields Too Large");
        }
        if let Some(cors) = &self.cors
            && cors::is_preflight(&parts.method, &parts.headers)
        {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            *response.headers_mut() = cors::preflight(cors, &parts.headers);
            return response;
        }
        let Some(route) = self.routes.find(parts.method.as_str(), parts.uri.path()) else {
            return refusal(StatusCode::NOT_FOUND, "Not Found");
        };
        access.route_key = Some(route.key.to_owned());
        access.function = Some(route.function.to_owned());
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            // The client went away in the middle of its body; nobody reads this answer.
            Err(_) => return refusal(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let context = event::Context {
            api_id: &self.api_id,
            request_id: &access.request_id,
            peer: peer.ip(),
            port: self.port,
            now: clock::now(),
        };
        let payload = Bytes::from(event::event(parts, &body, &route, &context).to_string());
        if payload.len() > LARGEST_EVENT {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let call =
            Call { function: route.function.to_owned(), payload, request_id: access.request_id.clone() };
        match tokio::time::timeout(INTEGRATION_TIMEOUT, (self.invoke)(call)).await {
            Ok(Ok(payload)) => match answer::response(&payload) {
                Some(response) => response.map(Body::from),
                None => refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            },
            Ok(Err(CallError::Function)) => {
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            Ok(Err(CallError::Unavailable)) | Err(_) => {
                refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
        }
    }
}

/// Bytes of a request's method, target, and headers.
fn head_length(parts: &http::request::Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    parts.method.as_str().len() + target + headers.sum::<usize>()
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    (status, Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests;
