//! To-dos as requests write them.

use chairbook_models::todo::{Details, DueAt, Priority, Status};
use chairbook_web::fields::format::{Format as _, one_of, text};
use chairbook_web::{Fields, FromFields};

/// `title`, `description`, `priority`, `dueAt`, `status`.
pub(crate) struct Request {
    pub(crate) details: Details,
    pub(crate) status: Option<Status>,
}

impl FromFields for Request {
    fn from_fields(fields: &mut impl Fields) -> Option<Self> {
        let title = fields.required("title");
        let description = fields.optional("description");
        let priority = one_of(&Priority::ALL).about("The priority; `medium` unless given.");
        let priority = fields.optional_as("priority", priority).map(Option::unwrap_or_default);
        let due_at = fields.optional_as("dueAt", text::<DueAt>());
        let status = one_of(&Status::ALL).about(
            "The status; unless given, a new to-do is `pending`, and another keeps the one that it has.",
        );
        let status = fields.optional_as("status", status);
        let details =
            Details { title: title?, description: description?, priority: priority?, due_at: due_at? };
        Some(Self { details, status: status? })
    }
}
