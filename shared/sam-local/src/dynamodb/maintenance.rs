//! What DynamoDB does by itself in the background: deletes items whose TTL has passed and trims streams.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use dynoxide::Database;

use super::stream::Streams;
use crate::clock;

const TTL_INTERVAL: Duration = Duration::from_mins(1);
/// Sweeps between two trims of the streams.
const SWEEPS_PER_TRIM: u32 = 60;

/// Works until the sender of `stopped` is dropped. The first round comes one interval after the start, when whoever
/// reads a stream has said how far it is.
pub(super) fn run(database: &Database, streams: &Streams, stopped: &Receiver<()>) {
    let mut sweeps = 0;
    while stopped.recv_timeout(TTL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        sweep(database);
        if sweeps % SWEEPS_PER_TRIM == 0
            && let Err(error) = streams.trim(clock::now())
        {
            tracing::warn!(%error, "old stream records stay in the database");
        }
        sweeps += 1;
    }
}

/// Deletes the items whose TTL has passed; DynamoDB promises this within a few days only.
pub(super) fn sweep(database: &Database) {
    if let Err(error) = database.sweep_ttl() {
        tracing::warn!(%error, "items whose time to live is over stay in the database");
    }
}
