//! `GET` and `PUT /settings`.

use axum::extract::State;
use chairbook_models::catalog::{Catalog, PayNow, REMINDER_MINUTES, Settings};
use chairbook_models::catalog_change::{
    MAX_HOLD_MINUTES, MAX_HORIZON_DAYS, MAX_NOTICE_MINUTES, MAX_OPEN_RESERVATIONS, MAX_REMINDER_MINUTES,
    SLOT_GRIDS, SettingsDetails,
};
use chairbook_models::event::{CatalogKind, ChangeKind};
use chairbook_models::text::Label;
use chairbook_store::{CatalogRow, CatalogWrite};
use chairbook_web::fields::format::{Format, one_of, text, whole};
use chairbook_web::{Body, Fields, FromFields, Pending, Reply, RequestError, Revalidated, Visitor, Web};
use http::HeaderMap;

use crate::change::{Decision, Editor};
use crate::error::SettingsError;
use crate::values::{ZoneName, checked};
use crate::view::OneSettings;

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Pending<Visitor>,
    headers: HeaderMap,
) -> Result<Revalidated<OneSettings>, RequestError> {
    let (_, catalog) = visitor.admit_with(web.reader.catalog()).await?;
    Revalidated::new(&headers, "The salon's settings.", &OneSettings::from(&catalog.settings))
}

/// Every setting.
pub(crate) struct Request(Settings);

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let salon_name = text::<Label>().about("The salon's name, as mails and calendars show it.");
        let salon_name = fields.required_as("salonName", salon_name);
        let time_zone = ZoneName.about("The IANA time zone of all local dates and times.");
        let time_zone = fields.required_as("timeZone", time_zone);
        let currency = fields.required("currency");
        let slot_grid = one_of(&SLOT_GRIDS).about("The grid on which appointments start, minutes.");
        let slot_grid_minutes = fields.required_as("slotGridMinutes", slot_grid);
        let lead_time = whole(0..=MAX_NOTICE_MINUTES).about(
            "The time before its start until which an appointment can be booked, minutes; less than the horizon.",
        );
        let lead_time_minutes = fields.required_as("leadTimeMinutes", lead_time);
        let horizon = whole(1..=MAX_HORIZON_DAYS)
            .about("The number of days ahead for which appointments can be booked.");
        let horizon_days = fields.required_as("horizonDays", horizon);
        let window = whole(0..=MAX_NOTICE_MINUTES)
            .about("The time before its start until which customers can cancel an appointment, minutes.");
        let window = fields.required_as("cancellationWindowMinutes", window);
        let hold = whole(1..=MAX_HOLD_MINUTES).about(
            "The time for which an unpaid reservation keeps its slot, minutes; the deployment's unless given.",
        );
        let hold = fields.optional_as("reservationHoldMinutes", hold);
        let max_open = whole(1..=MAX_OPEN_RESERVATIONS)
            .about("The most open reservations of one customer at a time; any number unless given.");
        let max_open = fields.optional_as("maxOpenReservations", max_open);
        let reminder = whole(0..=MAX_REMINDER_MINUTES).about(
            "The time before its start at which customers are reminded of an appointment, minutes; 0 for never, 1440 \
             unless given.",
        );
        let reminder = fields.optional_as("reminderMinutes", reminder);
        let pay_now = one_of(&PayNow::ALL)
            .about("Who may say that an appointment is paid for as it is booked; `anyone` unless given.");
        let pay_now = fields.optional_as("payNow", pay_now);
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

pub(crate) async fn update(
    State(_): State<Web>,
    editor: Editor,
    Body(Request(settings)): Body<Request>,
) -> Result<Reply<OneSettings>, SettingsError> {
    let decide = |_: &Catalog| {
        Ok(Decision {
            writes: vec![CatalogWrite::Put(CatalogRow::Settings(settings.clone()))],
            kind: CatalogKind::Settings,
            change: ChangeKind::Updated,
            id: "settings".to_owned(),
            outcome: (),
        })
    };
    let (catalog, ()) = editor.write::<_, SettingsError>(decide).await?;
    let message = "The settings are changed. Appointments stay as they are.";
    Ok(Reply::ok(message, OneSettings::from(&catalog.settings)))
}
