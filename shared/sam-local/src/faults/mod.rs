//! Faults to inject: a test or a demo says what is to go wrong next, and how often.

mod dynamodb;

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
use serde_json::{Value, json};

pub(crate) use dynamodb::Standing;
pub use dynamodb::{DynamoDbError, DynamoDbFault, DynamoDbOperation, DynamoDbSetting, ShownSetting};

/// The longest that a fault may hold an answer back, in seconds: a Lambda function's longest life.
const MAXIMUM_DELAY_SECONDS: f64 = 900.0;

/// The faults that are still to happen. Clones share them; they are gone with the process.
#[derive(Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<FaultPlan>>,
    standing: Arc<Mutex<Option<Arc<Standing>>>>,
}

/// The faults to come, service by service; each list happens from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FaultPlan {
    /// Faults of DynamoDB.
    pub dynamo_db: Vec<DynamoDbFault>,
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
    /// The delay of the answer, in seconds.
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

    /// The delay of the answer.
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
        plan.dynamo_db.iter().try_for_each(DynamoDbFault::check)?;
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

    /// The fault of this request to DynamoDB, if it has one: what it asks for, of which tables, and the attributes of the
    /// keys of its items.
    pub(crate) fn next_dynamodb(
        &self,
        operation: &str,
        tables: &[&str],
        keys: &[&str],
    ) -> Option<DynamoDbFault> {
        let mut plan = self.lock();
        let place = plan.dynamo_db.iter().position(|fault| fault.fits(operation, tables, keys))?;
        let happening = plan.dynamo_db[place].clone();
        match NonZeroU32::new(happening.times.get() - 1) {
            Some(left) => plan.dynamo_db[place].times = left,
            None => {
                plan.dynamo_db.remove(place);
            }
        }
        Some(happening)
    }

    /// Returns true if no fault of DynamoDB is to come.
    pub(crate) fn dynamodb_is_quiet(&self) -> bool {
        self.lock().dynamo_db.is_empty() && self.standing().is_none()
    }

    /// Makes DynamoDB as a setting says, or as it was without one.
    pub fn set_dynamodb(&self, setting: Option<DynamoDbSetting>) {
        let standing = setting.map(|setting| Arc::new(Standing::new(setting)));
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// DynamoDB's setting, with what has come of it.
    #[must_use]
    pub fn dynamodb(&self) -> Option<ShownSetting> {
        self.standing().map(|standing| standing.shown())
    }

    pub(crate) fn standing(&self) -> Option<Arc<Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, FaultPlan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `/_local/faults`: `GET` shows the [`FaultPlan`] that is still to happen, `PUT` puts another in its place and shows
/// it, `DELETE` removes it (204). A plan that cannot be read is answered with 400 and `{"message": …}`.
///
/// `/_local/faults/dynamodb`: the same for DynamoDB's setting, [`DynamoDbSetting`], `"moderate"` or `"rough"`, which is
/// shown as [`ShownSetting`], or as `null` where there is none.
pub fn router(faults: Faults) -> Router {
    Router::new()
        .route("/_local/faults", get(show).put(replace).delete(remove))
        .route("/_local/faults/dynamodb", get(show_dynamodb).put(set_dynamodb).delete(unset_dynamodb))
        .with_state(faults)
}

async fn show_dynamodb(State(faults): State<Faults>) -> Json<Option<ShownSetting>> {
    Json(faults.dynamodb())
}

async fn set_dynamodb(State(faults): State<Faults>, body: Bytes) -> Response {
    match read_setting(&body) {
        Ok(setting) => {
            faults.set_dynamodb(Some(setting));
            Json(faults.dynamodb()).into_response()
        }
        Err(message) => (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response(),
    }
}

fn read_setting(body: &[u8]) -> Result<DynamoDbSetting, String> {
    match serde_json::from_slice(body).map_err(|error| error.to_string())? {
        Value::String(name) => DynamoDbSetting::named(&name)
            .ok_or_else(|| format!("there is no setting {name:?}; there are \"moderate\" and \"rough\"")),
        json => DynamoDbSetting::read(json),
    }
}

async fn unset_dynamodb(State(faults): State<Faults>) -> StatusCode {
    faults.set_dynamodb(None);
    StatusCode::NO_CONTENT
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
        call_at(faults, method, "/_local/faults", body).await
    }

    async fn call_at(faults: &Faults, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
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
        let left = json!({"dynamoDb": [], "sendEmail": [
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
        let send_email = vec![SendEmailFault::new(SendEmailError::InternalFailure)];
        faults.set(FaultPlan { send_email, ..FaultPlan::default() });
        assert_eq!(call(&faults, "DELETE", "").await.0, StatusCode::NO_CONTENT);
        assert_eq!(faults.plan(), FaultPlan::default());
    }

    #[test]
    fn a_fault_of_dynamodb_happens_to_the_first_requests_that_it_fits() {
        let faults = Faults::default();
        assert!(faults.dynamodb_is_quiet());
        let plan = r#"{"dynamoDb":[
            {"operation":"GetItem","table":"users","error":"ThrottlingException","times":2},
            {"operation":"GetItem","key":"APT#","error":"InternalServerError"}
        ]}"#;
        faults.set(FaultPlan::parse(plan.as_bytes()).unwrap());
        assert!(!faults.dynamodb_is_quiet());
        let next = |operation, table, key| {
            faults.next_dynamodb(operation, &[table], &[key, "APT"]).and_then(|fault| fault.error)
        };
        assert_eq!(next("Query", "users", "APT#1"), None);
        assert_eq!(next("GetItem", "appointments", "USER#1"), None);
        assert_eq!(next("GetItem", "appointments", "APT#1"), Some(DynamoDbError::InternalServerError));
        assert_eq!(next("GetItem", "appointments", "APT#1"), None);
        for _ in 0..2 {
            assert_eq!(next("GetItem", "users", "APT#1"), Some(DynamoDbError::ThrottlingException));
        }
        assert_eq!(next("GetItem", "users", "APT#1"), None);
        assert!(faults.dynamodb_is_quiet());
    }

    #[tokio::test]
    async fn a_setting_stands_until_it_is_taken_back() {
        let (faults, path) = (Faults::default(), "/_local/faults/dynamodb");
        assert_eq!(call_at(&faults, "GET", path, "").await, (StatusCode::OK, Value::Null));
        let (status, shown) = call_at(&faults, "PUT", path, "\"moderate\"").await;
        assert_eq!(status, StatusCode::OK);
        assert!(shown["setting"]["seed"].is_u64() && shown["happened"] == json!({}), "{shown}");
        assert_eq!(call_at(&faults, "PUT", path, r#"{"seed":5,"slow":1}"#).await.1["setting"]["seed"], 5);
        for (wrong, said) in
            [("\"mild\"", "there is no setting"), (r#"{"slow":2}"#, "a probability"), ("", "EOF")]
        {
            let (status, body) = call_at(&faults, "PUT", path, wrong).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(body["message"].as_str().unwrap().contains(said), "{wrong}: {body}");
        }
        call(&faults, "DELETE", "").await;
        assert_eq!(faults.dynamodb().unwrap().setting.seed, Some(5), "a plan is another thing");
        assert_eq!(call_at(&faults, "DELETE", path, "").await.0, StatusCode::NO_CONTENT);
        assert_eq!(faults.dynamodb(), None);
    }

    #[tokio::test]
    async fn what_is_not_known_is_refused_with_what_is() {
        let faults = Faults::default();
        for (plan, said) in [
            (r#"{"sendMail":[]}"#, "expected `dynamoDb` or `sendEmail`"),
            (r#"{"dynamoDb":[{"operation":"Scan"}]}"#, "unknown variant `Scan`"),
            (r#"{"dynamoDb":[{"operation":"GetItem"}]}"#, "needs an error or delaySeconds"),
            (r#"{"dynamoDb":[{"operation":"Query","error":"Unprocessed"}]}"#, "only BatchGetItem and"),
            (
                r#"{"dynamoDb":[{"operation":"PutItem","error":"TransactionConflict","after":true}]}"#,
                "only after InternalServerError",
            ),
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
