//! Typed ids: a prefix for the kind of thing that an id names, and 26 characters of lower-case Crockford base32 (a
//! ULID, <https://github.com/ulid/spec>), such as `apt_01jd3x8m4e5zq0v7k2n9r6t1wb`.
//!
//! Freshly made ids sort by time; derived ones (from an idempotency key) do not, so nothing may depend on the order of ids
//! that can be derived.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use ulid::{ULID_LEN, Ulid};

/// The error of a text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id such as {prefix}_01jd3x8m4e5zq0v7k2n9r6t1wb")]
pub struct IdError {
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

/// Builds the id's 128 bits from 48 bits of milliseconds and 80 random bits.
fn ulid_at(now: Timestamp, random: [u8; 10]) -> Ulid {
    let mut wide = [0_u8; 16];
    wide[6..].copy_from_slice(&random);
    Ulid::from_parts(u64::try_from(now.as_millisecond()).unwrap_or(0), u128::from_be_bytes(wide))
}

fn parse(prefix: &'static str, text: &str) -> Result<Ulid, IdError> {
    let refused = IdError { prefix };
    let body = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(refused.clone())?;
    let ulid = Ulid::from_string(body).map_err(|_| refused.clone())?;
    // Crockford's alphabet has aliases (upper case, `o` for `0`); one id has one spelling, since ids are keys.
    if lower_case(ulid, &mut [0; ULID_LEN]) == body { Ok(ulid) } else { Err(refused) }
}

/// The 26 characters of an id, in a place of the caller's: a month of free times has thousands.
fn lower_case(ulid: Ulid, text: &mut [u8; ULID_LEN]) -> &str {
    let text = ulid.array_to_str(text);
    text.make_ascii_lowercase();
    text
}

/// The schema of an id with this prefix, described by the first sentence of a text.
fn schema(prefix: &str, what: &str) -> Schema {
    let what = what.trim().split('.').next().unwrap_or_default();
    let (first, rest) = what.split_at_checked(1).unwrap_or_default();
    json_schema!({
        "description": format!("The id of {}{rest}.", first.to_lowercase()),
        "type": "string",
        "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"),
        "examples": [format!("{prefix}_01jd3x8m4e5zq0v7k2n9r6t1wb")],
    })
}

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident, $prefix:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix of ids of this kind, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the instant and 10 random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(ulid_at(now, random))
            }

            /// An id that is the same whenever the 16 bytes are.
            #[must_use]
            pub const fn derived(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            /// The id's 16 bytes, from which [`Self::derived`] makes the id again.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(lower_case(self.0, &mut [0; ULID_LEN]))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema($prefix, concat!($($doc, "\n"),*))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId,
    "usr"
);
impl UserId {
    /// The customer of the appointments of people who have deleted their accounts.
    pub const NOBODY: Self = Self::derived([0; 16]);
}

id!(
    /// A login session.
    SessionId,
    "ses"
);
id!(
    /// A category of services.
    CategoryId,
    "cat"
);
id!(
    /// A service.
    ServiceId,
    "svc"
);
id!(
    /// An add-on of a service.
    SubServiceId,
    "sub"
);
id!(
    /// An expert.
    ExpertId,
    "exp"
);
id!(
    /// A span of an expert's time off.
    TimeOffId,
    "tof"
);
id!(
    /// An offer.
    OfferId,
    "ofr"
);
id!(
    /// An image of an expert or a service.
    ImageId,
    "img"
);
id!(
    /// An appointment.
    AppointmentId,
    "apt"
);
id!(
    /// A to-do.
    TodoId,
    "tdo"
);
id!(
    /// An event. It is a row of the audit log, and of somebody's notifications if it has a recipient.
    EventId,
    "evt"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_it_was_written() {
        let id = UserId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
        assert!(id.to_string().starts_with("usr_"));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn ids_of_one_kind_sort_by_time() {
        let earlier = EventId::new(Timestamp::UNIX_EPOCH, [255; 10]);
        let later = EventId::new(Timestamp::from_millisecond(1).unwrap(), [0; 10]);
        assert!(earlier.to_string() < later.to_string());
    }

    #[test]
    fn other_spellings_kinds_and_lengths_are_refused() {
        let good = UserId::new(Timestamp::UNIX_EPOCH, [7; 10]).to_string();
        for bad in [
            good.to_uppercase(),
            good.replace("usr_", "apt_"),
            good.replace("usr_", "usr"),
            format!("{good}0"),
            good[..29].to_owned(),
            String::new(),
            "usr_".to_owned(),
            "usr_81jd3x8m4e5zq0v7k2n9r6t1wb".to_owned(),
        ] {
            assert_eq!(bad.parse::<UserId>(), Err(IdError { prefix: "usr" }), "{bad}");
        }
    }
}
