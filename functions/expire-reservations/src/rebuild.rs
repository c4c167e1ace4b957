//! Rebuilding the rows by which free times are found from the days and the appointments, while the salon goes on.

use chairbook_models::week::Week;
use chairbook_platform::clock;
use chairbook_store::Store;
use jiff::Timestamp;
use jiff::civil::Date;
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The weeks that two UTC dates and all between them are in.
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
    /// Weeks that were looked at.
    weeks: usize,
    /// Rows of experts that were compared.
    rows: usize,
    /// Rows that were wrong, and are right now.
    repaired: usize,
    /// The date to go on from, if time has run out.
    next: Option<Date>,
}

/// Reads `{"from": "2026-01-01", "to": "2026-12-31"}`.
pub fn read(request: &Value) -> Result<Range, Error> {
    let range: Range = Deserialize::deserialize(request).map_err(|error| {
        format!("rebuildBusyWeeks must have the dates from and to, such as 2026-03-03: {error}")
    })?;
    if range.to < range.from {
        return Err("rebuildBusyWeeks: to must not be before from".into());
    }
    Ok(range)
}

/// Compares and repairs week after week, until time runs out.
pub async fn rebuild(store: &Store, range: Range, deadline: Timestamp) -> Result<Rebuilt, Error> {
    let mut rebuilt = Rebuilt::default();
    for week in Week::through((range.from, range.to)) {
        if clock::now() >= deadline {
            rebuilt.next = Some(week.monday());
            break;
        }
        let monday = week.monday();
        let found = store.rebuild_busy_week(week).await.map_err(|error| format!("{monday}: {error}"))?;
        rebuilt.weeks += 1;
        rebuilt.rows += found.experts;
        rebuilt.repaired += found.repaired.len();
        for expert in found.repaired {
            tracing::warn!(%monday, expert_id = %expert, "an expert's busy week was wrong");
        }
    }
    tracing::info!(
        weeks = rebuilt.weeks,
        rows = rebuilt.rows,
        repaired = rebuilt.repaired,
        "busy weeks rebuilt"
    );
    Ok(rebuilt)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_range_has_both_ends_in_order() {
        assert!(read(&json!({"from": "2026-01-01", "to": "2026-01-01"})).is_ok());
        for (request, expected) in [
            (json!({"from": "2026-01-02", "to": "2026-01-01"}), "to must not be before from"),
            (json!({"from": "2026-01-02"}), "missing field `to`"),
            (json!({"from": "2026-01-02", "to": "tomorrow"}), "such as 2026-03-03"),
            (json!({"from": "2026-01-02", "to": "2026-01-02", "expert": "x"}), "unknown field `expert`"),
        ] {
            let error = read(&request).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
