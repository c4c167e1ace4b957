//! `POST /experts/{id}/time-off`, `DELETE /experts/{id}/time-off/{timeOffId}`.

use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{TimeOffDetails, check_time_off};
use chairbook_models::ids::{ExpertId, TimeOffId};
use chairbook_platform::random;
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Reply};
use serde_json::{Value, json};

use crate::change::{Editor, Kind, checked};
use crate::experts::{data, put_because_of, render_time_off};
use crate::ids::Ids;
use crate::values::local;

/// `{from,to,reason?}`, in the salon's local time.
pub(crate) struct Request(TimeOffDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let from = fields.required_with("from", local);
        let to = fields.required_with("to", local);
        let reason = fields.optional("reason");
        let (from, to) = (from?, to?);
        checked(fields, check_time_off(from, to))?;
        Some(Self(TimeOffDetails { from, to, reason: reason? }))
    }
}

pub(crate) async fn create(
    editor: Editor,
    Id(expert): Id<ExpertId>,
    Body(Request(details)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let id = TimeOffId::new(now, random::bytes());
    let decide = |catalog: &Catalog| {
        let changed = catalog.add_time_off(expert, id, &details, now)?;
        Ok(put_because_of(changed, "timeOff", Kind::Created, id.to_string()))
    };
    let (_, changed) = editor.write(decide).await?;
    let off = changed.time_off.iter().find(|off| off.id == id).map(render_time_off);
    Ok(Reply::created(
        "The time off is noted. Appointments within it stay as they are.",
        json!({"timeOff": off}),
    ))
}

pub(crate) async fn delete(
    editor: Editor,
    Ids(expert, id): Ids<ExpertId, TimeOffId>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let changed = catalog.remove_time_off(expert, id, now)?;
        Ok(put_because_of(changed, "timeOff", Kind::Deleted, id.to_string()))
    };
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The time off is deleted.", data(&catalog, &changed)))
}
