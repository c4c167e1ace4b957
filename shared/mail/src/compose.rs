//! From an event to its mail.

use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{Actor, ClientInfo, Event, EventData, PreviousTime};
use chairbook_models::todo::Todo;
use chairbook_models::user::Profile;
use jiff::Timestamp;

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
use crate::rendered::{Attachment, MailError, Rendered, Templates as _};
use crate::text::{self, Detail};
use crate::time;
use crate::todo::{TodoCreated, TodoDue};

/// The length of a browser's description of itself in a mail, characters.
const USER_AGENT_LENGTH: usize = 200;

/// The material of a mail.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The event that the mail is for.
    pub event: &'a Event,
    /// The addressee.
    pub recipient: &'a Profile,
    /// The appointment that the event is about, if it is about one.
    pub appointment: Option<&'a Appointment>,
    /// The to-do that the event is about, if it is about one.
    pub todo: Option<&'a Todo>,
    /// The one-time token that the event carried sealed, if it carried one.
    pub token: Option<&'a str>,
    /// The salon's settings.
    pub settings: &'a Settings,
    /// The deployment's configuration.
    pub config: &'a MailConfig,
    /// The time at which it is sent (UTC), which may be long after the event.
    pub now: Timestamp,
}

/// Writes the mail of an event.
///
/// # Errors
/// [`MailError`] says what is missing or wrong; the same input fails again.
pub fn compose(context: &Context<'_>) -> Result<Rendered, MailError> {
    let event_type = context.event.event_type();
    match &context.event.data {
        EventData::UserRegistered {} | EventData::UserVerificationRequested {} => {
            VerifyEmail { salon: salon(context), link: link(context, "verify-email")? }.render(Vec::new())
        }
        EventData::UserVerified {} => {
            Welcome { salon: salon(context), name: name(context) }.render(Vec::new())
        }
        EventData::UserLoggedIn { client, new_device } => {
            let details = when_and_where(context, client)?;
            WelcomeBack { salon: salon(context), name: name(context), new_device: *new_device, details }
                .render(Vec::new())
        }
        EventData::UserSessionRevoked { client, .. } => {
            let details = when_and_where(context, client)?;
            SessionRevoked { salon: salon(context), name: name(context), details }.render(Vec::new())
        }
        EventData::UserPasswordResetRequested {} => {
            let name = context.recipient.email_verified.then(|| name(context));
            let link = link(context, "reset-password")?;
            ResetPassword { salon: salon(context), name, link }.render(Vec::new())
        }
        EventData::UserPasswordChanged(client) => {
            let details = when_and_where(context, client)?;
            PasswordChanged { salon: salon(context), name: name(context), details }.render(Vec::new())
        }
        EventData::UserRoleChanged { role } => {
            let details = vec![Detail::new("New role", role_in_words(*role)), when(context)?];
            RoleChanged { salon: salon(context), name: name(context), details }.render(Vec::new())
        }
        EventData::AppointmentConfirmed(_) => {
            let About { summary, attachments, appointment } = About::of(context)?;
            let cancellable_until = cancellable_until(appointment, context.settings, context.now)?;
            AppointmentConfirmed { summary, cancellable_until }.render(attachments)
        }
        EventData::AppointmentReserved(_) => {
            let About { summary, attachments, appointment } = About::of(context)?;
            let cancellable_until = cancellable_until(appointment, context.settings, context.now)?;
            let hold = Hold::of(appointment)?;
            AppointmentReserved { summary, hold, cancellable_until }.render(attachments)
        }
        EventData::AppointmentRescheduled { previous, .. } => rescheduled(context, previous),
        EventData::AppointmentCancelled(_) => {
            let About { summary, attachments, appointment } = About::of(context)?;
            let by_customer = context.event.actor == Actor::User(appointment.user_id);
            AppointmentCancelled { summary, by_customer }.render(attachments)
        }
        EventData::AppointmentExpired(_) => {
            let About { summary, attachments, .. } = About::of(context)?;
            AppointmentExpired { summary }.render(attachments)
        }
        EventData::AppointmentReminder(_) => {
            let About { summary, attachments, appointment } = About::of(context)?;
            let cancellable_until = cancellable_until(appointment, context.settings, context.now)?;
            AppointmentReminder { summary, cancellable_until }.render(attachments)
        }
        EventData::TodoCreated(_) => {
            TodoCreated::new(todo(context)?, &context.recipient.name, context.settings)?.render(Vec::new())
        }
        EventData::TodoDue(_) => {
            TodoDue::new(todo(context)?, &context.recipient.name, context.settings)?.render(Vec::new())
        }
        EventData::UserLoggedOut {}
        | EventData::UserSessionRefreshed {}
        | EventData::UserSessionsEnded { .. }
        | EventData::UserProfileChanged {}
        | EventData::UserPreferencesChanged {}
        | EventData::UserExported {}
        | EventData::UserDeleted {}
        | EventData::AppointmentPaymentVerified(_)
        | EventData::AppointmentCompleted(_)
        | EventData::AppointmentNoShow(_)
        | EventData::TodoUpdated(_)
        | EventData::TodoCompleted(_)
        | EventData::TodoDeleted(_)
        | EventData::CatalogChanged { .. } => Err(MailError::NoMail(event_type)),
    }
}

fn salon(context: &Context<'_>) -> String {
    text::single_line(&context.settings.salon_name)
}

fn name(context: &Context<'_>) -> String {
    text::single_line(&context.recipient.name)
}

fn todo<'a>(context: &Context<'a>) -> Result<&'a Todo, MailError> {
    context.todo.ok_or(MailError::TodoMissing(context.event.event_type()))
}

/// The link to a route of `/auth` with the event's one-time token.
fn link(context: &Context<'_>, route: &str) -> Result<String, MailError> {
    let token = context.token.ok_or(MailError::TokenMissing(context.event.event_type()))?;
    Ok(format!("{}/api/v1/auth/{route}/{token}", context.config.public_url()))
}

fn when(context: &Context<'_>) -> Result<Detail, MailError> {
    let at = time::local(context.event.at, &context.settings.time_zone)?;
    Ok(Detail::new("When", &time::in_full(&at)))
}

/// The time of the event, and the client that caused it.
fn when_and_where(context: &Context<'_>, client: &ClientInfo) -> Result<Vec<Detail>, MailError> {
    let known = |text: &'_ Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let mut details = vec![when(context)?];
    if let Some(ip) = known(&client.ip) {
        details.push(Detail::new("IP address", &ip));
    }
    if let Some(user_agent) = known(&client.user_agent) {
        let shown: String = text::single_line(&user_agent).chars().take(USER_AGENT_LENGTH).collect();
        details.push(Detail::new("Device", &shown));
    }
    Ok(details)
}

/// The parts that all mails about an appointment have.
struct About<'a> {
    summary: Summary,
    attachments: Vec<Attachment>,
    appointment: &'a Appointment,
}

impl<'a> About<'a> {
    fn of(context: &Context<'a>) -> Result<Self, MailError> {
        let Context { event, recipient, settings, config, .. } = *context;
        let appointment = context.appointment.ok_or(MailError::AppointmentMissing(event.event_type()))?;
        let summary = Summary::new(appointment, &recipient.name, settings)?;
        let calendar =
            calendar::attachment(appointment, Some(recipient), &settings.salon_name, config.from());
        Ok(Self { summary, attachments: vec![calendar], appointment })
    }
}

fn rescheduled(context: &Context<'_>, previous: &PreviousTime) -> Result<Rendered, MailError> {
    let About { summary, attachments, appointment } = About::of(context)?;
    let at = time::in_full(&time::local(previous.starts_at, &appointment.time_zone)?);
    AppointmentRescheduled {
        summary,
        before: format!("{at} with {}", text::single_line(&previous.expert_name)),
        by_customer: context.event.actor == Actor::User(appointment.user_id),
        hold: (appointment.status == Status::Reserved).then(|| Hold::of(appointment)).transpose()?,
        cancellable_until: cancellable_until(appointment, context.settings, context.now)?,
    }
    .render(attachments)
}
