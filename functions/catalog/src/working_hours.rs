//! `PUT /experts/{id}/working-hours`.

use axum::extract::State;
use chairbook_models::catalog::Catalog;
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_models::ids::ExpertId;
use chairbook_models::working_hours::{WEEKDAYS, WorkingHours, day_schema};
use chairbook_web::fields::format::{Fault, Format, Source};
use chairbook_web::{Body, Fields, FromFields, Id, Reply, Web};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::change::Editor;
use crate::error::FindError;
use crate::experts::put_because_of;
use crate::resource::Resource;
use crate::view::OneExpert;
use crate::written::Written;

/// The ranges of one weekday, which [`WorkingHours::from_json`] reads with those of the others.
struct Day;

impl Format for Day {
    type Value = Value;

    fn read(&self, value: Value, _: Source) -> Result<Value, Vec<Fault>> {
        Ok(value)
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        day_schema()
    }
}

/// All of the week; a day that is absent is free.
pub(crate) struct Request(WorkingHours);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let mut days = Map::new();
        for day in WEEKDAYS {
            let ranges = fields.optional_as(day, Day);
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

pub(crate) async fn set(
    State(_): State<Web>,
    editor: Editor,
    Id(id): Id<ExpertId>,
    Body(Request(hours)): Body<Request>,
) -> Result<Reply<Written<OneExpert<'static>>>, FindError> {
    let now = editor.now;
    let decide = |catalog: &Catalog| {
        let changed = catalog.set_working_hours(id, &hours, now)?;
        Ok(put_because_of(changed, CatalogKind::WorkingHours, ChangeKind::Updated, id.to_string()))
    };
    let (catalog, changed) = editor.write::<_, FindError>(decide).await?;
    let message = "The working hours are changed. Appointments stay as they are.";
    Ok(Reply::ok(message, changed.data(&catalog)?))
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequest;
    use http::header::CONTENT_TYPE;
    use jiff::civil::Weekday;

    use super::*;

    async fn read(body: &'static str) -> Result<WorkingHours, Vec<(String, String)>> {
        let request = http::Request::builder().header(CONTENT_TYPE, "application/json").body(body.into());
        match Body::<Request>::from_request(request.unwrap(), &()).await {
            Ok(Body(Request(hours))) => Ok(hours),
            Err(error) => Err(error.fields.into_iter().map(|fault| (fault.field, fault.message)).collect()),
        }
    }

    #[tokio::test]
    async fn a_week_is_read_whole() {
        let hours = read(r#"{"monday": [{"from": "09:00", "to": "17:30"}], "tuesday": null}"#).await.unwrap();
        assert_eq!(hours.on(Weekday::Monday)[0].to, 1050);
        assert_eq!(hours.on(Weekday::Tuesday), []);
        let refused =
            read(r#"{"monday": [{"from": "09:00", "to": "24:01"}], "tuesday": "closed", "someday": []}"#);
        let known = "friday, monday, saturday, sunday, thursday, tuesday, wednesday";
        let expected = [
            ("monday[0].to", "must be a time of the day such as 09:00".to_owned()),
            ("tuesday", r#"must be an array of ranges such as {"from": "09:00", "to": "17:30"}"#.to_owned()),
            ("someday", format!("is not known; these are: {known}")),
        ];
        assert_eq!(refused.await.unwrap_err(), expected.map(|(field, message)| (field.to_owned(), message)));
    }
}
