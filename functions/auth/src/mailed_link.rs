//! Links that went to an address by mail: whoever has one reads the mail of that address.

use chairbook_auth::opaque_token::sha256_hex;
use chairbook_models::event::{Actor, EventData};
use chairbook_store::{Account, AccountChange, OneTimeToken, StoreError, TokenPurpose};
use chairbook_web::{Access, Client, RequestError, Visitor};
use jiff::Timestamp;

use crate::error::LinkError;
use crate::{State, account_event, client_info};

/// Limit of attempts to change an account while logins change it too.
const TRIES: u32 = 3;

/// Returns true if a token may still change its account.
fn opens(token: &OneTimeToken, account: &Account) -> bool {
    let is_of_now = match token.purpose {
        // Of several links, the first that is followed counts.
        TokenPurpose::VerifyEmail => !account.verified,
        TokenPurpose::ResetPassword => token.password_sha256 == Some(sha256_hex(&account.password_hash)),
    };
    account.user_id == token.user_id && is_of_now
}

/// Gives a token's account a new password, verifies its address, and ends all of its sessions. The token is used up.
///
/// # Errors
/// [`LinkError::InvalidToken`] when the token does not open the account any more; 503 when the account changes all the time.
pub(crate) async fn set_password(
    state: &State,
    visitor: &Visitor,
    client: &Client,
    token: &OneTimeToken,
    hash: &str,
    now: Timestamp,
) -> Result<(), LinkError> {
    let store = visitor.store();
    for _ in 0..TRIES {
        let account = store.account(&token.email).await?;
        let account = account.filter(|account| opens(token, account)).ok_or(LinkError::InvalidToken)?;
        let (user_id, actor) = (account.user_id, Actor::User(account.user_id));
        let changed = EventData::UserPasswordChanged(client_info(client));
        let event = account_event(changed, user_id, actor, now);
        let verified =
            (!account.verified).then(|| account_event(EventData::UserVerified {}, user_id, actor, now));
        let change = AccountChange::PasswordReset {
            hash,
            token,
            role: state.role_of(&token.email).filter(|role| *role != account.role),
            verified: verified.as_ref(),
        };
        match store.change_account(&token.email, &account, change, None, &event).await {
            Err(StoreError::Changed) => {}
            other => return other.map_err(LinkError::from),
        }
        // Somebody has logged in meanwhile, or the token was used up.
        if store.token(&token.sha256, token.purpose).await?.is_none() {
            return Err(LinkError::InvalidToken);
        }
    }
    Err(RequestError::unavailable().into())
}
