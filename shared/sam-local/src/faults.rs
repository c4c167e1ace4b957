//! Faults to inject: a test or a demo says what is to go wrong next, and how often.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The longest that a fault may hold an answer back, in seconds: a Lambda function's longest life.
const MAXIMUM_DELAY_SECONDS: f64 = 900.0;

/// The faults that are still to happen. Clones share them; they are gone with the process.
#[derive(Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<FaultPlan>>,
}

/// What is to go wrong, operation by operation; each list happens from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Faults of SES's `SendEmail`.
    pub send_email: Vec<SendEmailFault>,
}

/// A fault of `SendEmail`. Requests that SES would refuse anyway use none up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendEmailFault {
    /// What the answer is.
    pub error: SendEmailError,
    /// How many requests in a row get it.
    #[serde(default = "once")]
    pub times: NonZeroU32,
    /// How long the answer is held back, in seconds.
    #[serde(default)]
    pub delay_seconds: f64,
    /// Whether the mail is delivered all the same, before the answer is held back: the sender cannot know.
    #[serde(default)]
    pub after: bool,
}

const fn once() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// What `SendEmail` can answer instead of a message id: its own errors
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>), two that every
/// AWS service has, and `timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's, and AWS documents them")]
pub enum SendEmailError {
    AccountSuspendedException,
    BadRequestException,
    LimitExceededException,
    MailFromDomainNotVerifiedException,
    MessageRejected,
    NotFoundException,
    SendingPausedException,
    TooManyRequestsException,
    InternalFailure,
    ServiceUnavailable,
    /// No answer for `delaySeconds`. A sender that is still there then gets `ServiceUnavailable`.
    #[serde(rename = "timeout")]
    Timeout,
}

impl SendEmailError {
    /// The answer's HTTP status and error code.
    #[must_use]
    pub const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::AccountSuspendedException => (StatusCode::BAD_REQUEST, "AccountSuspendedException"),
            Self::BadRequestException => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Self::LimitExceededException => (StatusCode::BAD_REQUEST, "LimitExceededException"),
            Self::MailFromDomainNotVerifiedException => {
                (StatusCode::BAD_REQUEST, "MailFromDomainNotVerifiedException")
            }
            Self::MessageRejected => (StatusCode::BAD_REQUEST, "MessageRejected"),
            Self::NotFoundException => (StatusCode::NOT_FOUND, "NotFoundException"),
            Self::SendingPausedException => (StatusCode::BAD_REQUEST, "SendingPausedException"),
            Self::TooManyRequestsException => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Self::InternalFailure => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
            Self::ServiceUnavailable | Self::Timeout => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
            }
        }
    }
}

impl SendEmailFault {
    /// A fault that happens once, at once, with nothing delivered.
    #[must_use]
    pub const fn new(error: SendEmailError) -> Self {
        Self { error, times: once(), delay_seconds: 0.0, after: false }
    }

    /// How long the answer is held back.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.delay_seconds).unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        if !(0.0..=MAXIMUM_DELAY_SECONDS).contains(&self.delay_seconds) {
            return Err(format!(
                "sendEmail: delaySeconds is {}; it must be from 0 to {MAXIMUM_DELAY_SECONDS}",
                self.delay_seconds
            ));
        }
        if self.error == SendEmailError::Timeout && self.delay_seconds == 0.0 {
            return Err("sendEmail: a timeout needs delaySeconds, such as 5".to_owned());
        }
        Ok(())
    }
}

impl FaultPlan {
    /// Reads a plan from JSON.
    ///
    /// # Errors
    /// When it is not a plan: the message says what was wrong, and which names are known.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let plan: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        plan.send_email.iter().try_for_each(SendEmailFault::check)?;
        Ok(plan)
    }
}

impl Faults {
    /// Puts a plan in the place of what was still to happen.
    pub fn set(&self, plan: FaultPlan) {
        *self.lock() = plan;
    }

    /// What is still to happen.
    #[must_use]
    pub fn plan(&self) -> FaultPlan {
        self.lock().clone()
    }

    /// The fault of this `SendEmail` request, if it has one.
    pub(crate) fn next_send_email(&self) -> Option<SendEmailFault> {
        let mut plan = self.lock();
        let fault = plan.send_email.first_mut()?;
        let happening = *fault;
        match NonZeroU32::new(fault.times.get() - 1) {
            Some(left) => fault.times = left,
            None => {
                plan.send_email.remove(0);
            }
        }
        Some(happening)
    }

    fn lock(&self) -> MutexGuard<'_, FaultPlan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `/_local/faults`: `GET` shows the [`FaultPlan`] that is still to happen, `PUT` puts another in its place and shows
/// it, `DELETE` removes it (204). A plan that cannot be read is answered with 400 and `{"message": …}`.
pub fn router(faults: Faults) -> Router {
    Router::new().route("/_local/faults", get(show).put(replace).delete(remove)).with_state(faults)
}

async fn show(State(faults): State<Faults>) -> Json<FaultPlan> {
    Json(faults.plan())
}

async fn replace(State(faults): State<Faults>, body: Bytes) -> Response {
    match FaultPlan::parse(&body) {
        Ok(plan) => {
            faults.set(plan.clone());
            Json(plan).into_response()
        }
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response(),
    }
}

async fn remove(State(faults): State<Faults>) -> StatusCode {
    faults.set(FaultPlan::default());
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn call(faults: &Faults, method: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri("/_local/faults");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = router(faults.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn faults_happen_in_their_order_and_as_often_as_they_should() {
        let faults = Faults::default();
        assert_eq!(faults.next_send_email(), None);
        let plan =
            r#"{"sendEmail":[{"error":"TooManyRequestsException","times":2},{"error":"MessageRejected"}]}"#;
        assert_eq!(call(&faults, "PUT", plan).await.0, StatusCode::OK);
        assert_eq!(faults.next_send_email().unwrap().error, SendEmailError::TooManyRequestsException);
        let left = json!({"sendEmail": [
            {"error": "TooManyRequestsException", "times": 1, "delaySeconds": 0.0, "after": false},
            {"error": "MessageRejected", "times": 1, "delaySeconds": 0.0, "after": false},
        ]});
        assert_eq!(call(&faults, "GET", "").await, (StatusCode::OK, left));
        assert_eq!(faults.next_send_email().unwrap().error, SendEmailError::TooManyRequestsException);
        assert_eq!(faults.next_send_email().unwrap().error, SendEmailError::MessageRejected);
        assert_eq!(faults.next_send_email(), None);
    }

    #[tokio::test]
    async fn faults_can_be_taken_back() {
        let faults = Faults::default();
        faults.set(FaultPlan { send_email: vec![SendEmailFault::new(SendEmailError::InternalFailure)] });
        assert_eq!(call(&faults, "DELETE", "").await.0, StatusCode::NO_CONTENT);
        assert_eq!(faults.plan(), FaultPlan::default());
    }

    #[tokio::test]
    async fn what_is_not_known_is_refused_with_what_is() {
        let faults = Faults::default();
        for (plan, said) in [
            (r#"{"sendMail":[]}"#, "expected `sendEmail`"),
            (r#"{"sendEmail":[{"error":"Throttled"}]}"#, "`TooManyRequestsException`"),
            (r#"{"sendEmail":[{"error":"MessageRejected","time":2}]}"#, "`times`"),
            (r#"{"sendEmail":[{"error":"MessageRejected","times":0}]}"#, "nonzero"),
            (r#"{"sendEmail":[{"error":"timeout"}]}"#, "a timeout needs delaySeconds"),
            (r#"{"sendEmail":[{"error":"timeout","delaySeconds":-1}]}"#, "from 0 to 900"),
            ("", "EOF"),
        ] {
            let (status, body) = call(&faults, "PUT", plan).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{plan}");
            assert!(body["message"].as_str().unwrap().contains(said), "{plan}: {body}");
        }
        assert_eq!(faults.plan(), FaultPlan::default());
    }
}
