//! The group's refusals.

use chairbook_store::StoreError;
use chairbook_web::password::ProofError;
use chairbook_web::{RequestError, WriteError, errors};

errors! {
    /// Refusals of a look at a user.
    pub(crate) enum FindError {
        /// There is no such user.
        NotFound => NOT_FOUND "not_found" "User not found.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a change that would leave the salon without an owner.
    pub(crate) enum LastOwnerError {
        /// The salon would have no owner any more.
        LastOwner => CONFLICT "last_owner" "The salon needs an owner: make somebody else an owner first.";
        ..Request(RequestError);
    }
}

impl From<StoreError> for LastOwnerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LastOwner => Self::LastOwner,
            other => Self::Request(other.into()),
        }
    }
}

errors! {
    /// Refusals of the end of one's own account.
    pub(crate) enum LeaveError {
        ..LastOwner(LastOwnerError);
        ..Proof(ProofError: RequestError, StoreError);
        ..Write(WriteError);
    }
}

errors! {
    /// Refusals of the end of somebody's account.
    pub(crate) enum DeleteError {
        /// The caller is no owner, and the account is an admin's or an owner's.
        OnlyOwners => FORBIDDEN "forbidden" "Only the owner may delete admins and owners.";
        ..Find(FindError: RequestError, StoreError);
        ..LastOwner(LastOwnerError);
    }
}

errors! {
    /// Refusals of a change of somebody's role.
    pub(crate) enum RoleError {
        ..Find(FindError: RequestError, StoreError);
        ..LastOwner(LastOwnerError);
    }
}
