//! Rebuilding the statistics of some days from the appointments, while the salon goes on.

use chairbook_platform::clock;
use chairbook_store::Store;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use jiff::civil::Date;
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The days that are recounted side by side.
const SIDE_BY_SIDE: usize = 4;

/// The days to rebuild: local dates, both of which are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    from: Date,
    to: Date,
}

/// The result of a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebuilt {
    /// Days that were recounted.
    days: usize,
    /// Appointments of those days.
    appointments: usize,
    /// Appointments for which something else had been counted than what they contribute.
    miscounted: usize,
    /// Days whose totals were not the sum of what was counted.
    repaired: Vec<Date>,
    /// The date at which to go on, if time has run out.
    next: Option<Date>,
}

/// Reads `{"from": "2026-01-01", "to": "2026-12-31"}`.
pub fn read(request: &Value) -> Result<Range, Error> {
    let range: Range = Deserialize::deserialize(request)
        .map_err(|error| format!("rebuild must have the dates from and to, such as 2026-03-03: {error}"))?;
    if range.to < range.from {
        return Err("rebuild: to must not be before from".into());
    }
    Ok(range)
}

/// Recounts each day, until time runs out.
pub async fn rebuild(store: &Store, range: Range, deadline: Timestamp) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    let mut next = Some(range.from).filter(|first| *first <= range.to);
    while let Some(first) = next {
        if clock::now() >= deadline {
            break;
        }
        let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok());
        let dates: Vec<_> = dates.take_while(|date| *date <= range.to).take(SIDE_BY_SIDE).collect();
        let recounts = try_join_all(dates.iter().map(async |date| {
            let recount = store.recount_day(*date).await;
            recount.map(|recount| (*date, recount)).map_err(|error| format!("{date}: {error}"))
        }));
        for (date, recount) in recounts.await? {
            rebuilt.days += 1;
            rebuilt.appointments += recount.appointments;
            rebuilt.miscounted += recount.miscounted;
            if recount.is_repaired {
                tracing::warn!(%date, "a day's statistics were wrong");
                rebuilt.repaired.push(date);
            }
            next = date.tomorrow().ok().filter(|next| *next <= range.to);
        }
    }
    rebuilt.next = next;
    tracing::info!(
        days = rebuilt.days,
        appointments = rebuilt.appointments,
        miscounted = rebuilt.miscounted,
        repaired = rebuilt.repaired.len(),
        "statistics rebuilt"
    );
    Ok(rebuilt)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rebuild_is_of_dates_in_their_order() {
        let expected = Range { from: date(2026, 1, 1), to: date(2026, 1, 1) };
        assert_eq!(read(&json!({"from": "2026-01-01", "to": "2026-01-01"})).unwrap(), expected);
        for wrong in [
            json!(null),
            json!({"from": "2026-01-01"}),
            json!({"from": "2026-01-02", "to": "2026-01-01"}),
            json!({"from": "2026-02-30", "to": "2026-03-01"}),
            json!({"from": "2026-01-01", "to": "2026-01-01", "force": true}),
        ] {
            assert!(read(&wrong).unwrap_err().to_string().starts_with("rebuild"), "{wrong}");
        }
    }
}
