//! `PUT /experts/{id}/working-hours`.

use chairbook_models::catalog::Catalog;
use chairbook_models::ids::ExpertId;
use chairbook_models::working_hours::{WEEKDAYS, WorkingHours};
use chairbook_web::{ApiError, Body, Fields, FromFields, Id, Reply};
use serde_json::{Map, Value};

use crate::change::{Editor, Kind};
use crate::experts::{data, put_because_of};

/// `{monday?,…,sunday?}`: all of the week; a day that is absent is free.
pub(crate) struct Request(WorkingHours);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let mut days = Map::new();
        for day in WEEKDAYS {
            let ranges = fields.optional_with(day, Ok::<_, std::convert::Infallible>);
            days.extend(ranges.flatten().map(|ranges| (day.to_owned(), ranges)));
        }
        match WorkingHours::from_json(&days) {
            Ok(hours) => Some(Self(hours)),
            Err(errors) => {
                for error in errors {
                    fields.refuse(error.field, error.message);
                }
                None
            }
        }
    }
}

pub(crate) async fn change(
    editor: Editor,
    Id(id): Id<ExpertId>,
    Body(Request(hours)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let changed = catalog.set_working_hours(id, &hours, now)?;
        Ok(put_because_of(changed, "workingHours", Kind::Updated, id.to_string()))
    };
    let (catalog, changed) = editor.write(decide).await?;
    Ok(Reply::ok("The working hours are changed. Appointments stay as they are.", data(&catalog, &changed)))
}
