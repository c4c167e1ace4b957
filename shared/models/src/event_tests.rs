use serde_json::json;

use super::*;
use crate::appointment::{Status, tests::appointment};

const EVENT: EventId = EventId::derived([1; 16]);
const USER: UserId = UserId::derived([2; 16]);

/// The data of the example of each type, as JSON.
fn data(event_type: EventType) -> Value {
    let client = || json!({"ip": "192.0.2.7", "userAgent": "Lynx/2.9"});
    let facts = || json!({"serviceName": "Cut & finish", "startsAt": "2026-03-03T10:00:00Z"});
    let with = |mut data: Value, name: &str, value: Value| {
        data[name] = value;
        data
    };
    match event_type {
        EventType::UserRegistered
        | EventType::UserVerificationRequested
        | EventType::UserVerified
        | EventType::UserLoggedOut
        | EventType::UserSessionRefreshed
        | EventType::UserPasswordResetRequested
        | EventType::UserProfileChanged
        | EventType::UserPreferencesChanged
        | EventType::UserExported
        | EventType::UserDeleted => json!({}),
        EventType::UserLoggedIn => with(client(), "newDevice", json!(true)),
        EventType::UserSessionRevoked => with(client(), "sessionId", json!(SessionId::derived([1; 16]))),
        EventType::UserSessionsEnded => json!({"sessionId": SessionId::derived([1; 16])}),
        EventType::UserPasswordChanged => client(),
        EventType::UserRoleChanged => json!({"role": "admin"}),
        EventType::AppointmentConfirmed
        | EventType::AppointmentReserved
        | EventType::AppointmentPaymentVerified
        | EventType::AppointmentCompleted
        | EventType::AppointmentNoShow
        | EventType::AppointmentCancelled
        | EventType::AppointmentExpired
        | EventType::AppointmentReminder => facts(),
        EventType::AppointmentRescheduled => {
            let previous = json!({
                "startsAt": "2026-03-02T09:00:00Z",
                "expertId": ExpertId::derived([1; 16]),
                "expertName": "Camille",
            });
            with(facts(), "previous", previous)
        }
        EventType::TodoCreated
        | EventType::TodoUpdated
        | EventType::TodoCompleted
        | EventType::TodoDeleted
        | EventType::TodoDue => json!({"title": "Order towels", "dueAt": "2026-03-03T10:00:00Z"}),
        EventType::CatalogChanged => {
            json!({"what": "subService", "change": "deactivated", "id": SubServiceId::derived([1; 16])})
        }
    }
}

#[test]
fn every_event_is_read_back_as_it_was_written() {
    for event_type in EventType::ALL {
        let example = EventData::example(event_type);
        assert_eq!(example.event_type(), event_type);
        let event = Event::about_user(EVENT, example, Timestamp::UNIX_EPOCH, Actor::System, USER, Some(USER));
        let mut expected = json!({
            "id": EVENT,
            "type": event_type.as_str(),
            "data": data(event_type),
            "at": "1970-01-01T00:00:00Z",
            "actor": "system",
            "recipient": USER,
            "subjects": {"userId": USER},
        });
        if event_type.is_mailed() {
            expected["delivery"] = json!("pending");
        }
        let written = serde_json::to_value(&event).unwrap();
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_value::<Event>(written).unwrap(), event);
        assert_eq!(Value::Object(event.data.members()), data(event_type));
    }
}

#[test]
fn optional_members_are_left_out_where_they_are_unknown() {
    for (data, members) in [
        (EventData::UserSessionsEnded { session_id: None }, json!({})),
        (EventData::UserPasswordChanged(ClientInfo::default()), json!({})),
        (EventData::TodoDeleted(TodoFacts { title: None, due_at: None }), json!({})),
        (
            EventData::UserLoggedIn { client: ClientInfo::default(), new_device: false },
            json!({"newDevice": false}),
        ),
    ] {
        assert_eq!(Value::Object(data.members()), members);
        assert_eq!(serde_json::from_value::<EventData>(serde_json::to_value(&data).unwrap()).unwrap(), data);
    }
}

#[test]
fn an_event_without_its_members_is_refused() {
    for data in [
        json!({"type": "user.role_changed", "data": {}}),
        json!({"type": "user.role_changed", "data": {"role": "root"}}),
        json!({"type": "user.role_changed"}),
        json!({"type": "user.logged_in", "data": {"ip": "192.0.2.7"}}),
        json!({"type": "appointment.confirmed", "data": {"serviceName": "Cut", "startsAt": "yesterday"}}),
        json!({"type": "appointment.rescheduled", "data": data(EventType::AppointmentConfirmed)}),
        json!({"type": "appointment.forgotten", "data": {}}),
    ] {
        assert!(serde_json::from_value::<EventData>(data.clone()).is_err(), "{data}");
    }
}

#[test]
fn names_are_those_that_serde_writes() {
    for event_type in EventType::ALL {
        assert_eq!(serde_json::to_value(event_type).unwrap(), event_type.as_str());
    }
    for kind in CatalogKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn only_what_concerns_an_account_s_safety_cannot_be_turned_off() {
    let fixed: Vec<_> = Category::ALL.into_iter().filter(|category| !category.can_be_turned_off()).collect();
    assert_eq!(fixed, [Category::Security]);
    for (event_type, category) in [
        (EventType::UserPasswordChanged, Some(Category::Security)),
        (EventType::UserLoggedIn, Some(Category::Logins)),
        (EventType::AppointmentReminder, Some(Category::Reminders)),
        (EventType::AppointmentCompleted, Some(Category::Appointments)),
        (EventType::TodoDue, Some(Category::Todos)),
        (EventType::UserSessionRefreshed, None),
        (EventType::CatalogChanged, None),
    ] {
        assert_eq!(event_type.category(), category);
    }
}

#[test]
fn every_event_has_a_text_of_its_own() {
    let texts: std::collections::BTreeSet<_> =
        EventType::ALL.into_iter().map(|event_type| EventData::example(event_type).text()).collect();
    assert_eq!(texts.len(), EventType::ALL.len(), "{texts:#?}");
    assert!(texts.contains("Your appointment for Cut & finish was moved."), "{texts:#?}");
    assert!(texts.contains("You belong to the front desk now."), "{texts:#?}");
    for text in texts {
        assert!(text.ends_with(['.', '!']), "{text}");
    }
}

#[test]
fn addresses_devices_and_words_are_forgotten_with_the_recipient() {
    for event_type in EventType::ALL {
        let anonymised = EventData::example(event_type).anonymised();
        assert_eq!(anonymised.event_type(), event_type);
        let mut expected = data(event_type);
        for personal in ["ip", "userAgent", "title"] {
            expected.as_object_mut().unwrap().remove(personal);
        }
        assert_eq!(Value::Object(anonymised.members()), expected);
    }
}

#[test]
fn an_event_about_an_appointment_has_its_facts_and_notifies_its_customer() {
    let reminded = appointment(Status::Confirmed, None);
    let (at, actor) = (Timestamp::UNIX_EPOCH, Actor::System);
    let event = Event::about_appointment(EVENT, EventData::AppointmentReminder, at, actor, &reminded);
    assert_eq!((event.recipient, event.delivery), (Some(reminded.user_id), Some(Delivery::Pending)));
    assert_eq!(event.subjects.appointment_id, Some(reminded.id));
    assert_eq!(
        Value::Object(event.data.members()),
        json!({"serviceName": "Cut", "startsAt": reminded.starts_at})
    );
}

#[test]
fn only_an_event_that_is_mailed_to_somebody_is_to_be_delivered() {
    let event = |event_type, recipient| {
        let (data, at) = (EventData::example(event_type), Timestamp::UNIX_EPOCH);
        Event::new(EVENT, data, at, Actor::System, recipient, Subjects::default()).delivery
    };
    assert_eq!(event(EventType::AppointmentExpired, Some(USER)), Some(Delivery::Pending));
    assert_eq!(event(EventType::AppointmentExpired, None), None);
    assert_eq!(event(EventType::AppointmentCompleted, Some(USER)), None);
    assert_eq!(event(EventType::CatalogChanged, Some(USER)), None);
}
