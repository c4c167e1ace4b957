//! The calendar file of an appointment, from mail to mail, as a parser reads it that has nothing to do with the writer:
//! one entry that every change updates, and that the API hands out as the latest mail carried it.

use calcard::icalendar::{ICalendar, ICalendarProperty, ICalendarValue};
use chairbook_models::user::Role;
use chairbook_tests::{Actor, Json, TestStack};
use jiff::{Timestamp, ToSpan};
use serde_json::json;

const CUT: &str = "svc_00000000000000000000000001";

/// A property of the calendar (component 0) or of its event (component 1), as text.
fn property(calendar: &ICalendar, component: usize, name: &ICalendarProperty) -> String {
    let entry = calendar.components[component].property(name).unwrap_or_else(|| panic!("no {name:?}"));
    match &entry.values[0] {
        ICalendarValue::Text(text) => text.clone(),
        ICalendarValue::Integer(number) => number.to_string(),
        ICalendarValue::PartialDateTime(at) => {
            assert_eq!((at.tz_hour, at.tz_minute), (Some(0), Some(0)), "{name:?} is not in UTC: {at:?}");
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                at.year.unwrap(),
                at.month.unwrap(),
                at.day.unwrap(),
                at.hour.unwrap(),
                at.minute.unwrap(),
                at.second.unwrap()
            )
        }
        other => format!("{other:?}"),
    }
}

/// An instant of the API, in whole seconds.
fn second(instant: &Json) -> String {
    let instant: Timestamp = instant.as_str().unwrap().parse().unwrap();
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What is to be told next: how its mail's subject begins, and what its file says.
struct Told<'t> {
    subject: &'t str,
    sequence: &'t str,
    method: &'t str,
    status: &'t str,
}

/// Checks the newest mail and its file, and that the API hands out the same.
async fn check(stack: &TestStack, customer: &Actor, appointment: &Json, told: Told<'_>) {
    stack.settle().await;
    let mail = stack.mails(&customer.email).remove(0);
    assert!(mail.subject.starts_with(told.subject), "{} instead of {}", mail.subject, told.subject);
    let path = format!("/appointments/{}", appointment["id"].as_str().unwrap());
    let shown = customer.get(&path).await.data(200)["appointment"].clone();
    let file = customer.get(&format!("{path}/calendar.ics")).await;
    assert_eq!(mail.attachments[0].content, file.text.as_bytes(), "{}", told.subject);
    assert_eq!(mail.attachments[0].content_type, file.header("content-type"));

    let calendar = ICalendar::parse(&file.text).unwrap_or_else(|entry| panic!("{entry:?} in {}", file.text));
    let of_event = |name| property(&calendar, 1, &name);
    assert_eq!(
        of_event(ICalendarProperty::Uid),
        format!("{}@chairbook", appointment["id"].as_str().unwrap())
    );
    assert_eq!(of_event(ICalendarProperty::Sequence), told.sequence, "{}", told.subject);
    assert_eq!(property(&calendar, 0, &ICalendarProperty::Method), format!("Method({})", told.method));
    assert_eq!(of_event(ICalendarProperty::Status), format!("Status({})", told.status));
    assert_eq!(of_event(ICalendarProperty::Dtstart), second(&shown["startsAt"]));
    assert_eq!(of_event(ICalendarProperty::Dtend), second(&shown["endsAt"]));
    assert_eq!(of_event(ICalendarProperty::Dtstamp), second(&shown["updatedAt"]));
    assert!(of_event(ICalendarProperty::Attendee).contains(&customer.email));
    assert!(of_event(ICalendarProperty::Organizer).contains("bookings@chairbook.example"));
    let notes = shown["notes"].as_str().unwrap();
    assert!(of_event(ICalendarProperty::Description).ends_with(notes), "{notes:?}");
    assert!(file.text.ends_with("\r\n") && file.text.split("\r\n").all(|line| line.len() <= 75));
}

#[tokio::test]
async fn one_entry_follows_an_appointment_from_the_first_mail_to_the_last() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let mut settings = admin.get("/settings").await.data(200)["settings"].to_value();
    settings["reminderMinutes"] = json!(7 * 24 * 60);
    settings["salonName"] = json!("Aurora; Haare, Bärte & mehr 💇🏽‍♀️");
    admin.put("/settings", settings).await.data(200);
    let today = chairbook_platform::clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (from, to) = (today + 1.days(), today + 6.days());
    let mut free = ada.availability(&format!("serviceId={CUT}&from={from}&to={to}")).await;
    let (later, first) = (free.pop().unwrap(), free.remove(0));
    let notes = "Bitte nicht zu kurz; wie beim letzten Mal, oder etwas länger:\nhinten 3 cm, vorn 5 🙏🏽 \\o/";

    let order = json!({
        "serviceId": CUT, "expertId": first.2[0], "date": first.0, "time": first.1, "payNow": false, "notes": notes
    });
    let made = ada.book(order).await.data(201)["appointment"].clone();
    let path = |action: &str| format!("/appointments/{}{action}", made["id"].as_str().unwrap());
    let told = |subject, sequence, method, status| Told { subject, sequence, method, status };
    check(&stack, &ada, &made, told("Reserved: ", "1", "Request", "Tentative")).await;
    admin.put(&path("/pay"), json!({"method": "card"})).await.data(200);
    check(&stack, &ada, &made, told("Confirmed: ", "2", "Request", "Confirmed")).await;
    let to = json!({"date": later.0, "time": later.1, "expertId": later.2[0]});
    ada.put(&path("/reschedule"), to).await.data(200);
    check(&stack, &ada, &made, told("Moved: ", "3", "Request", "Confirmed")).await;
    stack.booked_long_ago(made["id"].as_str().unwrap()).await;
    let counts = stack.remind("appointments").await;
    assert_eq!(counts["reminded"], 1, "{counts}");
    check(&stack, &ada, &made, told("Reminder: ", "3", "Request", "Confirmed")).await;
    ada.delete(&path("/cancel")).await.data(200);
    check(&stack, &ada, &made, told("Cancelled: ", "4", "Cancel", "Cancelled")).await;
    stack.finish().await;
}

#[tokio::test]
async fn whoever_did_not_come_keeps_the_entry_that_no_mail_takes_back() {
    let stack = TestStack::start().await;
    let admin = stack.demo_account(Role::Admin).await;
    let ada = stack.customer().await;
    let (date, time, experts) = ada.later_availability(&format!("serviceId={CUT}")).await.remove(0);
    let order = json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time, "payNow": true});
    let made = ada.book(order).await.data(201)["appointment"].clone();
    let path = format!("/appointments/{}", made["id"].as_str().unwrap());
    stack.settle().await;
    stack.let_time_pass(&made).await;
    let before = stack.mails(&ada.email).len();
    admin.put(&format!("{path}/status"), json!({"status": "no_show"})).await.data(200);
    stack.settle().await;
    assert_eq!(stack.mails(&ada.email).len(), before);
    let file = ada.get(&format!("{path}/calendar.ics")).await;
    assert_eq!(file.header("content-type"), "text/calendar; charset=utf-8; method=REQUEST");
    let calendar = ICalendar::parse(&file.text).unwrap();
    assert_eq!(property(&calendar, 0, &ICalendarProperty::Method), "Method(Request)");
    assert_eq!(property(&calendar, 1, &ICalendarProperty::Status), "Status(Confirmed)");
    stack.finish().await;
}

#[tokio::test]
async fn a_reservation_that_runs_out_leaves_the_calendar() {
    let stack = TestStack::builder().parameter("ReservationHold", "1s").start().await;
    let ada = stack.customer().await;
    let (date, time, experts) = ada.later_availability(&format!("serviceId={CUT}")).await.pop().unwrap();
    let order =
        json!({"serviceId": CUT, "expertId": experts[0], "date": date, "time": time, "notes": "Bis gleich!"});
    let made = ada.book(order).await.data(201)["appointment"].clone();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    stack.invoke("ExpireReservationsFunction", json!({})).await;
    check(
        &stack,
        &ada,
        &made,
        Told { subject: "Expired: ", sequence: "2", method: "Cancel", status: "Cancelled" },
    )
    .await;
    stack.finish().await;
}
