//! DynamoDB, SQS, SES and Lambda on one port, for whoever runs the stack's functions elsewhere: SAM CLI's containers,
//! cargo-lambda, a debugger, and the AWS CLI. `AWS_ENDPOINT_URL` points them here.
//!
//! A request must be signed with the access key that the stack has made, as an SDK signs it that was given that key. The
//! signature itself is not looked at: the key's id is secret enough, and pages do not know it. Besides, a request must be
//! for a name of the stack's, and none of a page's, which refuses pages of other origins even if they know the key.

mod admission;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::dynamodb::{LARGEST_BODY, Service};
use crate::server::{self, is_this_machine};
use crate::template::GeneratedSecret;

/// The port on which the services are unless another is asked for: `LocalStack`'s, which serves the same there.
pub const PORT: u16 = 4566;

/// The name by which containers reach the machine that they run on, in Docker Desktop always and elsewhere with
/// `--add-host host.docker.internal:host-gateway`. The domain `internal` is nobody's, so no page can have the name.
pub const CONTAINERS_NAME: &str = "host.docker.internal";

/// The access key's id is generated like one of the template's secrets, under a name that no resource can have: 100
/// random bits.
pub(crate) fn access_key() -> GeneratedSecret {
    GeneratedSecret {
        logical_id: "access key".to_owned(),
        length: 20,
        character_types: vec!["ABCDEFGHIJKLMNOPQRSTUVWXYZ".to_owned(), "234567".to_owned()],
        require_each_type: false,
        template: None,
    }
}

/// What requests of the services are answered with.
struct Services {
    access_key_id: String,
    listen: Option<IpAddr>,
    /// The Invoke API, SQS and SES, at the paths where the stack itself has them.
    local: Router,
    /// The embedded DynamoDB.
    dynamodb: Service,
}

/// Whether a host, in lower case, is a name of the stack's, which listens on an address besides 127.0.0.1.
fn is_own(listen: Option<IpAddr>, host: &str) -> bool {
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let is_asked_for = match (listen, address) {
        // Every address of this machine was asked for. That of a page is a name, not an address.
        (Some(listen), Some(_)) if listen.is_unspecified() => true,
        (Some(listen), Some(address)) => listen == address,
        _ => false,
    };
    is_asked_for || is_this_machine(host) || host == CONTAINERS_NAME
}

/// The services' router. `local` is the Invoke API, SQS and SES where the stack itself has them; `dynamodb` is the
/// embedded DynamoDB; `listen` is the address that was asked for besides 127.0.0.1.
pub(crate) fn router(
    access_key_id: String,
    listen: Option<IpAddr>,
    local: Router,
    dynamodb: Service,
) -> Router {
    let services = Services { access_key_id, listen, local, dynamodb };
    Router::new().fallback(answer).with_state(Arc::new(services))
}

async fn answer(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_own = |host: &str| is_own(services.listen, host);
    if let Err(refusal) = admission::check(&parts, &is_own, &services.access_key_id) {
        return *refusal;
    }
    let body = match server::read(body, LARGEST_BODY).await {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.starts_with("DynamoDB") {
        return services.dynamodb.answer(parts, body).await.unwrap_or_else(|| {
            // It is gone at the stack's end.
            admission::refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The embedded DynamoDB does not answer.",
            )
        });
    }
    let path = parts.uri.path();
    let path = if target.starts_with("AmazonSQS.") {
        "/_local/sqs".to_owned()
    } else if path.starts_with("/v2/email/") {
        format!("/_local/ses{path}")
    } else if path.starts_with("/2015-03-31/") {
        path.to_owned()
    } else {
        return admission::refuse(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "DynamoDB, SQS, SES (version 2) and Lambda's Invoke API are here, and nothing else. The HTTP API is on the \
             port that --port says.",
        );
    };
    let path_and_query = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = parts;
    match path_and_query.parse() {
        Ok(uri) => parts.uri = uri,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    services.local.clone().oneshot(Request::from_parts(parts, Body::from(body))).await.into_response()
}

/// Listens on a port of 127.0.0.1, and of `address` if one is asked for. Without a port it is [`PORT`], or a free one
/// where that is taken.
///
/// # Errors
/// The address that cannot be listened on, and why.
pub(crate) async fn listen(
    port: Option<u16>,
    address: Option<IpAddr>,
) -> Result<(u16, Vec<TcpListener>), (SocketAddr, std::io::Error)> {
    match port {
        Some(port) => listen_on(port, address).await,
        None => match listen_on(PORT, address).await {
            Err((_, error)) if error.kind() == std::io::ErrorKind::AddrInUse => listen_on(0, address).await,
            other => other,
        },
    }
}

async fn listen_on(
    port: u16,
    address: Option<IpAddr>,
) -> Result<(u16, Vec<TcpListener>), (SocketAddr, std::io::Error)> {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let addresses = match address {
        None => vec![local],
        // 127.0.0.1 is one of them.
        Some(address) if address.is_unspecified() || address == local => vec![address],
        Some(address) => vec![local, address],
    };
    let mut port = port;
    let mut listeners = Vec::new();
    for address in addresses {
        let address = SocketAddr::from((address, port));
        let listener = TcpListener::bind(address).await.map_err(|error| (address, error))?;
        port = listener.local_addr().map_err(|error| (address, error))?.port();
        listeners.push(listener);
    }
    Ok((port, listeners))
}
