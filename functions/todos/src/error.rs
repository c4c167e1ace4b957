//! The group's refusals.

use chairbook_store::StoreError;
use chairbook_web::{RepeatError, RequestError, WriteError, errors};

errors! {
    /// Refusals of a look at one to-do.
    pub(crate) enum FindError {
        /// The caller has no such to-do.
        NotFound => NOT_FOUND "not_found" "To-do not found.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of another open to-do.
    pub(crate) enum TooManyError {
        /// The caller has as many open to-dos as there can be.
        TooManyOpen => CONFLICT "too_many_todos"
            "You have 1,000 open to-dos, which is as many as there can be. Please complete, cancel or delete one first.";
    }
}

errors! {
    /// Refusals of a new to-do.
    pub(crate) enum CreateError {
        ..TooMany(TooManyError);
        ..Repeat(RepeatError);
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a change of a to-do.
    pub(crate) enum ChangeError {
        ..TooMany(TooManyError);
        ..Find(FindError: RequestError);
        ..Write(WriteError: StoreError);
    }
}

errors! {
    /// Refusals of the deletion of a to-do.
    pub(crate) enum DeleteError {
        ..Find(FindError: RequestError);
        ..Write(WriteError: StoreError);
    }
}
