//! `POST /experts/{id}/time-off`, `DELETE /experts/{id}/time-off/{timeOffId}`.

use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{TimeOffDetails, check_time_off};
use chairbook_models::ids::{ExpertId, TimeOffId};
use chairbook_web::idempotency::{deleted_since, replayed_if};
use chairbook_web::{ApiError, Fields, FromFields, Id, Keyed, Reply};
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
    request: Keyed<Request>,
) -> Result<Reply<Value>, ApiError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = TimeOffId::derived(creation.id_bytes("timeOff"));
    let decide = |catalog: &Catalog| {
        let changed = catalog.add_time_off(expert, id, &details, now)?;
        Ok(put_because_of(changed, "timeOff", Kind::Created, id.to_string()))
    };
    let (catalog, is_repeat) = creation.write(decide).await?;
    let expert = catalog.experts.get(&expert);
    let off = expert.and_then(|expert| expert.time_off.iter().find(|off| off.id == id));
    let off = off.ok_or_else(|| deleted_since("Time off"))?;
    let message = "The time off is noted. Appointments within it stay as they are.";
    Ok(replayed_if(is_repeat, Reply::created(message, json!({"timeOff": render_time_off(off)}))))
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
