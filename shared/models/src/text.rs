//! Texts that people give us, checked once at the edge.

use std::str::FromStr;

/// Why a text is refused: what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub(crate) String);

/// A person's name: 1 to 100 characters, trimmed, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let name = text.trim();
        if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
            Ok(Self(name.to_owned()))
        } else {
            Err(TextError("must have 1 to 100 characters, on one line".to_owned()))
        }
    }
}

/// A telephone number, stored without punctuation: an optional `+` and 6 to 20 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let number: String =
            text.trim().chars().filter(|c| !matches!(c, ' ' | '(' | ')' | '-' | '.' | '/')).collect();
        let digits = number.strip_prefix('+').unwrap_or(&number);
        if (6..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(number))
        } else {
            Err(TextError("must be a telephone number such as +44 20 7946 0958".to_owned()))
        }
    }
}

/// What a customer wants to say: at most 500 characters, trimmed, line breaks allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notes(String);

impl Notes {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Notes {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let notes = text.trim();
        let is_text = |c: char| !c.is_control() || c == '\n' || c == '\r' || c == '\t';
        if (1..=500).contains(&notes.chars().count()) && notes.chars().all(is_text) {
            Ok(Self(notes.to_owned()))
        } else {
            Err(TextError("must have 1 to 500 characters".to_owned()))
        }
    }
}
