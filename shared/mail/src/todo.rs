//! Mails about a to-do, and what they all show of one.

use chairbook_models::catalog::Settings;
use chairbook_models::todo::{Priority, Todo};

use crate::rendered::{MailError, templates};
use crate::text::{self, Detail};
use crate::time;

/// The due time of a to-do by the salon's clock.
fn due(todo: &Todo, settings: &Settings) -> Result<Option<jiff::Zoned>, MailError> {
    todo.due_at.map(|due_at| time::local(due_at.instant(), &settings.time_zone)).transpose()
}

/// The title, the due time, the priority and the description, line by line.
fn details(todo: &Todo, settings: &Settings) -> Result<Vec<Detail>, MailError> {
    let mut details = vec![Detail::new("To-do", &todo.title)];
    if let Some(due) = due(todo, settings)? {
        details.push(Detail::new("Due", &time::in_full(&due)));
    }
    let priority = match todo.priority {
        Priority::Low => "Low",
        Priority::Medium => "Medium",
        Priority::High => "High",
    };
    details.push(Detail::new("Priority", priority));
    if let Some(description) = todo.description.as_deref().filter(|text| !text.trim().is_empty()) {
        details.push(Detail { label: "Notes", lines: text::lines(description) });
    }
    Ok(details)
}

/// It is on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoCreated {
    /// The salon.
    pub salon: String,
    /// The name in the greeting.
    pub name: String,
    /// The title.
    pub title: String,
    /// The to-do, line by line.
    pub details: Vec<Detail>,
}

templates!(TodoCreated, "todo_created/subject", "todo_created/body.txt", "todo_created/body.html");

impl TodoCreated {
    /// Tells a person of this name of a to-do.
    ///
    /// # Errors
    /// [`MailError::UnknownTimeZone`].
    pub fn new(todo: &Todo, name: &str, settings: &Settings) -> Result<Self, MailError> {
        Ok(Self {
            salon: text::single_line(&settings.salon_name),
            name: text::single_line(name),
            title: text::single_line(&todo.title),
            details: details(todo, settings)?,
        })
    }
}

/// It is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoDue {
    /// The salon.
    pub salon: String,
    /// The name in the greeting.
    pub name: String,
    /// The title.
    pub title: String,
    /// The due time, as `Tuesday, 3 March 2026, 16:00`.
    pub when: String,
    /// The to-do, line by line.
    pub details: Vec<Detail>,
}

templates!(TodoDue, "todo_due/subject", "todo_due/body.txt", "todo_due/body.html");

impl TodoDue {
    /// Reminds a person of this name of a to-do.
    ///
    /// # Errors
    /// [`MailError::UnknownTimeZone`]; [`MailError::TodoMissing`] where it is never due.
    pub fn new(todo: &Todo, name: &str, settings: &Settings) -> Result<Self, MailError> {
        let due = due(todo, settings)?;
        let due = due.ok_or(MailError::TodoMissing(chairbook_models::event::EventType::TodoDue))?;
        Ok(Self {
            salon: text::single_line(&settings.salon_name),
            name: text::single_line(name),
            title: text::single_line(&todo.title),
            when: time::date_and_time(&due),
            details: details(todo, settings)?,
        })
    }
}
