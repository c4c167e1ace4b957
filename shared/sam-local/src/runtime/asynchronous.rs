//! Invocations of the type `Event`: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::invocation::{InvokeError, Trigger};
use super::pool::Pool;

/// How long after a failure an event is tried again: a minute and two minutes in Lambda, for which nobody waits at a
/// desk.
pub(super) const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Runs an event until it succeeds, has been tried as often as it may, or is too old. Every attempt has the same id.
pub(super) async fn deliver(
    pool: Arc<Pool>,
    request_id: String,
    payload: Bytes,
    trigger: Trigger,
    delays: [Duration; 2],
) {
    let function = &pool.deployment.function.logical_id;
    let retries =
        usize::try_from(pool.deployment.function.asynchronous.maximum_retry_attempts).unwrap_or(usize::MAX);
    let maximum_age = pool.deployment.function.asynchronous.maximum_event_age;
    let accepted = Instant::now();
    let mut attempt = 0;
    loop {
        let rest = maximum_age.saturating_sub(accepted.elapsed());
        let failure = match pool.run(request_id.clone(), payload.clone(), trigger, false, rest).await {
            Ok(outcome) => match outcome.error {
                None => return,
                Some(error) => error.message,
            },
            Err(InvokeError::ShuttingDown) => return,
            Err(error) => error.to_string(),
        };
        let delay = delays.get(attempt).or(delays.last()).copied().unwrap_or_default();
        if attempt >= retries || accepted.elapsed() + delay >= maximum_age {
            let attempts = attempt + 1;
            tracing::error!(
                function,
                request_id,
                attempts,
                "an asynchronous invocation is given up: {failure}"
            );
            return;
        }
        attempt += 1;
        sleep(delay).await;
    }
}
