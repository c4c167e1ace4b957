//! The cost of a request or another invocation: its calls to the database, the number of them one after the other, the
//! capacity units, and how long it waited.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

tokio::task_local! {
    static METER: Arc<Meter>;
}

/// The sum of the calls.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// The number of calls.
    pub calls: u32,
    /// The number of them one after the other: the length of the longest chain in which each call began after
    /// the one before it had ended.
    pub round_trips: u32,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
    /// The time for which at least one call was under way.
    pub waited: Duration,
}

#[derive(Debug, Default)]
struct State {
    reading: Reading,
    /// The longest chain among the calls that have ended.
    ended_chain: u32,
    under_way: u32,
    waiting_since: Option<Instant>,
}

/// Sums up the calls made within [`Meter::scope`].
#[derive(Debug, Default)]
pub struct Meter(Mutex<State>);

impl Meter {
    /// Runs a future; the calls that it makes are counted.
    pub async fn scope<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        METER.scope(Arc::clone(self), future).await
    }

    /// The sum so far.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reading
    }

    /// Notes that a call begins; returns its place in its chain.
    fn begin(&self) -> u32 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = state.ended_chain + 1;
        state.reading.calls += 1;
        state.reading.round_trips = state.reading.round_trips.max(place);
        state.under_way += 1;
        state.waiting_since.get_or_insert_with(Instant::now);
        place
    }

    fn end(&self, place: u32, units: Units) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended_chain = state.ended_chain.max(place);
        state.reading.read_units += units.read;
        state.reading.write_units += units.write;
        state.under_way -= 1;
        if state.under_way == 0
            && let Some(since) = state.waiting_since.take()
        {
            state.reading.waited += since.elapsed();
        }
    }
}

/// Capacity units of one call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Units {
    /// Read capacity units.
    pub read: f64,
    /// Write capacity units.
    pub write: f64,
}

/// Makes a call and counts it for the request or invocation in whose scope it is made; `units` reads a response.
pub fn metered<T, E, F>(call: F, units: impl FnOnce(&T) -> Units) -> impl Future<Output = Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    // The SDK's futures are tens of kilobytes each, and a request holds several at once.
    let call = Box::pin(call);
    async move {
        let Ok(meter) = METER.try_with(Arc::clone) else { return call.await };
        let place = meter.begin();
        let result = call.await;
        meter.end(place, result.as_ref().map(units).unwrap_or_default());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_a_link_in_the_longest_chain_of_calls() {
        let meter = Meter::default();
        let (first, second) = (meter.begin(), meter.begin());
        meter.end(second, Units { read: 0.5, write: 0.0 });
        let third = meter.begin();
        meter.end(first, Units { read: 0.0, write: 1.0 });
        meter.end(third, Units { read: 0.0, write: 2.0 });
        let reading = meter.reading();
        assert_eq!((reading.calls, reading.round_trips), (3, 2));
        assert!((reading.read_units - 0.5).abs() < f64::EPSILON);
        assert!((reading.write_units - 3.0).abs() < f64::EPSILON);
    }
}
