//! Cursors: where a list goes on. Opaque to clients, and good for the one list that they were given for: each is
//! bound to what it lists (whose, filtered how), so that it is refused anywhere else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chairbook_auth::opaque_token::sha256_hex;

use crate::contract::RequestError;
use crate::error::FieldError;

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

fn position(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (given, position) = text.split_at_checked(CHECK_LENGTH)?;
    (given == check(list, position)).then(|| position.to_owned())
}

/// The position that a cursor stands for, as `read` makes it of its text; none without a cursor.
///
/// # Errors
/// 400 when it is not a cursor of this list, or `read` makes nothing of it.
pub fn decode<P>(
    list: &str,
    cursor: Option<&str>,
    read: impl FnOnce(&str) -> Option<P>,
) -> Result<Option<P>, RequestError> {
    let refused = || {
        let message = "must be the nextCursor of the page before, with the same filters";
        RequestError::validation(vec![FieldError::new("cursor", message)])
    };
    let read = |cursor| position(list, cursor).and_then(|position| read(&position)).ok_or_else(refused);
    cursor.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let cursor = encode("usr_1 status=", "2026-01-01");
        let decode = |list, cursor| decode(list, Some(cursor), |position| position.parse::<Date>().ok());
        assert_eq!(decode("usr_1 status=", &cursor), Ok(Some(date(2026, 1, 1))));
        let elsewhere = encode("usr_1 status=", "nowhere");
        for (list, cursor) in [
            ("usr_2 status=", cursor.as_str()),
            ("usr_1 status=reserved", cursor.as_str()),
            ("usr_1 status=", &cursor[1..]),
            ("usr_1 status=", ""),
            ("usr_1 status=", "!!"),
            ("usr_1 status=", &elsewhere),
        ] {
            assert_eq!(decode(list, cursor).unwrap_err().fields()[0].field, "cursor", "{list} {cursor}");
        }
    }

    #[test]
    fn a_list_without_a_cursor_begins_at_its_beginning() {
        assert_eq!(decode("usr_1 status=", None, |position| position.parse::<Date>().ok()), Ok(None));
    }
}
