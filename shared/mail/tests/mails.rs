//! Every mail as people get it, as snapshots under `snapshots/`; and that nothing a person wrote can change what
//! a mail is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;

use chairbook_mail::{Context, MailConfig, MailError, Rendered, compose};
use chairbook_models::appointment::payment::{DeskPayment, Payment, PaymentMethod, Refund};
use chairbook_models::appointment::{Appointment, BookedSubService, Status};
use chairbook_models::catalog::Settings;
use chairbook_models::event::{
    Actor, AppointmentFacts, ClientInfo, Event, EventData, EventType, PreviousTime, Subjects, TodoFacts,
};
use chairbook_models::ids::{
    AppointmentId, EventId, ExpertId, OfferId, ServiceId, SessionId, SubServiceId, TodoId, UserId,
};
use chairbook_models::offers::AppliedOffer;
use chairbook_models::preferences::Preferences;
use chairbook_models::todo::{self, Details, Priority, Todo};
use chairbook_models::user::{Profile, Role};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

#[path = "mails/calendars.rs"]
mod calendars;
#[path = "mails/local_times.rs"]
mod local_times;

const TOKEN: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn customer() -> UserId {
    UserId::derived([1; 16])
}

fn profile() -> Profile {
    Profile {
        id: customer(),
        name: "Ana Silva".parse().unwrap(),
        email: "ana@example.com".to_owned(),
        phone: None,
        role: Role::User,
        email_verified: true,
        preferences: Preferences::default(),
        created_at: instant("2026-02-20T08:00:00Z"),
        updated_at: instant("2026-02-20T08:00:00Z"),
    }
}

fn settings() -> Settings {
    Settings {
        salon_name: "Salon Lumière".parse().unwrap(),
        time_zone: "Europe/Paris".to_owned(),
        cancellation_window_minutes: 24 * 60,
        ..Settings::default()
    }
}

fn config() -> MailConfig {
    MailConfig::new("https://api.chairbook.example", "Salon Lumière <bookings@chairbook.example>").unwrap()
}

fn appointment(status: Status) -> Appointment {
    let add_on = |byte, name: &str, price, duration_minutes| BookedSubService {
        id: SubServiceId::derived([byte; 16]),
        name: name.parse().unwrap(),
        price,
        duration_minutes,
    };
    Appointment {
        id: AppointmentId::derived([2; 16]),
        user_id: customer(),
        service_id: ServiceId::derived([3; 16]),
        service_name: "Haircut".parse().unwrap(),
        sub_services: vec![add_on(4, "Wash", 500, 10), add_on(5, "Beard trim", 1500, 20)],
        expert_id: ExpertId::derived([6; 16]),
        expert_name: "Camille Moreau".parse().unwrap(),
        date: "2026-03-03".parse().unwrap(),
        time: "10:00".parse().unwrap(),
        time_zone: "Europe/Paris".to_owned(),
        starts_at: instant("2026-03-03T09:00:00Z"),
        ends_at: instant("2026-03-03T10:15:00Z"),
        blocked_until: instant("2026-03-03T10:25:00Z"),
        duration_minutes: 75,
        status,
        total_price: 6500,
        offer: None,
        currency: "EUR".parse().unwrap(),
        expires_at: (status == Status::Reserved).then(|| instant("2026-02-28T18:30:00Z")),
        payment: (status == Status::Confirmed).then(|| paid(6500)),
        refund: None,
        notes: Some("Please use the scissors, not the clippers: the last time took a while to grow out.\r\nThank you!".parse().unwrap()),
        reminded_for: None,
        version: u32::from(!matches!(status, Status::Reserved | Status::Confirmed)),
        reschedules: 0,
        created_at: instant("2026-02-28T14:30:00Z"),
        updated_at: instant("2026-02-28T14:30:00Z"),
    }
}

fn paid(amount: i64) -> Payment {
    let card =
        DeskPayment { method: PaymentMethod::Card, reference: None, amount, by: UserId::derived([9; 16]) };
    card.recorded(None, instant("2026-02-28T14:30:00Z"))
}

/// The same, when its customer has said that they have paid.
fn claimed(status: Status) -> Appointment {
    let at = instant("2026-02-28T14:30:00Z");
    Appointment { payment: Some(Payment::Unverified { at }), ..appointment(status) }
}

fn event(data: EventData, actor: Actor) -> Event {
    let subjects = Subjects {
        user_id: Some(customer()),
        appointment_id: Some(AppointmentId::derived([2; 16])),
        ..Subjects::default()
    };
    let at = instant("2026-02-28T14:30:00Z");
    Event::new(EventId::derived([7; 16]), data, at, actor, Some(customer()), subjects)
}

fn by_customer(data: EventData) -> Event {
    event(data, Actor::User(customer()))
}

/// The facts of the appointment.
fn facts() -> AppointmentFacts {
    AppointmentFacts::from(&appointment(Status::Confirmed))
}

/// The mail of an event, with all that anybody could have written taken from the arguments.
fn mail_of(event: &Event, profile: &Profile, appointment: &Appointment, settings: &Settings) -> Rendered {
    mail_sent_at(event.at, event, profile, appointment, settings)
}

fn mail_sent_at(
    now: Timestamp,
    event: &Event,
    profile: &Profile,
    appointment: &Appointment,
    settings: &Settings,
) -> Rendered {
    let config = config();
    let context = Context {
        event,
        recipient: profile,
        appointment: Some(appointment),
        todo: None,
        token: Some(TOKEN),
        settings,
        config: &config,
        now,
    };
    compose(&context).unwrap()
}

fn mail(event: &Event, status: Status) -> Rendered {
    mail_of(event, &profile(), &appointment(status), &settings())
}

fn login(client: ClientInfo, new_device: bool) -> Event {
    by_customer(EventData::UserLoggedIn { client, new_device })
}

const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

fn client() -> ClientInfo {
    ClientInfo { ip: Some("192.0.2.7".to_owned()), user_agent: Some(BROWSER.to_owned()) }
}

fn revoked() -> EventData {
    EventData::UserSessionRevoked { client: client(), session_id: SessionId::derived([8; 16]) }
}

fn role(role: Role) -> Event {
    by_customer(EventData::UserRoleChanged { role })
}

/// At nine the day before, with somebody else.
fn previous() -> PreviousTime {
    PreviousTime {
        starts_at: instant("2026-03-02T08:00:00Z"),
        expert_id: ExpertId::derived([6; 16]),
        expert_name: "Noé Petit".parse().unwrap(),
    }
}

/// The appointment, moved from there.
fn moved(actor: Actor) -> Event {
    let previous = previous();
    event(EventData::AppointmentRescheduled { appointment: facts(), previous }, actor)
}

/// A reminder on the day before, where the customer can cancel until so many minutes before the start.
fn reminder(cancellation_window_minutes: u32) -> Rendered {
    let mut event = event(EventData::AppointmentReminder(facts()), Actor::System);
    event.at = instant("2026-03-02T09:00:00Z");
    let settings = Settings { cancellation_window_minutes, ..settings() };
    mail_of(&event, &profile(), &appointment(Status::Confirmed), &settings)
}

fn todo() -> Todo {
    let details = Details {
        title: "Order towels & gowns".parse().unwrap(),
        description: Some(
            "Two dozen, white; ask for the usual discount.\r\nThe last delivery had one too few."
                .parse()
                .unwrap(),
        ),
        priority: Priority::High,
        due_at: Some("2026-03-03T15:00:00Z".parse().unwrap()),
    };
    new_todo(details)
}

/// One with nothing but a title.
fn bare_todo() -> Todo {
    let title = "Call the plumber".parse().unwrap();
    new_todo(Details { title, description: None, priority: Priority::default(), due_at: None })
}

fn new_todo(details: Details) -> Todo {
    let at = instant("2026-02-28T14:30:00Z");
    Todo::new(TodoId::derived([5; 16]), customer(), details, todo::Status::Pending, at)
}

fn mail_of_todo(
    data: fn(TodoFacts) -> EventData,
    todo: &Todo,
    profile: &Profile,
    settings: &Settings,
) -> Rendered {
    let (config, at) = (config(), instant("2026-03-03T06:00:00Z"));
    let event = Event::about_todo(EventId::derived([7; 16]), data, at, Actor::System, todo);
    let context = Context {
        event: &event,
        recipient: profile,
        appointment: None,
        todo: Some(todo),
        token: None,
        settings,
        config: &config,
        now: at,
    };
    compose(&context).unwrap()
}

/// Every mail there is, by the name of its snapshot.
fn all() -> Vec<(&'static str, Rendered)> {
    let cancelled = || EventData::AppointmentCancelled(facts());
    vec![
        ("verify_email", mail(&by_customer(EventData::UserRegistered {}), Status::Confirmed)),
        ("welcome", mail(&by_customer(EventData::UserVerified {}), Status::Confirmed)),
        ("welcome_back", mail(&login(client(), false), Status::Confirmed)),
        ("welcome_back_new_device", mail(&login(ClientInfo::default(), true), Status::Confirmed)),
        ("reset_password", mail(&by_customer(EventData::UserPasswordResetRequested {}), Status::Confirmed)),
        ("password_changed", mail(&by_customer(EventData::UserPasswordChanged(client())), Status::Confirmed)),
        ("session_revoked", mail(&by_customer(revoked()), Status::Confirmed)),
        ("role_changed_to_customer", mail(&role(Role::User), Status::Confirmed)),
        ("role_changed_to_front_desk", mail(&role(Role::Admin), Status::Confirmed)),
        ("role_changed_to_owner", mail(&role(Role::Owner), Status::Confirmed)),
        (
            "appointment_confirmed",
            mail(&by_customer(EventData::AppointmentConfirmed(facts())), Status::Confirmed),
        ),
        (
            "appointment_confirmed_on_their_word",
            mail_of(
                &by_customer(EventData::AppointmentConfirmed(facts())),
                &profile(),
                &claimed(Status::Confirmed),
                &settings(),
            ),
        ),
        (
            "appointment_reserved",
            mail(&by_customer(EventData::AppointmentReserved(facts())), Status::Reserved),
        ),
        ("appointment_rescheduled", mail(&moved(Actor::User(customer())), Status::Confirmed)),
        (
            "appointment_rescheduled_by_the_salon",
            mail(&moved(Actor::User(UserId::derived([9; 16]))), Status::Reserved),
        ),
        ("appointment_cancelled", mail(&by_customer(cancelled()), Status::Cancelled)),
        (
            "appointment_cancelled_by_the_salon",
            mail(&event(cancelled(), Actor::User(UserId::derived([9; 16]))), Status::Cancelled),
        ),
        (
            "appointment_expired",
            mail(&event(EventData::AppointmentExpired(facts()), Actor::System), Status::Expired),
        ),
        ("appointment_reminder", reminder(120)),
        ("appointment_reminder_too_late_to_cancel", reminder(24 * 60)),
        ("todo_created", mail_of_todo(EventData::TodoCreated, &todo(), &profile(), &settings())),
        (
            "todo_created_without_more",
            mail_of_todo(EventData::TodoCreated, &bare_todo(), &profile(), &settings()),
        ),
        ("todo_due", mail_of_todo(EventData::TodoDue, &todo(), &profile(), &settings())),
    ]
}

#[test]
fn every_mail_is_as_it_was_read_and_approved() {
    let mut snapshots = insta::Settings::clone_current();
    snapshots.set_snapshot_path("../snapshots");
    snapshots.set_prepend_module_to_snapshot(false);
    snapshots.set_omit_expression(true);
    snapshots.bind(|| {
        for (name, mail) in all() {
            let mut shown = format!("Subject: {}\n\n{}\n{}", mail.subject, mail.text, mail.html);
            for attachment in &mail.attachments {
                let content = String::from_utf8(attachment.content.clone()).unwrap().replace("\r\n", "\n");
                write!(shown, "\n{} ({})\n{content}", attachment.filename, attachment.content_type).unwrap();
            }
            insta::assert_snapshot!(name, shown);
        }
    });
}

#[test]
fn a_mail_that_comes_late_promises_no_more_than_is_still_true() {
    let appointment_at = |status| (profile(), appointment(status), settings());
    for (event, status) in [
        (by_customer(EventData::AppointmentConfirmed(facts())), Status::Confirmed),
        (by_customer(EventData::AppointmentReserved(facts())), Status::Reserved),
        (moved(Actor::System), Status::Confirmed),
        (by_customer(EventData::AppointmentReminder(facts())), Status::Confirmed),
    ] {
        let (profile, appointment, settings) = appointment_at(status);
        let until = appointment.starts_at - SignedDuration::from_hours(24);
        for (now, promises) in
            [(event.at, true), (until - SignedDuration::from_secs(1), true), (until, false)]
        {
            let mail = mail_sent_at(now, &event, &profile, &appointment, &settings);
            let promise = "Monday, 2 March 2026, 10:00";
            assert_eq!(mail.text.contains(promise), promises, "{now}: {}", mail.text);
            assert_eq!(mail.html.contains(promise), promises, "{now}: {}", mail.html);
        }
    }
}

#[test]
fn an_event_without_what_its_mail_needs_says_what_is_missing() {
    let (profile, settings, config) = (profile(), settings(), config());
    for (data, message) in [
        (EventData::UserRegistered {}, "user.registered carries no token"),
        (EventData::UserVerificationRequested {}, "user.verification_requested carries no token"),
        (EventData::UserPasswordResetRequested {}, "user.password_reset_requested carries no token"),
        (moved(Actor::System).data, "appointment.rescheduled came without its appointment"),
        (EventData::AppointmentConfirmed(facts()), "appointment.confirmed came without its appointment"),
        (EventData::AppointmentExpired(facts()), "appointment.expired came without its appointment"),
        (EventData::AppointmentReminder(facts()), "appointment.reminder came without its appointment"),
        (EventData::example(EventType::TodoCreated), "todo.created came without its to-do"),
        (EventData::example(EventType::TodoDue), "todo.due came without its to-do"),
        (EventData::UserLoggedOut {}, "there is no mail for user.logged_out"),
    ] {
        let event = by_customer(data);
        let context = Context {
            event: &event,
            recipient: &profile,
            appointment: None,
            todo: None,
            token: None,
            settings: &settings,
            config: &config,
            now: event.at,
        };
        assert_eq!(compose(&context).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_wrong_time_zone_is_named() {
    let event = by_customer(EventData::AppointmentConfirmed(facts()));
    let (profile, settings, config) = (profile(), settings(), config());
    let appointment = Appointment { time_zone: "Mars/Olympus".to_owned(), ..appointment(Status::Confirmed) };
    let context = Context {
        event: &event,
        recipient: &profile,
        appointment: Some(&appointment),
        todo: None,
        token: None,
        settings: &settings,
        config: &config,
        now: event.at,
    };
    assert!(matches!(compose(&context), Err(MailError::UnknownTimeZone(zone)) if zone == "Mars/Olympus"));
}

#[test]
fn every_event_that_is_mailed_has_a_mail_and_no_other() {
    for event_type in EventType::ALL {
        let (profile, settings, config) = (profile(), settings(), config());
        let event = by_customer(EventData::example(event_type));
        let (appointment, todo) = (appointment(Status::Confirmed), todo());
        let context = Context {
            event: &event,
            recipient: &profile,
            appointment: Some(&appointment),
            todo: Some(&todo),
            token: Some(TOKEN),
            settings: &settings,
            config: &config,
            now: event.at,
        };
        assert_eq!(compose(&context).is_ok(), event_type.is_mailed(), "{}", event_type.as_str());
    }
}

#[test]
fn a_price_says_what_an_offer_took_off() {
    let spring = AppliedOffer {
        id: OfferId::derived([8; 16]),
        name: "Spring & sun".parse().unwrap(),
        code: Some("SPRING".parse().unwrap()),
        discount: 700,
    };
    for (event_type, status, price) in [
        (
            EventData::AppointmentConfirmed(facts()),
            Status::Confirmed,
            "EUR 58.00, paid (Spring & sun: EUR 7.00 off)",
        ),
        (EventData::AppointmentReserved(facts()), Status::Reserved, "EUR 58.00 (Spring & sun: EUR 7.00 off)"),
    ] {
        let cheaper = Appointment { offer: Some(spring.clone()), total_price: 5_800, ..appointment(status) };
        let mail = mail_of(&by_customer(event_type), &profile(), &cheaper, &settings());
        assert!(mail.text.contains(&format!("Price:      {price}\n")), "{}", mail.text);
        assert!(mail.html.contains(&price.replace('&', "&#38;")), "{}", mail.html);
        let calendar = String::from_utf8(mail.attachments[0].content.clone()).unwrap().replace("\r\n ", "");
        assert!(calendar.contains(&price.replace(',', "\\,")), "{calendar}");
    }
}

#[test]
fn no_mail_says_that_the_salon_was_paid_where_only_the_customer_does() {
    let note = "When you booked, you told us that you have paid EUR 65.00. We have not verified this yet. If you have \
                not paid, please pay at the salon.";
    for event in [
        by_customer(EventData::AppointmentConfirmed(facts())),
        moved(Actor::User(customer())),
        by_customer(EventData::AppointmentReminder(facts())),
    ] {
        let of = |appointment: &Appointment| mail_of(&event, &profile(), appointment, &settings());
        let (word, money) = (of(&claimed(Status::Confirmed)), of(&appointment(Status::Confirmed)));
        for (mail, price, is_noted) in [(word, "payment to be verified", true), (money, "paid", false)] {
            assert!(mail.text.contains(&format!("Price:      EUR 65.00, {price}\n")), "{}", mail.text);
            assert_eq!(mail.text.replace('\n', " ").contains(note), is_noted, "{}", mail.text);
            assert_eq!(mail.html.contains(note), is_noted, "{}", mail.html);
            let calendar = String::from_utf8(mail.attachments[0].content.clone()).unwrap();
            let calendar = calendar.replace("\r\n ", "");
            assert!(calendar.contains(&format!("\\nEUR 65.00\\, {price}\\n")), "{calendar}");
        }
    }
    // Where nothing is given back, nothing is said of it.
    let cancelled = mail_of(
        &by_customer(EventData::AppointmentCancelled(facts())),
        &profile(),
        &claimed(Status::Cancelled),
        &settings(),
    );
    for part in [&cancelled.text, &cancelled.html] {
        assert!(part.contains("EUR 65.00") && !part.contains("paid") && !part.contains("refund"), "{part}");
    }
    let refund = Some(Refund { amount: 6500, at: instant("2026-03-01T14:30:00Z") });
    let given_back = Appointment { payment: Some(paid(6500)), refund, ..appointment(Status::Cancelled) };
    let mail =
        mail_of(&by_customer(EventData::AppointmentCancelled(facts())), &profile(), &given_back, &settings());
    assert!(mail.text.contains("Price:      EUR 65.00, refunded\n"), "{}", mail.text);
}

/// What a hostile person would write wherever the salon lets them write.
const HOSTILE: &str =
    "<script>alert(1)</script>\"'&\r\nBcc: victim@example.com\r\n\r\nDTEND:19700101T000000Z";

/// A text as a row may have it that was written when there were fewer rules.
fn stored<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap()
}

fn hostile_mails() -> Vec<(&'static str, Rendered)> {
    let profile = Profile { name: stored(HOSTILE), ..profile() };
    let settings = Settings { salon_name: stored(HOSTILE), ..settings() };
    let hostile = |status| Appointment {
        service_name: stored(HOSTILE),
        expert_name: stored(HOSTILE),
        notes: Some(stored(HOSTILE)),
        offer: Some(AppliedOffer {
            id: OfferId::derived([8; 16]),
            name: stored(HOSTILE),
            code: None,
            discount: 1,
        }),
        sub_services: vec![BookedSubService {
            id: SubServiceId::derived([4; 16]),
            name: stored(HOSTILE),
            price: 0,
            duration_minutes: 0,
        }],
        ..appointment(status)
    };
    let hostile_todo = Todo { title: stored(HOSTILE), description: Some(stored(HOSTILE)), ..todo() };
    let client = || ClientInfo { ip: Some(HOSTILE.to_owned()), user_agent: Some(HOSTILE.to_owned()) };
    let session_id = SessionId::derived([8; 16]);
    let previous = PreviousTime { expert_name: stored(HOSTILE), ..previous() };
    let rescheduled = EventData::AppointmentRescheduled { appointment: facts(), previous };
    [
        (by_customer(EventData::UserRegistered {}), Status::Confirmed),
        (by_customer(EventData::UserVerified {}), Status::Confirmed),
        (login(client(), true), Status::Confirmed),
        (by_customer(EventData::UserPasswordResetRequested {}), Status::Confirmed),
        (by_customer(EventData::UserPasswordChanged(client())), Status::Confirmed),
        (by_customer(EventData::UserSessionRevoked { client: client(), session_id }), Status::Confirmed),
        (role(Role::Admin), Status::Confirmed),
        (by_customer(EventData::AppointmentConfirmed(facts())), Status::Confirmed),
        (by_customer(EventData::AppointmentReserved(facts())), Status::Reserved),
        (by_customer(rescheduled), Status::Reserved),
        (by_customer(EventData::AppointmentCancelled(facts())), Status::Cancelled),
        (by_customer(EventData::AppointmentExpired(facts())), Status::Expired),
        (by_customer(EventData::AppointmentReminder(facts())), Status::Confirmed),
    ]
    .into_iter()
    .map(|(event, status)| {
        (event.event_type().as_str(), mail_of(&event, &profile, &hostile(status), &settings))
    })
    .chain([
        ("todo.created", mail_of_todo(EventData::TodoCreated, &hostile_todo, &profile, &settings)),
        ("todo.due", mail_of_todo(EventData::TodoDue, &hostile_todo, &profile, &settings)),
    ])
    .collect()
}

#[test]
fn a_subject_is_one_line_whatever_anybody_is_called() {
    for (name, mail) in hostile_mails() {
        assert!(!mail.subject.is_empty(), "{name}");
        assert!(!mail.subject.chars().any(char::is_control), "{name}: {:?}", mail.subject);
    }
}

#[test]
fn html_is_escaped_wherever_anybody_wrote() {
    for (name, mail) in hostile_mails() {
        assert!(!mail.html.contains("<script"), "{name}: {}", mail.html);
        assert!(mail.html.contains("&#60;script&#62;"), "{name}: {}", mail.html);
        assert!(!mail.html.contains("(1)</script>\""), "{name}: {}", mail.html);
    }
}

#[test]
fn only_indented_notes_make_a_paragraph_of_their_own_in_plain_text() {
    for (name, mail) in hostile_mails() {
        let starts_a_paragraph = mail.text.split("\n\n").any(|paragraph| paragraph.starts_with("DTEND"));
        assert!(!starts_a_paragraph, "{name}: {}", mail.text);
    }
}

#[test]
fn the_verification_mail_shows_nothing_that_a_stranger_wrote() {
    let profile = Profile { name: "Win a prize at https://spam.example".parse().unwrap(), ..profile() };
    for data in [EventData::UserRegistered {}, EventData::UserVerificationRequested {}] {
        let mail = mail_of(&by_customer(data), &profile, &appointment(Status::Confirmed), &settings());
        for part in [&mail.subject, &mail.text, &mail.html] {
            assert!(!part.contains("spam.example"), "{part}");
        }
        let link = format!("https://api.chairbook.example/api/v1/auth/verify-email/{TOKEN}");
        assert!(mail.text.lines().any(|line| line == link), "{}", mail.text);
        assert!(mail.html.contains(&format!("href=\"{link}\"")), "{}", mail.html);
    }
}

#[test]
fn a_new_password_is_offered_by_link_and_by_name_only_to_an_address_that_is_verified() {
    let link = format!("https://api.chairbook.example/api/v1/auth/reset-password/{TOKEN}");
    let event = by_customer(EventData::UserPasswordResetRequested {});
    for (email_verified, greeting) in [(true, "Hello Win a prize,"), (false, "Hello,")] {
        let profile = Profile { name: "Win a prize".parse().unwrap(), email_verified, ..profile() };
        let mail = mail_of(&event, &profile, &appointment(Status::Confirmed), &settings());
        assert_eq!(mail.text.lines().next(), Some(greeting));
        assert!(mail.html.contains(&format!(">{greeting}<")), "{}", mail.html);
        for part in [&mail.subject, &mail.text, &mail.html] {
            assert_eq!(part.contains("prize"), email_verified && part != &mail.subject, "{part}");
            // They may be a stranger, so nothing of the client that asked is shown.
            assert!(!part.contains("IP address") && !part.contains("Device"), "{part}");
        }
        assert!(mail.text.lines().any(|line| line == link), "{}", mail.text);
        assert!(mail.html.contains(&format!("href=\"{link}\"")), "{}", mail.html);
    }
}

#[test]
fn unknown_parts_of_a_client_are_left_out() {
    let known = |text: &str| Some(text.to_owned());
    for (ip, user_agent) in
        [(None, None), (known(" "), None), (known("192.0.2.7"), None), (None, known("test/1"))]
    {
        let (has_ip, has_device) = (ip.as_deref() == Some("192.0.2.7"), user_agent.is_some());
        let client = ClientInfo { ip, user_agent };
        let session_id = SessionId::derived([8; 16]);
        for data in [
            EventData::UserPasswordChanged(client.clone()),
            EventData::UserSessionRevoked { client: client.clone(), session_id },
        ] {
            let mail = mail(&by_customer(data), Status::Confirmed);
            for part in [&mail.text, &mail.html] {
                assert!(part.contains("Saturday, 28 February 2026, 15:30"), "{client:?}: {part}");
                assert_eq!(part.contains("IP address"), has_ip, "{client:?}: {part}");
                assert_eq!(part.contains("Device"), has_device, "{client:?}: {part}");
            }
        }
    }
}

#[test]
fn plain_text_fits_a_terminal_and_html_needs_nothing_from_elsewhere() {
    for (name, mail) in all() {
        let long = mail.text.lines().find(|line| line.chars().count() > 72 && !line.contains("https://"));
        assert_eq!(long, None, "{name}");
        for external in ["<img", "src=", "url(", "@import", "<link"] {
            assert!(!mail.html.contains(external), "{name} has {external}");
        }
        let longest = mail.html.lines().map(str::len).max().unwrap();
        assert!(longest < 998, "{name} has a line of {longest} bytes, and RFC 5322 allows 998");
    }
}

#[test]
fn a_booking_that_can_no_longer_be_cancelled_does_not_offer_it() {
    let late = Appointment {
        starts_at: instant("2026-03-01T09:00:00Z"),
        ends_at: instant("2026-03-01T10:15:00Z"),
        ..appointment(Status::Confirmed)
    };
    let event = by_customer(EventData::AppointmentConfirmed(facts()));
    assert!(!mail_of(&event, &profile(), &late, &settings()).text.contains("please cancel"));
    let settings = Settings { cancellation_window_minutes: 0, ..settings() };
    let mail = mail_of(&event, &profile(), &late, &settings);
    let unwrapped = mail.text.replace('\n', " ");
    assert!(
        unwrapped.contains("please cancel before Sunday, 1 March 2026, 10:00 (Europe/Paris)."),
        "{unwrapped}"
    );
}
