//! What an execution environment can be doing, from its process's start to its end.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;

use super::connection::Fate;
use super::job::Job;

/// What an environment is doing.
pub(super) enum Phase {
    /// The process has not asked for an invocation yet.
    Starting { since: Instant },
    /// It waits for one.
    Idle { since: Instant },
    /// It has been given one, but has not fetched it yet.
    Assigned { job: Job, since: Instant },
    /// It runs one.
    Running(Running),
    /// It has answered, but not asked again. What it does until then still counts against the timeout.
    Answered { deadline: Instant },
    /// The process is gone, or about to be.
    Ended,
}

/// An invocation that was sent to the process.
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) fate: Fate,
    pub(super) is_cold: bool,
    pub(super) started: Instant,
}

/// What the process gets for its `next`.
pub(super) struct Fetched {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) begun: Timestamp,
    pub(super) deadline: Timestamp,
}

/// Whose time is over.
pub(super) enum Overdue {
    /// It has not asked for its first invocation in time.
    Init,
    /// The invocation that it did not answer in time.
    Invocation(Running),
    /// It was assigned an invocation and never fetched it.
    Unfetched(Job),
    /// It has answered and then went on for too long.
    Answered,
    /// It has had nothing to do for long.
    Idle,
}
