//! `POST /experts/{id}/time-off`, `DELETE /experts/{id}/time-off/{timeOffId}`.

use axum::extract::State;
use chairbook_models::catalog::Catalog;
use chairbook_models::catalog_change::{TimeOffDetails, check_time_off};
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_models::ids::{ExpertId, TimeOffId};
use chairbook_models::text::Label;
use chairbook_web::fields::format::{Format, LocalDateTime, text};
use chairbook_web::idempotency::replayed_if;
use chairbook_web::{Created, Fields, FromFields, Id, Keyed, RepeatError, Reply, Web};

use crate::change::Editor;
use crate::error::{AddError, FindError};
use crate::experts::put_because_of;
use crate::ids::Ids;
use crate::resource::Resource;
use crate::values::checked;
use crate::view::{OneExpert, OneTimeOff};
use crate::written::Written;

/// The kind of thing that events tell of.
const KIND: CatalogKind = CatalogKind::TimeOff;

/// `from`, `to`, `reason`.
pub(crate) struct Request(TimeOffDetails);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let from = fields.required_as("from", LocalDateTime.about("The local time of its first moment."));
        let to = LocalDateTime.about("The local time of the first moment after it.");
        let to = fields.required_as("to", to);
        let reason = fields.optional_as("reason", text::<Label>().about("The reason, for the front desk."));
        let (from, to) = (from?, to?);
        checked(fields, check_time_off(from, to))?;
        Some(Self(TimeOffDetails { from, to, reason: reason? }))
    }
}

pub(crate) async fn create(
    State(_): State<Web>,
    editor: Editor,
    Id(expert): Id<ExpertId>,
    request: Keyed<Request>,
) -> Result<Created<Written<OneTimeOff<'static>>>, AddError> {
    let (creation, Request(details)) = editor.creation(request);
    let now = creation.now();
    let id = TimeOffId::derived(creation.id_bytes(KIND));
    let decide = |catalog: &Catalog| {
        let changed = catalog.add_time_off(expert, id, &details, now)?;
        Ok(put_because_of(changed, KIND, ChangeKind::Created, id.to_string()))
    };
    let (catalog, is_repeat) = creation.write::<_, AddError>(decide).await?;
    let expert = catalog.experts.get(&expert);
    let off = expert.and_then(|expert| expert.time_off.iter().find(|off| off.id == id));
    let off = off.ok_or(RepeatError::DeletedSince { thing: "Time off" })?;
    let data = Written::new(&OneTimeOff { time_off: off.into() })?;
    let message = "The time off is noted. Appointments within it stay as they are.";
    Ok(replayed_if(is_repeat, Reply::created(message, data)))
}

pub(crate) async fn delete(
    State(_): State<Web>,
    editor: Editor,
    Ids(expert, id): Ids<ExpertId, TimeOffId>,
) -> Result<Reply<Written<OneExpert<'static>>>, FindError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let changed = catalog.remove_time_off(expert, id, now)?;
        Ok(put_because_of(changed, KIND, ChangeKind::Deleted, id.to_string()))
    };
    let (catalog, changed) = editor.write::<_, FindError>(decide).await?;
    Ok(Reply::ok("The time off is deleted.", changed.data(&catalog)?))
}
