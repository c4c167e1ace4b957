//! The HTTP servers of the stack: connections, time limits, and who may call.

mod caller;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use caller::check_page;
pub(crate) use caller::{Refusal, check_host, check_origin, is_this_machine};

/// Time for a request's line and headers, after which the connection is closed; an idle connection has as much.
const HEADERS_TIME: Duration = Duration::from_secs(10);
/// Time for a request's body.
const BODY_TIME: Duration = Duration::from_secs(10);
/// The largest body of a request that is for this machine alone, API Gateway's: the limits of the other services there
/// are smaller.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// Serves on `listener` until `ended` says so, then lets requests under way finish.
pub(crate) async fn serve(listener: TcpListener, services: Router, ended: watch::Receiver<bool>) {
    serve_patiently(listener, services, Some(HEADERS_TIME), ended).await;
}

/// As [`serve`], with another time for a request's line and headers, or none: clients that keep connections for later
/// may find one closed just as they use it.
pub(crate) async fn serve_patiently(
    listener: TcpListener,
    services: Router,
    headers_time: Option<Duration>,
    mut ended: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, peer, services.clone(), headers_time, ended.clone()));
                }
                // Out of file descriptors, most likely: trying at once would only spin.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = end_of(&mut ended) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Resolves when the stack ends, also because it is gone already.
async fn end_of(ended: &mut watch::Receiver<bool>) {
    let _gone = ended.wait_for(|ended| *ended).await;
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    services: Router,
    headers_time: Option<Duration>,
    mut ended: watch::Receiver<bool>,
) {
    // Small responses must not wait for the client's acknowledgement of the ones before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let services = services.clone();
        async move { Ok::<_, Infallible>(services.oneshot(request.map(Body::new)).await.into_response()) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(headers_time)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let finished = tokio::select! {
        finished = connection.as_mut() => finished,
        () = end_of(&mut ended) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = finished {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Services for programs of this machine, and for pages that it served itself.
pub(crate) fn for_this_machine(services: Router) -> Router {
    services.layer(from_fn(admit))
}

/// Refuses who may not call, and reads the body whole, within its time.
async fn admit(request: axum::extract::Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = check_host(&parts, &is_this_machine).and_then(|()| check_page(&parts)) {
        return refusal.into_response();
    }
    match read(body, LARGEST_BODY).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(refusal) => *refusal,
    }
}

/// Reads a body whole, within its time.
///
/// # Errors
/// The response to a body that is larger than `largest`, does not arrive in time or breaks off.
pub(crate) async fn read(body: Body, largest: usize) -> Result<Bytes, Box<Response>> {
    let read = tokio::time::timeout(BODY_TIME, Limited::new(body, largest).collect()).await;
    let response = match read {
        Ok(Ok(body)) => return Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
        }
        // The client went away in the middle of its body, or broke its encoding.
        Ok(Err(_)) => refusal(StatusCode::BAD_REQUEST, "Bad Request"),
        Err(_) => {
            let message = format!("The body did not arrive within {} seconds.", BODY_TIME.as_secs());
            let mut response = refusal(StatusCode::REQUEST_TIMEOUT, &message);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    Err(Box::new(response))
}

/// A refusal in API Gateway's form.
fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refusal(self.status, &self.message)
    }
}

#[cfg(test)]
mod tests;
