//! From an event to its mail.

use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, Event, EventType};
use chairbook_models::user::Profile;
use jiff::Timestamp;
use serde_json::Value;

use crate::account::{
    PasswordChanged, ResetPassword, RoleChanged, SessionRevoked, VerifyEmail, Welcome, WelcomeBack,
    role_in_words,
};
use crate::appointment::{
    AppointmentCancelled, AppointmentConfirmed, AppointmentExpired, AppointmentReminder,
    AppointmentRescheduled, AppointmentReserved, Hold, Summary, cancellable_until,
};
use crate::calendar;
use crate::config::MailConfig;
use crate::rendered::{MailError, Rendered, Templates as _};
use crate::text::{self, Detail};
use crate::time;

/// How much of a browser's description of itself is shown, characters.
const USER_AGENT_LENGTH: usize = 200;

/// What a mail is made from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What happened.
    pub event: &'a Event,
    /// Whom it is written to.
    pub recipient: &'a Profile,
    /// The appointment that the event is about, if it is about one.
    pub appointment: Option<&'a Appointment>,
    /// The one-time token that the event carried sealed, if it carried one.
    pub token: Option<&'a str>,
    /// The salon's settings.
    pub settings: &'a Settings,
    /// The deployment's.
    pub config: &'a MailConfig,
    /// The instant at which it is sent (UTC): how long after the event that is, nobody knows.
    pub now: Timestamp,
}

/// Writes the mail of an event.
///
/// # Errors
/// [`MailError`] says what is missing or wrong; the same input fails again.
pub fn compose(context: &Context<'_>) -> Result<Rendered, MailError> {
    let event = context.event;
    match event.event_type {
        EventType::UserRegistered | EventType::UserVerificationRequested => {
            VerifyEmail { salon: salon(context), link: link(context, "verify-email")? }.render(Vec::new())
        }
        EventType::UserVerified => Welcome { salon: salon(context), name: name(context) }.render(Vec::new()),
        EventType::UserLoggedIn => welcome_back(context)?.render(Vec::new()),
        EventType::UserSessionRevoked => {
            let details = when_and_where(context)?;
            SessionRevoked { salon: salon(context), name: name(context), details }.render(Vec::new())
        }
        EventType::UserPasswordResetRequested => {
            let name = context.recipient.email_verified.then(|| name(context));
            let link = link(context, "reset-password")?;
            ResetPassword { salon: salon(context), name, link }.render(Vec::new())
        }
        EventType::UserPasswordChanged => {
            let details = when_and_where(context)?;
            PasswordChanged { salon: salon(context), name: name(context), details }.render(Vec::new())
        }
        EventType::UserRoleChanged => role_changed(context)?.render(Vec::new()),
        EventType::AppointmentConfirmed
        | EventType::AppointmentReserved
        | EventType::AppointmentRescheduled
        | EventType::AppointmentCancelled
        | EventType::AppointmentExpired
        | EventType::AppointmentReminder => about_appointment(context),
        EventType::UserLoggedOut
        | EventType::UserSessionRefreshed
        | EventType::UserSessionsEnded
        | EventType::UserProfileChanged
        | EventType::UserExported
        | EventType::UserDeleted
        | EventType::AppointmentPaymentVerified
        | EventType::AppointmentCompleted
        | EventType::AppointmentNoShow
        | EventType::CatalogChanged => Err(MailError::NoMail(event.event_type)),
    }
}

fn salon(context: &Context<'_>) -> String {
    text::single_line(&context.settings.salon_name)
}

fn name(context: &Context<'_>) -> String {
    text::single_line(&context.recipient.name)
}

/// The link to a route of `/auth` with the event's one-time token.
fn link(context: &Context<'_>, route: &str) -> Result<String, MailError> {
    let token = context.token.ok_or(MailError::TokenMissing(context.event.event_type))?;
    Ok(format!("{}/api/v1/auth/{route}/{token}", context.config.public_url()))
}

fn when(context: &Context<'_>) -> Result<Detail, MailError> {
    let at = time::local(context.event.at, &context.settings.time_zone)?;
    Ok(Detail::new("When", &time::in_full(&at)))
}

/// When the event was, and what it says of the client that caused it.
fn when_and_where(context: &Context<'_>) -> Result<Vec<Detail>, MailError> {
    let data = &context.event.data;
    let said = |key: &str| data.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let mut details = vec![when(context)?];
    if let Some(ip) = said("ip") {
        details.push(Detail::new("IP address", ip));
    }
    if let Some(user_agent) = said("userAgent") {
        let shown: String = text::single_line(user_agent).chars().take(USER_AGENT_LENGTH).collect();
        details.push(Detail::new("Device", &shown));
    }
    Ok(details)
}

fn welcome_back(context: &Context<'_>) -> Result<WelcomeBack, MailError> {
    let new_device = context.event.data.get("newDevice").and_then(Value::as_bool).unwrap_or(false);
    let details = when_and_where(context)?;
    Ok(WelcomeBack { salon: salon(context), name: name(context), new_device, details })
}

fn role_changed(context: &Context<'_>) -> Result<RoleChanged, MailError> {
    let event = context.event;
    let role = event.data.get("role").cloned().and_then(|role| serde_json::from_value(role).ok());
    let role = role.ok_or(MailError::RoleMissing(event.event_type))?;
    let details = vec![Detail::new("New role", role_in_words(role)), when(context)?];
    Ok(RoleChanged { salon: salon(context), name: name(context), details })
}

fn about_appointment(context: &Context<'_>) -> Result<Rendered, MailError> {
    let Context { event, recipient, settings, config, now, .. } = *context;
    let appointment = context.appointment.ok_or(MailError::AppointmentMissing(event.event_type))?;
    let summary = Summary::new(appointment, &recipient.name, settings)?;
    let attachments =
        vec![calendar::attachment(appointment, Some(recipient), &settings.salon_name, config.from())];
    match event.event_type {
        EventType::AppointmentReserved => AppointmentReserved {
            summary,
            hold: Hold::of(appointment)?,
            cancellable_until: cancellable_until(appointment, settings, now)?,
        }
        .render(attachments),
        EventType::AppointmentRescheduled => AppointmentRescheduled {
            summary,
            before: before(context, appointment)?,
            by_customer: event.actor == Actor::User(appointment.user_id),
            hold: (appointment.status == Status::Reserved).then(|| Hold::of(appointment)).transpose()?,
            cancellable_until: cancellable_until(appointment, settings, now)?,
        }
        .render(attachments),
        EventType::AppointmentCancelled => {
            let by_customer = event.actor == Actor::User(appointment.user_id);
            AppointmentCancelled { summary, by_customer }.render(attachments)
        }
        EventType::AppointmentExpired => AppointmentExpired { summary }.render(attachments),
        EventType::AppointmentReminder => {
            AppointmentReminder { summary, cancellable_until: cancellable_until(appointment, settings, now)? }
                .render(attachments)
        }
        _ => AppointmentConfirmed {
            summary,
            cancellable_until: cancellable_until(appointment, settings, now)?,
        }
        .render(attachments),
    }
}

/// When and with whom an appointment was before it was moved.
fn before(context: &Context<'_>, appointment: &Appointment) -> Result<String, MailError> {
    let missing = || MailError::PreviousMissing(context.event.event_type);
    let previous = context.event.data.get("previous").ok_or_else(missing)?;
    let said = |key: &str| previous.get(key).and_then(Value::as_str).ok_or_else(missing);
    let starts_at = said("startsAt")?.parse().map_err(|_| missing())?;
    let at = time::in_full(&time::local(starts_at, &appointment.time_zone)?);
    Ok(format!("{at} with {}", text::single_line(said("expertName")?)))
}
