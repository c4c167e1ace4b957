//! Cursors: where a list goes on. Opaque to clients, and good for the one list that they were given for: each is
//! bound to what it lists (whose, filtered how), so that it is refused anywhere else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_auth::opaque_token::sha256_hex;

use crate::error::{ApiError, FieldError};

const CHECK_LENGTH: usize = 16;

fn check(list: &str, position: &str) -> String {
    let mut check = sha256_hex(&format!("{}:{list}{position}", list.len()));
    check.truncate(CHECK_LENGTH);
    check
}

/// The cursor for a position in a list.
#[must_use]
pub fn encode(list: &str, position: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}{position}", check(list, position)))
}

/// The position that a cursor stands for.
///
/// # Errors
/// 400 when it is not a cursor of this list.
pub fn decode(list: &str, cursor: &str) -> Result<String, ApiError> {
    let refused = || {
        ApiError::validation(vec![FieldError::new(
            "cursor",
            "must be the nextCursor of the page before, with the same filters",
        )])
    };
    let text = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(refused)?;
    let (given, position) = text.split_at_checked(CHECK_LENGTH).ok_or_else(refused)?;
    if given == check(list, position) { Ok(position.to_owned()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let cursor = encode("usr_1 status=", "2026-01-01");
        assert_eq!(decode("usr_1 status=", &cursor), Ok("2026-01-01".to_owned()));
        for (list, cursor) in [
            ("usr_2 status=", cursor.as_str()),
            ("usr_1 status=reserved", cursor.as_str()),
            ("usr_1 status=", &cursor[1..]),
            ("usr_1 status=", ""),
            ("usr_1 status=", "!!"),
        ] {
            assert_eq!(decode(list, cursor).unwrap_err().status, 400, "{list} {cursor}");
        }
    }
}
