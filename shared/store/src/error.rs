//! Errors between a function and its tables.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Reasons why the store could not do what it was asked.
///
/// `Display` is for the log; it never carries an item's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB is throttling, unreachable, or too contended: the same request may succeed a moment later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Somebody else changed the row first.
    #[error("the row has changed meanwhile")]
    Changed,
    /// The row that the caller wanted to create is there already.
    #[error("it exists already")]
    Exists,
    /// The session of whoever asked for the change has ended since they were admitted.
    #[error("the caller's session has ended meanwhile")]
    SessionEnded,
    /// Whoever asked for the change has another role than they were admitted with.
    #[error("the caller's role has changed meanwhile")]
    RoleChanged,
    /// The salon would have no owner any more.
    #[error("the last owner must stay one")]
    LastOwner,
    /// A row cannot be read as what it should be.
    #[error("a row cannot be read: {0}")]
    Malformed(String),
    /// The function was not given this table.
    #[error("environment variable {0} is not set")]
    NotConfigured(&'static str),
    /// DynamoDB refused the request: a bug of ours.
    #[error("DynamoDB refused the request: {0}")]
    Refused(String),
}

const RETRY_LATER: [&str; 8] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

impl<E> From<SdkError<E>> for StoreError
where
    E: ProvideErrorMetadata,
{
    fn from(error: SdkError<E>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("no error code");
                if RETRY_LATER.contains(&code) {
                    return Self::Unavailable(code.to_owned());
                }
                // The message of a validation error may quote values, so only its code is kept.
                Self::Refused(code.to_owned())
            }
            SdkError::TimeoutError(_) => Self::Unavailable("timeout".to_owned()),
            SdkError::DispatchFailure(_) => Self::Unavailable("no connection".to_owned()),
            SdkError::ResponseError(_) => Self::Unavailable("no readable response".to_owned()),
            _ => Self::Refused("the request could not be built".to_owned()),
        }
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
