//! The demo's to-dos: those of the front desk, due around the day on which the stack first starts.

use chairbook_models::ids::{TodoId, UserId};
use chairbook_models::text::TextError;
use chairbook_models::todo::{Details, DueAt, Priority, Status, Todo};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::{number, salon};

struct DemoTodo {
    title: &'static str,
    description: Option<&'static str>,
    priority: Priority,
    /// Days from today, and the local time.
    due: Option<(i32, Time)>,
    status: Status,
}

const fn at(hour: i8, minute: i8) -> Time {
    Time::constant(hour, minute, 0, 0)
}

const TODOS: [DemoTodo; 6] = [
    DemoTodo {
        title: "Descale the coffee machine",
        description: None,
        priority: Priority::Low,
        due: Some((-1, at(18, 0))),
        status: Status::Completed,
    },
    DemoTodo {
        title: "Order towels and gowns",
        description: Some("Two dozen of each, white.\nThe last delivery had one box too few: ask for it."),
        priority: Priority::High,
        due: Some((0, at(17, 0))),
        status: Status::InProgress,
    },
    DemoTodo {
        title: "Call the electrician about the lamp over chair 3",
        description: None,
        priority: Priority::Medium,
        due: Some((1, at(11, 0))),
        status: Status::Pending,
    },
    DemoTodo {
        title: "Go through the colours for expiry dates",
        description: Some("Start with the opened tubes in the second drawer."),
        priority: Priority::Low,
        due: Some((3, at(18, 30))),
        status: Status::Pending,
    },
    DemoTodo {
        title: "Write next month's roster",
        description: Some("Ask everybody for their holidays first."),
        priority: Priority::High,
        due: Some((6, at(12, 0))),
        status: Status::Pending,
    },
    DemoTodo {
        title: "Find a frame for the trainees' certificates",
        description: None,
        priority: Priority::Medium,
        due: None,
        status: Status::Pending,
    },
];

/// The to-dos of somebody, who finds them in this order.
pub(super) fn todos(user_id: UserId, now: Timestamp) -> Result<Vec<Todo>, TextError> {
    let zone = TimeZone::get(salon::TIME_ZONE).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    let due_at = |(days, time): (i32, Time)| {
        let local = today.checked_add(days.days()).ok()?.to_datetime(time);
        DueAt::new(zone.to_zoned(local).ok()?.timestamp())
    };
    let todo = |(place, todo): (u8, &DemoTodo)| {
        let details = Details {
            title: todo.title.parse()?,
            description: todo.description.map(str::parse).transpose()?,
            priority: todo.priority,
            due_at: todo.due.and_then(due_at),
        };
        Ok(Todo::new(TodoId::derived(number(place)), user_id, details, todo.status, now))
    };
    (1..).zip(&TODOS).map(todo).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_due_around_today() {
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let todos = todos(UserId::derived([1; 16]), now).unwrap();
        let due: Vec<_> = todos.iter().map(|todo| todo.due_at.map(|due_at| due_at.to_string())).collect();
        let expected = [
            Some("2026-03-01T17:00:00Z"),
            Some("2026-03-02T16:00:00Z"),
            Some("2026-03-03T10:00:00Z"),
            Some("2026-03-05T17:30:00Z"),
            Some("2026-03-08T11:00:00Z"),
            None,
        ];
        assert_eq!(due, expected.map(|text| text.map(str::to_owned)));
        assert!(todos.iter().zip(&TODOS).all(|(todo, told)| todo.title.as_str() == told.title));
    }
}
