//! Receipt handles: one for every time that a message is received.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::fault::{Fault, Kind};

/// What a receipt handle says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The queue's row.
    pub(super) queue: i64,
    /// The message's row.
    pub(super) message: i64,
    /// Tells this receive from the ones before.
    pub(super) nonce: String,
}

impl Receipt {
    pub(super) fn fresh(queue: i64, message: i64) -> Self {
        Self { queue, message, nonce: Uuid::new_v4().simple().to_string() }
    }

    /// The opaque text that callers hold.
    pub(super) fn handle(&self) -> String {
        STANDARD.encode(format!("{}/{}/{}", self.queue, self.message, self.nonce))
    }

    /// Reads a handle that was given for a message of `queue`.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` when it is none, or is another queue's.
    pub(super) fn parse(handle: &str, queue: i64) -> Result<Self, Fault> {
        Self::decode(handle).filter(|receipt| receipt.queue == queue).ok_or_else(|| {
            Fault::new(
                Kind::ReceiptHandleIsInvalid,
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
            )
        })
    }

    fn decode(handle: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let mut parts = text.splitn(3, '/');
        let queue = parts.next()?.parse().ok()?;
        let message = parts.next()?.parse().ok()?;
        Some(Self { queue, message, nonce: parts.next()?.to_owned() })
    }
}
