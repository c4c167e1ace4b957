//! Responses about to-dos.

use chairbook_models::todo;
use chairbook_web::view::Todo;
use schemars::JsonSchema;
use serde::Serialize;

/// A response about one to-do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneTodo {
    todo: Todo,
}

impl From<&todo::Todo> for OneTodo {
    fn from(kept: &todo::Todo) -> Self {
        Self { todo: kept.into() }
    }
}
