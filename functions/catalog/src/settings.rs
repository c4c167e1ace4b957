//! `GET` and `PUT /settings`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, REMINDER_MINUTES, Settings};
use chairbook_models::catalog_change::{
    MAX_HOLD_MINUTES, MAX_HORIZON_DAYS, MAX_NOTICE_MINUTES, MAX_OPEN_RESERVATIONS, MAX_REMINDER_MINUTES,
    SLOT_GRIDS, SettingsDetails, time_zone,
};
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::{ApiError, Body, Fields, FromFields, Pending, Reply, Revalidated, Visitor, Web};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::change::{Decision, Editor, Kind, checked};
use crate::values::whole;

fn data(settings: &Settings) -> Value {
    json!({"settings": {
        "salonName": settings.salon_name,
        "timeZone": settings.time_zone,
        "currency": settings.currency,
        "slotGridMinutes": settings.slot_grid_minutes,
        "leadTimeMinutes": settings.lead_time_minutes,
        "horizonDays": settings.horizon_days,
        "cancellationWindowMinutes": settings.cancellation_window_minutes,
        "reservationHoldMinutes": settings.reservation_hold_minutes,
        "maxOpenReservations": settings.max_open_reservations,
        "reminderMinutes": settings.reminder_minutes,
        "payNow": settings.pay_now,
    }})
}

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
) -> Result<Revalidated, ApiError> {
    let (_, catalog) = visitor.admit_with(web.reader.catalog()).await?;
    let message = "The salon's settings.";
    Revalidated::new(&headers, message, &data(&catalog.settings))
}

/// Every setting. Without a hold, the deployment's is meant; without a number of open reservations, any; without a
/// reminder, the usual one; without `payNow`, anyone may say that they pay at once.
pub(crate) struct Request(Settings);

impl FromFields for Request {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let salon_name = fields.required("salonName");
        let time_zone = fields.required_with("timeZone", |value| match value {
            Value::String(name) => time_zone(&name),
            _ => Err("must be a string"),
        });
        let currency = fields.required("currency");
        let slot_grid_minutes = fields.required_with("slotGridMinutes", |value| {
            let grid = SLOT_GRIDS.into_iter().find(|grid| value.as_u64() == Some(u64::from(*grid)));
            grid.ok_or_else(|| {
                format!("must be one of {}", SLOT_GRIDS.map(|grid| grid.to_string()).join(", "))
            })
        });
        let lead_time_minutes = fields.required_with("leadTimeMinutes", whole(0..=MAX_NOTICE_MINUTES));
        let horizon_days = fields.required_with("horizonDays", whole(1..=MAX_HORIZON_DAYS));
        let window = fields.required_with("cancellationWindowMinutes", whole(0..=MAX_NOTICE_MINUTES));
        let hold = fields.optional_with("reservationHoldMinutes", whole(1..=MAX_HOLD_MINUTES));
        let max_open = fields.optional_with("maxOpenReservations", whole(1..=MAX_OPEN_RESERVATIONS));
        let reminder = fields.optional_with("reminderMinutes", whole(0..=MAX_REMINDER_MINUTES));
        let pay_now = fields.optional_with("payNow", |value| {
            serde_json::from_value(value).map_err(|_| "must be anyone or staff")
        });
        let details = SettingsDetails {
            salon_name: salon_name?,
            time_zone: time_zone?,
            currency: currency?,
            slot_grid_minutes: slot_grid_minutes?,
            lead_time_minutes: lead_time_minutes?,
            horizon_days: horizon_days?,
            cancellation_window_minutes: window?,
            reservation_hold_minutes: hold?,
            max_open_reservations: max_open?,
            reminder_minutes: reminder?.unwrap_or(REMINDER_MINUTES),
            pay_now: pay_now?.unwrap_or_default(),
        };
        checked(fields, details.settings()).map(Self)
    }
}

pub(crate) async fn change(
    editor: Editor,
    Body(Request(settings)): Body<Request>,
) -> Result<Reply<Value>, ApiError> {
    let decide = |_: &Catalog| {
        Ok(Decision {
            writes: vec![CatalogWrite::Put(CatalogRow::Settings(settings.clone()))],
            what: "settings",
            kind: Kind::Updated,
            id: "settings".to_owned(),
            outcome: (),
        })
    };
    let (catalog, ()) = editor.write(decide).await?;
    Ok(Reply::ok("The settings are changed. Appointments stay as they are.", data(&catalog.settings)))
}
