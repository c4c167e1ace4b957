use proptest::prelude::*;

use super::*;

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due(text: &str) -> DueAt {
    text.parse().unwrap()
}

fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

fn details() -> Details {
    Details {
        title: "Order towels".parse().unwrap(),
        description: Some("Two dozen, white.".parse().unwrap()),
        priority: Priority::High,
        due_at: Some(due("2026-03-03T15:00:00Z")),
    }
}

/// A to-do that was written on the day before it is due.
fn todo(status: Status) -> Todo {
    let (id, user) = (TodoId::derived([1; 16]), UserId::derived([2; 16]));
    Todo::new(id, user, details(), status, instant("2026-03-02T10:00:00Z"))
}

#[test]
fn names_are_read_as_they_are_written() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(Status::OPEN.contains(&status), status.is_open());
    }
    for priority in Priority::ALL {
        assert_eq!(priority.as_str().parse(), Ok(priority));
        assert_eq!(serde_json::to_value(priority).unwrap(), priority.as_str());
    }
    assert!("Pending".parse::<Status>().is_err() && "".parse::<Priority>().is_err());
}

#[test]
fn a_due_time_is_of_this_century_and_to_the_millisecond() {
    assert_eq!(due("2026-03-03T16:00:00.1239+01:00").instant(), instant("2026-03-03T15:00:00.123Z"));
    for good in ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59.999Z"] {
        assert!(good.parse::<DueAt>().is_ok(), "{good}");
    }
    for bad in
        ["1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z", "2026-03-03", "2026-03-03T15:00", "soon", ""]
    {
        assert_eq!(bad.parse::<DueAt>(), Err(DueAtError), "{bad}");
    }
}

#[test]
fn every_status_can_follow_every_other_and_only_a_change_is_one() {
    let now = instant("2026-03-02T11:00:00Z");
    for from in Status::ALL {
        for to in Status::ALL {
            let before = todo(from);
            let Some(after) = before.with_status(to, now) else {
                assert_eq!(from, to);
                continue;
            };
            assert_ne!(from, to);
            let expected = Todo { status: to, version: 1, updated_at: now, ..before.clone() };
            assert_eq!(after, expected);
            let told = before.event_of_change(&after)(TodoFacts::from(&after));
            let is_completion = matches!(told, EventData::TodoCompleted(_));
            assert_eq!(is_completion, to == Status::Completed, "{from:?} {to:?}");
        }
    }
    let completed = todo(Status::Completed);
    assert_eq!(completed.changed(details(), Status::Completed, now), None);
    let other = Details { due_at: None, ..details() };
    let changed = completed.changed(other, Status::Completed, now).unwrap();
    assert_eq!((changed.due_at, changed.version, changed.created_at), (None, 1, completed.created_at));
    assert!(matches!(
        completed.event_of_change(&changed)(TodoFacts::from(&changed)),
        EventData::TodoUpdated(_)
    ));
}

#[test]
fn a_day_s_due_times_are_looked_for_on_its_morning() {
    for (now, is_morning) in [
        ("2026-03-03T05:59:59Z", false),
        ("2026-03-03T06:00:00Z", true),
        ("2026-03-03T10:59:59Z", true),
        ("2026-03-03T11:00:00Z", false),
    ] {
        let today = due_today(&paris(), instant(now));
        assert_eq!(today.is_some(), is_morning, "{now}");
        if let Some(today) = today {
            let expected = (due("2026-03-02T23:00:00Z"), due("2026-03-03T22:59:59.999Z"));
            assert_eq!((today.from, today.to), expected);
            assert_eq!(today.morning, instant("2026-03-03T06:00:00Z"));
        }
    }
    // The day on which the clocks go forward has 23 hours.
    let today = due_today(&paris(), instant("2026-03-29T05:00:00Z")).unwrap();
    assert_eq!((today.from, today.to), (due("2026-03-28T23:00:00Z"), due("2026-03-29T21:59:59.999Z")));
}

#[test]
fn a_person_is_reminded_once_of_what_is_open_and_due_today() {
    let today = due_today(&paris(), instant("2026-03-03T06:10:00Z")).unwrap();
    for status in Status::ALL {
        assert_eq!(todo(status).reminded(&today).is_some(), status.is_open(), "{status:?}");
    }
    let reminded = todo(Status::Pending).reminded(&today).unwrap();
    assert_eq!((reminded.reminded_for, reminded.version), (reminded.due_at, 1));
    assert_eq!(reminded.updated_at, todo(Status::Pending).updated_at, "its person has changed nothing");
    assert_eq!(reminded.reminded(&today), None);
    for (due_at, is_due) in [
        (Some("2026-03-02T22:59:59.999Z"), false),
        (Some("2026-03-02T23:00:00Z"), true),
        (Some("2026-03-03T22:59:59.999Z"), true),
        (Some("2026-03-03T23:00:00Z"), false),
        (None, false),
    ] {
        let todo = Todo { due_at: due_at.map(due), ..todo(Status::InProgress) };
        assert_eq!(todo.reminded(&today).is_some(), is_due, "{due_at:?}");
    }
    // Moved to another day, it is due again.
    let moved = Todo { due_at: Some(due("2026-03-04T15:00:00Z")), ..reminded };
    let tomorrow = due_today(&paris(), instant("2026-03-04T06:00:00Z")).unwrap();
    assert!(moved.reminded(&tomorrow).is_some());
}

#[test]
fn whoever_has_just_written_it_is_not_reminded_of_it() {
    let today = due_today(&paris(), instant("2026-03-03T08:00:00Z")).unwrap();
    for (updated_at, is_due) in [("2026-03-03T05:59:59.999Z", true), ("2026-03-03T06:00:00Z", false)] {
        let todo = Todo { updated_at: instant(updated_at), ..todo(Status::Pending) };
        assert_eq!(todo.reminded(&today).is_some(), is_due, "{updated_at}");
    }
}

#[test]
fn a_filter_admits_what_fits_all_of_it() {
    let undated = Todo { due_at: None, ..todo(Status::Pending) };
    let at = due("2026-03-03T15:00:00Z");
    let later = due("2026-03-03T15:00:00.001Z");
    for (filter, dated, without) in [
        (Filter::default(), true, true),
        (Filter { statuses: vec![Status::Completed, Status::Pending], ..Filter::default() }, true, true),
        (Filter { statuses: vec![Status::Completed], ..Filter::default() }, false, false),
        (Filter { priorities: vec![Priority::High], ..Filter::default() }, true, true),
        (Filter { priorities: vec![Priority::Low], ..Filter::default() }, false, false),
        (Filter { due_from: Some(at), due_to: Some(at), ..Filter::default() }, true, false),
        (Filter { due_from: Some(later), ..Filter::default() }, false, false),
        (Filter { due_to: Some(later), ..Filter::default() }, true, false),
    ] {
        assert_eq!(
            (filter.admits(&todo(Status::Pending)), filter.admits(&undated)),
            (dated, without),
            "{filter:?}"
        );
    }
    let twice = Filter { statuses: vec![Status::Completed, Status::Completed], ..Filter::default() };
    assert_eq!(twice.statuses(), [Status::Completed]);
    assert_eq!(Filter::default().statuses(), Status::ALL);
}

proptest! {
    /// Whatever the zone and the time of year, each day has one morning, and each instant is due on one day.
    #[test]
    fn each_due_time_has_its_morning(
        at in 946_684_800_i64..4_102_444_800,
        zone in prop::sample::select(vec!["Europe/Paris", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "UTC"]),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let due_at = DueAt::new(Timestamp::from_second(at).unwrap()).unwrap();
        let noon = due_at.instant().to_zoned(zone.clone()).date().at(9, 30, 0, 0);
        let today = zone.to_zoned(noon).ok().and_then(|noon| due_today(&zone, noon.timestamp()));
        // The first and the last day of the century are cut off by it.
        if let Some(today) = today {
            prop_assert!((today.from..=today.to).contains(&due_at), "{due_at} in {today:?}");
        }
    }
}
