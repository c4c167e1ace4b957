//! What may be a new password, and hashing it off the async executor.

use std::borrow::Cow;
use std::str::FromStr;

use chairbook_auth::password;
use chairbook_platform::random;
use chairbook_web::password::{GivenPassword, MAX_PASSWORD_CHARACTERS};
use chairbook_web::{Access, FieldError, RequestError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The fewest characters of a new password.
pub(crate) const MIN_CHARACTERS: usize = 8;

/// Below so many guesses (as a power of ten) a password is in the lists that attackers try first: zxcvbn's list
/// of common passwords has 30,000, and its rules for capitals, digits and `1337` multiply each by little.
const COMMON_BELOW_GUESSES_LOG10: f64 = 5.0;

/// Characters of a password that its strength is estimated from. The estimate takes time that grows with the square of
/// the length and more, up to half a second for 128 characters that stand for others; 32 take a few milliseconds, and a
/// password is at least as strong as its beginning.
const ESTIMATED_CHARACTERS: usize = 32;

/// A password of an acceptable length, as it was typed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl FromStr for Password {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let characters = text.chars().count();
        if (MIN_CHARACTERS..=MAX_PASSWORD_CHARACTERS).contains(&characters) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("must have {MIN_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters"))
        }
    }
}

impl JsonSchema for Password {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A new password; one that is easy to guess is refused.",
            "type": "string",
            "format": "password",
            "minLength": MIN_CHARACTERS,
            "maxLength": MAX_PASSWORD_CHARACTERS,
            "examples": ["correct horse battery staple"],
        })
    }
}

impl Password {
    /// Refuses one that is easy to guess as a new password of somebody whose name and address are `about_them`. Only for
    /// a caller who has been admitted, since it takes milliseconds.
    ///
    /// # Errors
    /// 400 that names `field` and says what makes it easy to guess.
    pub(crate) fn check_strength(
        &self,
        about_them: &[&str],
        field: &str,
        _: &impl Access,
    ) -> Result<(), RequestError> {
        self.weakness(about_them, field)
            .map_or(Ok(()), |weakness| Err(RequestError::validation(vec![weakness])))
    }

    /// The reason that makes it easy to guess, if there is one.
    fn weakness(&self, about_them: &[&str], field: &str) -> Option<FieldError> {
        // Each word alone too: `adalovelace` is no better a password of Ada Lovelace than `Ada Lovelace`.
        let words = about_them.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        let about_them: Vec<&str> = about_them.iter().copied().chain(words).collect();
        let beginning: String = self.0.chars().take(ESTIMATED_CHARACTERS).collect();
        let estimate = zxcvbn::zxcvbn(&beginning, &about_them);
        (estimate.guesses_log10() < COMMON_BELOW_GUESSES_LOG10).then(|| {
            let why = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning);
            let why = why.map_or_else(|| "This is easy to guess.".to_owned(), |warning| warning.to_string());
            FieldError::new(
                field,
                format!("is too easy to guess. {why} A few unrelated words are a good password"),
            )
        })
    }

    /// Its PHC string. Only for a caller who has been admitted, as [`GivenPassword::verify`].
    pub(crate) async fn hash(self, _: &impl Access) -> Result<String, RequestError> {
        let salt = random::bytes();
        tokio::task::spawn_blocking(move || password::hash(&self.0, salt))
            .await
            .map_err(|error| RequestError::bug(&error))?
            .map_err(|error| RequestError::bug(&error))
    }

    /// A password that is right already, to be hashed anew.
    pub(crate) fn known(password: &GivenPassword) -> Self {
        Self(password.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weakness(password: &str) -> Option<FieldError> {
        password
            .parse::<Password>()
            .unwrap()
            .weakness(&["Ada Lovelace", "ada.lovelace@example.com"], "password")
    }

    #[test]
    fn common_passwords_are_refused_with_a_reason() {
        for common in [
            "password",
            "password1",
            "12345678",
            "iloveyou",
            "qwertyuiop",
            "Passw0rd",
            "aaaaaaaa",
            "lovelace",
            "adalovelace",
            "abcdefgh",
        ] {
            let weakness = weakness(common).unwrap_or_else(|| panic!("{common} was accepted"));
            assert!(weakness.message.starts_with("is too easy to guess"), "{}", weakness.message);
        }
    }

    #[test]
    fn other_passwords_are_accepted() {
        for fine in [
            "correct horse battery",
            "Str0ng-Passw0rd!",
            "s3cret-chair-42",
            "пароль-стул-шесть",
            "Passw0rd!42x",
        ] {
            assert_eq!(weakness(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_password_is_as_strong_as_its_beginning() {
        let strong = "correct horse battery staple over";
        assert_eq!(weakness(&format!("{strong}{}", "a".repeat(90))), None);
        assert!(weakness(&"a".repeat(128)).is_some());
        assert!(weakness(&format!("{}{strong}", "a".repeat(ESTIMATED_CHARACTERS))).is_some());
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!("1234567".parse::<Password>().is_err());
        assert!("ööööööö1".parse::<Password>().is_ok());
        assert!("x".repeat(129).parse::<Password>().is_err());
    }
}
