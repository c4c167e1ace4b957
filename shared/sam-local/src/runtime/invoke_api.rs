//! Lambda's Invoke API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;

use super::invocation::{InvocationOutcome, InvocationType, InvokeError, SYNCHRONOUS_PAYLOAD_LIMIT, Trigger};
use super::service::Runtime;

/// `POST /2015-03-31/functions/{FunctionName}/invocations`, which `aws lambda invoke --endpoint-url` and the SDKs call.
pub fn router(runtime: Runtime) -> Router {
    Router::new().route("/2015-03-31/functions/{function}/invocations", post(invoke)).with_state(runtime)
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Qualifier")]
    qualifier: Option<String>,
}

async fn invoke(
    State(runtime): State<Runtime>,
    Path(function): Path<String>,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let (parts, body) = request.into_parts();
    let mut response = match answer(&runtime, &function, &parameters, &parts.headers, body, &request_id).await
    {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    insert(response.headers_mut(), "x-amzn-requestid", &request_id);
    response
}

async fn answer(
    runtime: &Runtime,
    function: &str,
    parameters: &Parameters,
    headers: &HeaderMap,
    body: Body,
    request_id: &str,
) -> Result<Response, Refusal> {
    let invocation_type = invocation_type(headers)?;
    let wants_log = log_type(headers)?;
    runtime.pool(function)?;
    if parameters.qualifier.as_deref().is_some_and(|qualifier| qualifier != "$LATEST") {
        // There are neither versions nor aliases.
        return Err(InvokeError::NotFound(function.to_owned()).into());
    }
    let payload = payload(body).await?;
    let request_id = request_id.to_owned();
    match invocation_type {
        InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
        InvocationType::Event => {
            runtime.invoke_async_as(request_id, function, payload, Trigger::Direct)?;
            Ok(empty(StatusCode::ACCEPTED))
        }
        InvocationType::RequestResponse => {
            let outcome =
                runtime.invoke_as(request_id, function, payload, Trigger::Direct, wants_log).await?;
            Ok(answered(outcome, wants_log))
        }
    }
}

fn answered(outcome: InvocationOutcome, wants_log: bool) -> Response {
    let is_error = outcome.is_function_error();
    let mut response = Response::new(Body::from(outcome.payload));
    let headers = response.headers_mut();
    insert(headers, "content-type", "application/json");
    insert(headers, "x-amz-executed-version", "$LATEST");
    if is_error {
        insert(headers, "x-amz-function-error", "Unhandled");
    }
    if wants_log {
        insert(headers, "x-amz-log-result", &STANDARD.encode(outcome.log_tail));
    }
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    insert(response.headers_mut(), "x-amz-executed-version", "$LATEST");
    response
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // Everything that is inserted here is visible ASCII.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn invocation_type(headers: &HeaderMap) -> Result<InvocationType, Refusal> {
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => Ok(InvocationType::RequestResponse),
        Some(b"Event") => Ok(InvocationType::Event),
        Some(b"DryRun") => Ok(InvocationType::DryRun),
        Some(_) => {
            Err(Refusal::invalid_parameter("X-Amz-Invocation-Type must be RequestResponse, Event or DryRun"))
        }
    }
}

fn log_type(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers.get("x-amz-log-type").map(HeaderValue::as_bytes) {
        None | Some(b"None") => Ok(false),
        Some(b"Tail") => Ok(true),
        Some(_) => Err(Refusal::invalid_parameter("X-Amz-Log-Type must be None or Tail")),
    }
}

/// The event, which has to be JSON; none at all is an empty object.
async fn payload(body: Body) -> Result<Bytes, Refusal> {
    let payload = match Limited::new(body, SYNCHRONOUS_PAYLOAD_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let size = SYNCHRONOUS_PAYLOAD_LIMIT + 1;
            return Err(InvokeError::PayloadTooLarge { size, limit: SYNCHRONOUS_PAYLOAD_LIMIT }.into());
        }
        Err(_) => return Err(Refusal::invalid_content("Could not read the request body")),
    };
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => {
            Err(Refusal::invalid_content(&format!("Could not parse request body into json: {error}")))
        }
    }
}

/// An error as the SDKs read it: the type in a header, the rest in the body.
struct Refusal {
    status: StatusCode,
    error_type: &'static str,
    body: Value,
}

impl Refusal {
    fn invalid_parameter(message: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidParameterValueException",
            body: json!({ "Type": "User", "message": message }),
        }
    }

    fn invalid_content(message: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error_type: "InvalidRequestContentException",
            body: json!({ "Type": "User", "message": message }),
        }
    }

    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = self.status;
        insert(response.headers_mut(), "content-type", "application/json");
        insert(response.headers_mut(), "x-amzn-errortype", self.error_type);
        response
    }
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        let message = error.to_string();
        let (status, error_type, body) = match error {
            InvokeError::NotFound(function) => (
                StatusCode::NOT_FOUND,
                "ResourceNotFoundException",
                json!({ "Type": "User", "Message": format!("Function not found: {function}") }),
            ),
            InvokeError::PayloadTooLarge { limit, .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                json!({
                    "Type": "User",
                    "message": format!("Request must be smaller than {limit} bytes for the InvokeFunction operation"),
                }),
            ),
            InvokeError::Throttled(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                json!({
                    "Type": "User",
                    "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                    "message": format!("Rate Exceeded: {message}"),
                }),
            ),
            InvokeError::ShuttingDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceException",
                json!({ "Type": "Service", "Message": message }),
            ),
        };
        Self { status, error_type, body }
    }
}
