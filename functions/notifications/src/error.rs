//! The group's refusals.

use chairbook_store::StoreError;
use chairbook_web::{RequestError, errors};

errors! {
    /// Refusals of a look at a notification.
    pub(crate) enum FindError {
        /// The caller has no such notification.
        NotFound => NOT_FOUND "not_found" "Notification not found.";
        ..Request(RequestError: StoreError);
    }
}
