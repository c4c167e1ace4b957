//! The decision to send or skip an event's mail when its turn comes, and the mails whose number is limited.

use std::str::FromStr;

use chairbook_models::appointment::{Appointment, Status};
use chairbook_models::event::{AppointmentFacts, Event, EventData, EventType, TodoFacts};
use chairbook_models::mailed_link::{RESET_LIFETIME, VERIFICATION_LIFETIME};
use chairbook_models::todo::Todo;
use chairbook_models::user::Profile;
use jiff::{SignedDuration, Timestamp};

/// The logins that are mailed to the account's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMail {
    /// Every one.
    Always,
    /// One from a device that was not seen before.
    NewDevice,
    /// None.
    Never,
}

/// A text that is no [`LoginMail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be always, new-device or never")]
pub struct LoginMailError;

impl FromStr for LoginMail {
    type Err = LoginMailError;

    fn from_str(text: &str) -> Result<Self, LoginMailError> {
        match text {
            "always" => Ok(Self::Always),
            "new-device" => Ok(Self::NewDevice),
            "never" => Ok(Self::Never),
            _ => Err(LoginMailError),
        }
    }
}

/// The facts that the decision rests on, as they are now.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its recipient, unless their account is deleted.
    pub recipient: Option<&'a Profile>,
    /// The appointment that it is about, if there is one.
    pub appointment: Option<&'a Appointment>,
    /// The to-do that it is about, if there is one.
    pub todo: Option<&'a Todo>,
    /// The logins that are mailed.
    pub login_mail: LoginMail,
    /// The present time (UTC).
    pub now: Timestamp,
}

/// The reason to skip the mail, in a word or two; `None` if it is to be sent.
pub fn reason_to_skip(facts: &Facts<'_>) -> Option<&'static str> {
    let event = facts.event;
    let Some(recipient) = facts.recipient else { return Some("recipient_deleted") };
    let is_wanted = |category| recipient.preferences.of(category).email;
    if !event.event_type().category().is_none_or(is_wanted) {
        return Some("turned_off");
    }
    match &event.data {
        EventData::UserRegistered {} | EventData::UserVerificationRequested {} => {
            if recipient.email_verified {
                Some("already_verified")
            } else {
                link_expired(facts, VERIFICATION_LIFETIME)
            }
        }
        EventData::UserPasswordResetRequested {} => link_expired(facts, RESET_LIFETIME),
        // Whose account it is must hear of these, however late.
        EventData::UserVerified {}
        | EventData::UserSessionRevoked { .. }
        | EventData::UserPasswordChanged(_)
        | EventData::UserRoleChanged { .. } => None,
        EventData::UserLoggedIn { new_device, .. } => match facts.login_mail {
            LoginMail::Always => None,
            LoginMail::NewDevice => (!new_device).then_some("known_device"),
            LoginMail::Never => Some("login_mail_off"),
        },
        EventData::AppointmentConfirmed(_) => about(facts.appointment, Status::Confirmed, Some(facts.now)),
        EventData::AppointmentReserved(_) => {
            about(facts.appointment, Status::Reserved, Some(facts.now)).or_else(|| hold_ended(facts))
        }
        EventData::AppointmentRescheduled { appointment, .. } => moved(facts, appointment),
        EventData::AppointmentCancelled(_) => about(facts.appointment, Status::Cancelled, None),
        EventData::AppointmentExpired(_) => about(facts.appointment, Status::Expired, None),
        EventData::AppointmentReminder(appointment) => reminder(facts, appointment),
        EventData::TodoCreated(_) => about_todo(facts),
        EventData::TodoDue(told) => due(facts, told),
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
        | EventData::CatalogChanged { .. } => Some("no_mail"),
    }
}

/// The kind of a mail that anybody can have sent to an address by knowing it, without being logged in; each kind is
/// limited by address. `None` for a mail that takes more than that: its account, its password or an earlier mail.
pub const fn limited_kind(event_type: EventType) -> Option<&'static str> {
    match event_type {
        // The first mail of an account counts as the others do that ask for the same.
        EventType::UserRegistered | EventType::UserVerificationRequested => Some("verification"),
        EventType::UserPasswordResetRequested => Some("password_reset"),
        EventType::UserVerified
        | EventType::UserLoggedIn
        | EventType::UserLoggedOut
        | EventType::UserSessionRefreshed
        | EventType::UserSessionRevoked
        | EventType::UserSessionsEnded
        | EventType::UserPasswordChanged
        | EventType::UserProfileChanged
        | EventType::UserPreferencesChanged
        | EventType::UserRoleChanged
        | EventType::UserExported
        | EventType::UserDeleted
        | EventType::AppointmentConfirmed
        | EventType::AppointmentReserved
        | EventType::AppointmentRescheduled
        | EventType::AppointmentPaymentVerified
        | EventType::AppointmentCompleted
        | EventType::AppointmentNoShow
        | EventType::AppointmentCancelled
        | EventType::AppointmentExpired
        | EventType::AppointmentReminder
        | EventType::TodoCreated
        | EventType::TodoUpdated
        | EventType::TodoCompleted
        | EventType::TodoDeleted
        | EventType::TodoDue
        | EventType::CatalogChanged => None,
    }
}

/// A link that no longer works is not worth a mail.
fn link_expired(facts: &Facts<'_>, lifetime: SignedDuration) -> Option<&'static str> {
    (facts.now.duration_since(facts.event.at) >= lifetime).then_some("link_expired")
}

/// A reservation that is not held any more is not to be paid for.
fn hold_ended(facts: &Facts<'_>) -> Option<&'static str> {
    let held_until = facts.appointment?.expires_at?;
    (held_until <= facts.now).then_some("hold_ended")
}

/// A moved appointment must still stand, paid for or not, where this event moved it.
fn moved(facts: &Facts<'_>, told: &AppointmentFacts) -> Option<&'static str> {
    let status = match facts.appointment.map(|appointment| appointment.status) {
        Some(Status::Confirmed) => Status::Confirmed,
        _ => Status::Reserved,
    };
    about(facts.appointment, status, Some(facts.now))
        .or_else(|| hold_ended(facts))
        .or_else(|| is_elsewhere(facts, told).then_some("moved_again"))
}

/// An appointment that somebody is reminded of must be confirmed, where it was, and not have begun.
fn reminder(facts: &Facts<'_>, told: &AppointmentFacts) -> Option<&'static str> {
    let begun = |appointment: &Appointment| appointment.starts_at <= facts.now;
    about(facts.appointment, Status::Confirmed, None)
        .or_else(|| is_elsewhere(facts, told).then_some("moved_meanwhile"))
        .or_else(|| begun(facts.appointment?).then_some("appointment_begun"))
}

/// A to-do of which a mail tells must still be open.
fn about_todo(facts: &Facts<'_>) -> Option<&'static str> {
    match facts.todo {
        None => Some("todo_gone"),
        Some(todo) => (!todo.status.is_open()).then_some("todo_closed"),
    }
}

/// A to-do that is due must be open, and due when it was.
fn due(facts: &Facts<'_>, told: &TodoFacts) -> Option<&'static str> {
    let is_moved = facts.todo.is_some_and(|todo| todo.due_at != told.due_at);
    about_todo(facts).or_else(|| is_moved.then_some("todo_moved"))
}

/// Returns true if the appointment has been moved since the event was written.
fn is_elsewhere(facts: &Facts<'_>, told: &AppointmentFacts) -> bool {
    facts.appointment.is_some_and(|appointment| appointment.starts_at != told.starts_at)
}

/// An appointment must still be what its mail says, and, where the mail looks forward to it, not be over.
fn about(appointment: Option<&Appointment>, status: Status, now: Option<Timestamp>) -> Option<&'static str> {
    let Some(appointment) = appointment else { return Some("appointment_gone") };
    if appointment.status != status {
        return Some("appointment_changed");
    }
    now.is_some_and(|now| appointment.ends_at <= now).then_some("appointment_over")
}

#[cfg(test)]
mod tests {
    use chairbook_models::event::{Actor, Category, ClientInfo, PreviousTime, Subjects};
    use chairbook_models::ids::{AppointmentId, EventId, ExpertId, ServiceId, TodoId, UserId};
    use chairbook_models::money::Currency;
    use chairbook_models::preferences::{Channels, Preferences};
    use chairbook_models::todo;
    use chairbook_models::user::Role;

    use super::*;

    const USER: UserId = UserId::derived([1; 16]);

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// An event of a type, with members that are of no account to the test.
    fn event(event_type: EventType) -> Event {
        event_with(EventData::example(event_type))
    }

    fn event_with(data: EventData) -> Event {
        let (id, at) = (EventId::derived([2; 16]), instant("2026-03-01T12:00:00Z"));
        Event::new(id, data, at, Actor::User(USER), Some(USER), Subjects::default())
    }

    /// The facts of an appointment that starts then.
    fn facts(starts_at: &str) -> AppointmentFacts {
        AppointmentFacts { service_name: "Haircut".parse().unwrap(), starts_at: instant(starts_at) }
    }

    fn recipient(email_verified: bool) -> Profile {
        Profile {
            id: USER,
            name: "Ana".parse().unwrap(),
            email: "ana@example.com".to_owned(),
            phone: None,
            role: Role::User,
            email_verified,
            preferences: Preferences::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn appointment(status: Status) -> Appointment {
        Appointment {
            id: AppointmentId::derived([3; 16]),
            user_id: USER,
            service_id: ServiceId::derived([4; 16]),
            service_name: "Haircut".parse().unwrap(),
            sub_services: Vec::new(),
            expert_id: ExpertId::derived([5; 16]),
            expert_name: "Camille".parse().unwrap(),
            date: "2026-03-03".parse().unwrap(),
            time: "10:00".parse().unwrap(),
            time_zone: "UTC".to_owned(),
            starts_at: instant("2026-03-03T10:00:00Z"),
            ends_at: instant("2026-03-03T11:00:00Z"),
            blocked_until: instant("2026-03-03T11:00:00Z"),
            duration_minutes: 60,
            status,
            total_price: 4500,
            offer: None,
            currency: Currency::EUR,
            expires_at: (status == Status::Reserved).then(|| instant("2026-03-01T16:00:00Z")),
            payment: None,
            refund: None,
            notes: None,
            reminded_for: None,
            version: 1,
            reschedules: 0,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn decide(
        event: &Event,
        verified: bool,
        appointment: Option<&Appointment>,
        now: &str,
    ) -> Option<&'static str> {
        let recipient = recipient(verified);
        reason_to_skip(&Facts {
            event,
            recipient: Some(&recipient),
            appointment,
            todo: None,
            login_mail: LoginMail::Always,
            now: instant(now),
        })
    }

    #[test]
    fn what_anybody_can_have_sent_is_limited_and_nothing_else() {
        let limited: Vec<_> = EventType::ALL
            .into_iter()
            .filter_map(|event_type| Some((event_type.as_str(), limited_kind(event_type)?)))
            .collect();
        assert_eq!(
            limited,
            [
                ("user.registered", "verification"),
                ("user.verification_requested", "verification"),
                ("user.password_reset_requested", "password_reset"),
            ]
        );
    }

    #[test]
    fn nobody_is_told_anything_after_their_account_is_gone() {
        for event_type in EventType::ALL {
            let facts = Facts {
                event: &event(event_type),
                recipient: None,
                appointment: Some(&appointment(Status::Confirmed)),
                todo: Some(&todo(todo::Status::Pending)),
                login_mail: LoginMail::Always,
                now: instant("2026-03-01T12:00:01Z"),
            };
            assert_eq!(reason_to_skip(&facts), Some("recipient_deleted"));
        }
    }

    #[test]
    fn a_verification_mail_is_for_addresses_that_are_not_verified_while_its_link_works() {
        for event_type in [EventType::UserRegistered, EventType::UserVerificationRequested] {
            let event = event(event_type);
            for (verified, now, skip) in [
                (false, "2026-03-01T12:00:01Z", None),
                (false, "2026-03-02T11:59:59Z", None),
                (false, "2026-03-02T12:00:00Z", Some("link_expired")),
                (true, "2026-03-01T12:00:01Z", Some("already_verified")),
            ] {
                assert_eq!(decide(&event, verified, None, now), skip, "{verified} {now}");
            }
        }
        assert_eq!(decide(&event(EventType::UserVerified), true, None, "2026-03-09T12:00:00Z"), None);
    }

    #[test]
    fn a_link_for_a_new_password_is_sent_while_it_works_to_verified_addresses_and_others() {
        let event = event(EventType::UserPasswordResetRequested);
        for (now, skip) in [
            ("2026-03-01T12:00:01Z", None),
            ("2026-03-01T12:59:59Z", None),
            ("2026-03-01T13:00:00Z", Some("link_expired")),
            ("2026-03-02T12:00:00Z", Some("link_expired")),
        ] {
            for verified in [true, false] {
                assert_eq!(decide(&event, verified, None, now), skip, "{verified} {now}");
            }
        }
    }

    #[test]
    fn what_concerns_an_account_s_safety_is_told_however_late() {
        for event_type in
            [EventType::UserSessionRevoked, EventType::UserPasswordChanged, EventType::UserRoleChanged]
        {
            for now in ["2026-03-01T12:00:01Z", "2026-03-09T12:00:00Z"] {
                assert_eq!(decide(&event(event_type), true, None, now), None, "{event_type:?} {now}");
            }
        }
    }

    #[test]
    fn logins_are_told_as_the_deployment_wants() {
        let login =
            |new_device| event_with(EventData::UserLoggedIn { client: ClientInfo::default(), new_device });
        for (login_mail, new_device, skip) in [
            (LoginMail::Always, false, None),
            (LoginMail::Always, true, None),
            (LoginMail::NewDevice, true, None),
            (LoginMail::NewDevice, false, Some("known_device")),
            (LoginMail::Never, true, Some("login_mail_off")),
        ] {
            let facts = Facts {
                event: &login(new_device),
                recipient: Some(&recipient(true)),
                appointment: None,
                todo: None,
                login_mail,
                now: instant("2026-03-01T12:00:01Z"),
            };
            assert_eq!(reason_to_skip(&facts), skip, "{login_mail:?} {new_device:?}");
        }
    }

    #[test]
    fn a_mail_whose_category_is_turned_off_is_skipped_and_one_about_safety_cannot_be() {
        for event_type in EventType::ALL {
            let event = event(event_type);
            let Some(category) = event_type.category() else { continue };
            let off = Category::ALL.into_iter().fold(Preferences::default(), |preferences, category| {
                preferences.with(category, Channels { email: false, in_app: true })
            });
            let decide = |preferences| {
                let recipient = Profile { preferences, ..recipient(true) };
                reason_to_skip(&Facts {
                    event: &event,
                    recipient: Some(&recipient),
                    appointment: None,
                    todo: None,
                    login_mail: LoginMail::Never,
                    now: instant("2026-03-01T12:00:01Z"),
                })
            };
            let expected = category.can_be_turned_off().then_some("turned_off");
            assert_eq!(decide(off) == Some("turned_off"), expected.is_some(), "{event_type:?}");
            let in_app_off = Preferences::default().with(category, Channels { email: true, in_app: false });
            assert_ne!(decide(in_app_off), Some("turned_off"), "{event_type:?}");
        }
    }

    #[test]
    fn an_appointment_s_mail_is_sent_only_while_it_is_true() {
        use EventType::{
            AppointmentCancelled, AppointmentConfirmed, AppointmentExpired, AppointmentReserved,
        };
        use Status::{Cancelled, Completed, Confirmed, Expired, NoShow, Reserved};

        for (event_type, told_when) in [
            (AppointmentConfirmed, Confirmed),
            (AppointmentReserved, Reserved),
            (AppointmentCancelled, Cancelled),
            (AppointmentExpired, Expired),
        ] {
            for status in [Reserved, Confirmed, Cancelled, Expired, Completed, NoShow] {
                let skip = (status != told_when).then_some("appointment_changed");
                let appointment = appointment(status);
                let now = "2026-03-01T12:00:01Z";
                assert_eq!(
                    decide(&event(event_type), true, Some(&appointment), now),
                    skip,
                    "{event_type:?} {status:?}"
                );
            }
            let gone = decide(&event(event_type), true, None, "2026-03-01T12:00:01Z");
            assert_eq!(gone, Some("appointment_gone"));
        }
    }

    #[test]
    fn a_moved_appointment_is_told_while_it_stands_where_it_was_moved_to() {
        let previous = PreviousTime {
            starts_at: instant("2026-03-02T10:00:00Z"),
            expert_id: ExpertId::derived([5; 16]),
            expert_name: "Camille".parse().unwrap(),
        };
        let moved_to = |starts_at| {
            let (appointment, previous) = (facts(starts_at), previous.clone());
            event_with(EventData::AppointmentRescheduled { appointment, previous })
        };
        let (here, elsewhere) = ("2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z");
        let (early, late, over) = ("2026-03-01T12:00:01Z", "2026-03-01T16:00:00Z", "2026-03-03T11:00:00Z");
        for (to, status, now, skip) in [
            (here, Status::Confirmed, early, None),
            (here, Status::Confirmed, late, None),
            (here, Status::Confirmed, over, Some("appointment_over")),
            (here, Status::Reserved, early, None),
            (here, Status::Reserved, late, Some("hold_ended")),
            (here, Status::Cancelled, early, Some("appointment_changed")),
            (here, Status::Expired, early, Some("appointment_changed")),
            (here, Status::Completed, early, Some("appointment_changed")),
            (elsewhere, Status::Confirmed, early, Some("moved_again")),
        ] {
            let appointment = appointment(status);
            assert_eq!(decide(&moved_to(to), true, Some(&appointment), now), skip, "{to} {status:?} {now}");
        }
        assert_eq!(decide(&moved_to(here), true, None, early), Some("appointment_gone"));
    }

    #[test]
    fn a_reminder_is_sent_until_the_start_while_the_appointment_stands_where_it_was() {
        let reminder_of = |starts_at| event_with(EventData::AppointmentReminder(facts(starts_at)));
        let (here, elsewhere) = ("2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z");
        let (early, late, begun) = ("2026-03-02T10:00:01Z", "2026-03-03T09:59:59Z", "2026-03-03T10:00:00Z");
        for (of, status, now, skip) in [
            (here, Status::Confirmed, early, None),
            (here, Status::Confirmed, late, None),
            (here, Status::Confirmed, begun, Some("appointment_begun")),
            (elsewhere, Status::Confirmed, early, Some("moved_meanwhile")),
            (here, Status::Reserved, early, Some("appointment_changed")),
            (here, Status::Cancelled, early, Some("appointment_changed")),
            (here, Status::Completed, begun, Some("appointment_changed")),
            (here, Status::NoShow, begun, Some("appointment_changed")),
        ] {
            let appointment = appointment(status);
            assert_eq!(
                decide(&reminder_of(of), true, Some(&appointment), now),
                skip,
                "{of} {status:?} {now}"
            );
        }
        assert_eq!(decide(&reminder_of(here), true, None, early), Some("appointment_gone"));
    }

    #[test]
    fn nobody_is_asked_to_come_when_it_is_too_late() {
        for (event_type, status, now, skip) in [
            (EventType::AppointmentConfirmed, Status::Confirmed, "2026-03-03T10:59:59Z", None),
            (
                EventType::AppointmentConfirmed,
                Status::Confirmed,
                "2026-03-03T11:00:00Z",
                Some("appointment_over"),
            ),
            (EventType::AppointmentReserved, Status::Reserved, "2026-03-01T15:59:59Z", None),
            (EventType::AppointmentReserved, Status::Reserved, "2026-03-01T16:00:00Z", Some("hold_ended")),
            (EventType::AppointmentCancelled, Status::Cancelled, "2026-03-09T00:00:00Z", None),
            (EventType::AppointmentExpired, Status::Expired, "2026-03-09T00:00:00Z", None),
        ] {
            let appointment = appointment(status);
            assert_eq!(
                decide(&event(event_type), true, Some(&appointment), now),
                skip,
                "{event_type:?} {now}"
            );
        }
    }

    /// A to-do as the example of its events says.
    fn todo(status: todo::Status) -> Todo {
        let EventData::TodoDue(facts) = EventData::example(EventType::TodoDue) else { panic!("a to-do") };
        let details = todo::Details {
            title: facts.title.unwrap(),
            description: None,
            priority: todo::Priority::default(),
            due_at: facts.due_at,
        };
        Todo::new(TodoId::derived([6; 16]), USER, details, status, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_to_do_s_mail_is_sent_only_while_it_is_open_and_due_when_it_was() {
        let decide = |event_type, todo: Option<&Todo>| {
            reason_to_skip(&Facts {
                event: &event(event_type),
                recipient: Some(&recipient(true)),
                appointment: None,
                todo,
                login_mail: LoginMail::Never,
                now: instant("2026-03-03T12:00:01Z"),
            })
        };
        for event_type in [EventType::TodoCreated, EventType::TodoDue] {
            for status in todo::Status::ALL {
                let skip = (!status.is_open()).then_some("todo_closed");
                assert_eq!(decide(event_type, Some(&todo(status))), skip, "{event_type:?} {status:?}");
            }
            assert_eq!(decide(event_type, None), Some("todo_gone"));
        }
        let later = "2026-03-04T10:00:00Z".parse().ok();
        let moved = Todo { due_at: later, ..todo(todo::Status::Pending) };
        assert_eq!(decide(EventType::TodoCreated, Some(&moved)), None);
        assert_eq!(decide(EventType::TodoDue, Some(&moved)), Some("todo_moved"));
    }

    #[test]
    fn an_event_that_is_not_mailed_has_no_mail() {
        for event_type in EventType::ALL.into_iter().filter(|event_type| !event_type.is_mailed()) {
            assert_eq!(decide(&event(event_type), true, None, "2026-03-01T12:00:01Z"), Some("no_mail"));
        }
    }

    #[test]
    fn the_parameter_is_one_of_three_words() {
        assert_eq!("always".parse(), Ok(LoginMail::Always));
        assert_eq!("new-device".parse(), Ok(LoginMail::NewDevice));
        assert_eq!("never".parse(), Ok(LoginMail::Never));
        for bad in ["", "Always", "new_device"] {
            assert_eq!(bad.parse::<LoginMail>(), Err(LoginMailError), "{bad}");
        }
    }
}
