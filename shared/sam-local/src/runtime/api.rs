//! The Runtime API of one execution environment, version 2018-06-01:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::connection::{Connection, Fate};
use super::environment::Environment;
use super::invocation::{FunctionError, RESPONSE_LIMIT};
use super::phase::Fetched;
use crate::server::{check_host, check_origin, is_this_machine};

/// What a version of the API begins with.
const PREFIX: &str = "/2018-06-01/runtime/";

/// Serves until told to stop, then until the connections that are there have ended.
pub(super) async fn serve(listener: TcpListener, environment: Arc<Environment>, stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let environment = environment.clone();
                    connections.spawn(converse(Connection::new(stream), environment));
                }
                // Out of file descriptors, most likely: trying at once would only spin.
                Err(error) => {
                    tracing::warn!(%error, "the Runtime API could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stop => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(connection: Connection, environment: Arc<Environment>) {
    let fate = connection.fate();
    let service = service_fn(move |request| {
        let environment = environment.clone();
        let fate = fate.clone();
        async move { Ok::<_, Infallible>(answer(request, environment, fate).await) }
    });
    // How the connection ended is the fate's to tell; the process's own end is noticed elsewhere.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

async fn answer(
    request: Request<Incoming>,
    environment: Arc<Environment>,
    fate: Fate,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    if let Err(refused) = check_host(&parts, &is_this_machine).and_then(|()| check_origin(&parts.headers)) {
        return refusal(refused.status, "AccessDenied", &refused.message);
    }
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let error_type =
        parts.headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&environment, &fate).await,
        (&Method::POST, ["invocation", request_id, "response"]) => {
            let result = match read(body).await {
                Body::Whole(payload) => Ok(payload),
                Body::TooLarge(size) => Err(too_large(size)),
                Body::Broken => return refusal(StatusCode::BAD_REQUEST, "InvalidBody", "The body broke off"),
            };
            accept(Environment::answered(&environment, request_id, result).await)
        }
        (&Method::POST, ["invocation", request_id, "error"]) => {
            let error = match read(body).await {
                Body::Whole(payload) => FunctionError::posted(payload, error_type),
                Body::TooLarge(size) => too_large(size),
                Body::Broken => return refusal(StatusCode::BAD_REQUEST, "InvalidBody", "The body broke off"),
            };
            accept(Environment::answered(&environment, request_id, Err(error)).await)
        }
        (&Method::POST, ["init", "error"]) => {
            if let Body::Whole(payload) = read(body).await {
                environment.init_failed(FunctionError::posted(payload, error_type));
            }
            accept(true)
        }
        _ => refusal(StatusCode::NOT_FOUND, "InvalidPath", "The Runtime API has no such path and method"),
    }
}

async fn next(environment: &Arc<Environment>, fate: &Fate) -> Response<Full<Bytes>> {
    if !environment.ask() {
        return refusal(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "The invocation before has not been answered",
        );
    }
    let fetched = loop {
        if let Some(fetched) = environment.fetch(fate) {
            break fetched;
        }
        environment.assigned().await;
    };
    invocation(fetched, environment.arn())
}

fn invocation(fetched: Fetched, arn: &str) -> Response<Full<Bytes>> {
    let id = Uuid::new_v4().simple().to_string();
    let seconds = fetched.begun.as_second();
    let trace = format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &id[..24], &id[16..]);
    let mut response = Response::new(Full::new(fetched.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("lambda-runtime-aws-request-id", fetched.request_id.as_str()),
        ("lambda-runtime-deadline-ms", fetched.deadline.as_millisecond().to_string().as_str()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", trace.as_str()),
    ] {
        // Ids, digits and ARNs are all visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

enum Body {
    Whole(Bytes),
    TooLarge(usize),
    Broken,
}

/// Reads a body to its end even when it is too large: a process whose write is cut off would take that for the end of
/// its Runtime API.
async fn read(mut body: Incoming) -> Body {
    let mut whole = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Body::Broken };
        if let Some(data) = frame.data_ref() {
            size += data.len();
            if size <= RESPONSE_LIMIT {
                whole.extend_from_slice(data);
            }
        }
    }
    if size <= RESPONSE_LIMIT { Body::Whole(whole.freeze()) } else { Body::TooLarge(size) }
}

fn too_large(size: usize) -> FunctionError {
    FunctionError::new(
        "Function.ResponseSizeTooLarge",
        format!(
            "Response payload size ({size} bytes) exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
        ),
    )
}

fn accept(known: bool) -> Response<Full<Bytes>> {
    if known {
        return json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }));
    }
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(status, &json!({ "errorType": error_type, "errorMessage": message }))
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
