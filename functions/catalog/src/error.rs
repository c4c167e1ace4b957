//! The group's refusals.

use chairbook_models::catalog_change::{CatalogError, FieldFault};
use chairbook_store::StoreError;
use chairbook_web::{FieldError, RepeatError, RequestError, errors};

errors! {
    /// Refusals of a request about something that is in the catalog already.
    pub(crate) enum FindError {
        /// There is no such thing, or it is not active, which only admins see.
        NotFound { thing: &'static str } => NOT_FOUND "not_found" "{thing} not found." like "Service not found.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of something for which the catalog has no room.
    pub(crate) enum FullError {
        /// There are as many of these as the catalog can hold.
        Full { things: &'static str, at_most: usize } => CONFLICT "catalog_full"
            "There are {at_most} {things} already, which is as many as there can be."
            like "There are 100 offers already, which is as many as there can be.";
    }
}

errors! {
    /// Refusals of a new thing.
    pub(crate) enum CreateError {
        ..Full(FullError);
        ..Repeat(RepeatError);
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a new thing that belongs to another.
    pub(crate) enum AddError {
        ..Find(FindError);
        ..Create(CreateError: FullError, RepeatError, RequestError, StoreError);
    }
}

errors! {
    /// Refusals of a change after which a thing may be counted among others.
    pub(crate) enum MoveError {
        ..Full(FullError);
        ..Find(FindError: RequestError, StoreError);
    }
}

errors! {
    /// Refusals of other settings.
    pub(crate) enum SettingsError {
        ..Request(RequestError: StoreError);
    }
}

fn wrong_fields(faults: Vec<FieldFault>) -> RequestError {
    RequestError::validation(
        faults.into_iter().map(|fault| FieldError::new(fault.field, fault.message)).collect(),
    )
}

impl From<CatalogError> for FindError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound(thing) => Self::NotFound { thing },
            CatalogError::Invalid(faults) => wrong_fields(faults).into(),
            // Nothing is added.
            CatalogError::Full { .. } => RequestError::bug(&error).into(),
        }
    }
}

impl From<CatalogError> for CreateError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Full { what, at_most } => FullError::Full { things: what, at_most }.into(),
            CatalogError::Invalid(faults) => wrong_fields(faults).into(),
            // The request's path names nothing.
            CatalogError::NotFound(_) => RequestError::bug(&error).into(),
        }
    }
}

impl From<CatalogError> for AddError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound(thing) => FindError::NotFound { thing }.into(),
            other => CreateError::from(other).into(),
        }
    }
}

impl From<CatalogError> for MoveError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Full { what, at_most } => FullError::Full { things: what, at_most }.into(),
            other => FindError::from(other).into(),
        }
    }
}

impl From<CatalogError> for SettingsError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Invalid(faults) => wrong_fields(faults).into(),
            // There are settings always, and once.
            CatalogError::NotFound(_) | CatalogError::Full { .. } => RequestError::bug(&error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chairbook_web::ApiError;

    use super::*;

    #[test]
    fn a_refusal_of_the_rules_has_the_same_status_wherever_it_can_occur() {
        let status = |error: ApiError| (error.status.as_u16(), error.code);
        let not_found = || CatalogError::NotFound("Service");
        let full = || CatalogError::Full { what: "offers", at_most: 100 };
        let message = "There are 100 offers already, which is as many as there can be.";
        for error in [ApiError::from(FindError::from(not_found())), AddError::from(not_found()).into()] {
            assert_eq!(
                (error.message.as_str(), status(error.clone())),
                ("Service not found.", (404, "not_found"))
            );
        }
        for error in [
            ApiError::from(CreateError::from(full())),
            AddError::from(full()).into(),
            MoveError::from(full()).into(),
        ] {
            assert_eq!((error.message.as_str(), status(error.clone())), (message, (409, "catalog_full")));
        }
        assert_eq!(status(MoveError::from(not_found()).into()), (404, "not_found"));
        assert_eq!(status(FindError::from(full()).into()), (500, "internal_error"));
        assert_eq!(status(CreateError::from(not_found()).into()), (500, "internal_error"));
    }

    #[test]
    fn a_field_that_does_not_fit_the_catalog_is_named() {
        let fault = FieldFault { field: "categoryId", message: "must be the id of a category".to_owned() };
        let error = ApiError::from(MoveError::from(CatalogError::Invalid(vec![fault])));
        assert_eq!((error.code, error.fields[0].field.as_str()), ("validation_failed", "categoryId"));
    }
}
