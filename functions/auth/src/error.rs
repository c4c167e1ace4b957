//! The group's refusals.

use chairbook_store::StoreError;
use chairbook_web::password::{AttemptError, AttemptsLeft, ProofError};
use chairbook_web::{RepeatError, RequestError, WriteError, errors};

errors! {
    /// Refusals of a registration.
    pub(crate) enum RegisterError {
        /// Somebody has an account with this e-mail address.
        EmailTaken => BAD_REQUEST("email") "email_taken"
            "There is an account with this e-mail address already. Log in, or reset your password.";
        ..Repeat(RepeatError);
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a login.
    pub(crate) enum LoginError {
        /// Nobody has this e-mail address, or the password is not theirs.
        InvalidCredentials { left: u32, attempts: &'static str, details: AttemptsLeft }
            => UNAUTHORIZED "invalid_credentials"
            "The e-mail address or the password is wrong. You have {left} {attempts} left."
            like "The e-mail address or the password is wrong. You have 2 attempts left.";
        /// The password is right, and nobody has verified the e-mail address yet.
        EmailNotVerified => FORBIDDEN "email_not_verified"
            "Please verify your e-mail address first: follow the link that we sent you, or ask for a new one.";
        ..Attempt(AttemptError: RequestError, StoreError);
    }
}

errors! {
    /// Refusals of a refresh.
    pub(crate) enum RefreshError {
        /// The refresh token is none, or its session has ended.
        InvalidToken => UNAUTHORIZED "invalid_token" "Your refresh token is not valid. Please log in again.";
        /// Another request of the same client has used the refresh token a moment ago; its response has the new pair.
        JustReplaced => CONFLICT "already_refreshed"
            "This refresh token has just been used. Use the tokens that its answer brought.";
        /// The refresh token was used before: somebody may have a copy, so its session is ended.
        Reused => UNAUTHORIZED "session_ended"
            "This refresh token was used before, so we have ended its session. Please log in again.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a one-time token from a mail.
    pub(crate) enum LinkError {
        /// The token is none, has been used, has expired, or belongs to what has changed since.
        InvalidToken => BAD_REQUEST "invalid_token"
            "This link is not valid: it has been used already, or it is too old. Ask for a new one.";
        ..Request(RequestError: StoreError);
    }
}

errors! {
    /// Refusals of a link that verifies an e-mail address, followed by a program.
    pub(crate) enum FollowError {
        /// The account becomes the owner's, and needs a new password.
        PasswordRequired => BAD_REQUEST "password_required"
            "This address becomes the owner’s. Choose the account’s password: POST /api/v1/auth/verify-email {{token, \
             password}}."
            like "This address becomes the owner’s. Choose the account’s password: POST /api/v1/auth/verify-email \
                  {token, password}.";
        ..Link(LinkError: RequestError);
    }
}

errors! {
    /// Refusals of a change of one's password.
    pub(crate) enum ChangePasswordError {
        ..Proof(ProofError: RequestError, StoreError);
        ..Write(WriteError);
    }
}

errors! {
    /// Refusals of an end of one of one's sessions.
    pub(crate) enum EndSessionError {
        /// The caller has no such session.
        NotFound => NOT_FOUND "not_found" "Session not found.";
        ..Request(RequestError: StoreError);
    }
}
