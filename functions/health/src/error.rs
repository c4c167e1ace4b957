//! The group's refusals.

use chairbook_web::{RequestError, errors};

use crate::parts::Report;

errors! {
    /// The response while a part is down.
    pub(crate) enum HealthError {
        /// A part of the system is down. `parts` says which.
        Unhealthy { down: String, details: Report, retry_after: u64 } => SERVICE_UNAVAILABLE "unhealthy"
            "Down: {down}." like "Down: notifications.";
        ..Request(RequestError);
    }
}
