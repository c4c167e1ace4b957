//! Texts that people give us, checked once at the edge.

use std::str::FromStr;

/// Why a text is refused: what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub(crate) String);

/// A trimmed text of 1 to `most` characters on one line.
fn line(text: &str, most: usize) -> Result<String, TextError> {
    let line = text.trim();
    if (1..=most).contains(&line.chars().count()) && !line.chars().any(char::is_control) {
        Ok(line.to_owned())
    } else {
        Err(TextError(format!("must have 1 to {most} characters, on one line")))
    }
}

/// A trimmed text of 1 to `most` characters, line breaks allowed.
fn lines(text: &str, most: usize) -> Result<String, TextError> {
    let lines = text.trim();
    let is_text = |c: char| !c.is_control() || c == '\n' || c == '\r' || c == '\t';
    if (1..=most).contains(&lines.chars().count()) && lines.chars().all(is_text) {
        Ok(lines.to_owned())
    } else {
        Err(TextError(format!("must have 1 to {most} characters")))
    }
}

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
        line(text, 100).map(Self)
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
        lines(text, 500).map(Self)
    }
}

/// What a category, a service or a salon is called: 1 to 100 characters, trimmed, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        line(text, 100).map(Self)
    }
}

/// What is said of something: 1 to 2000 characters, trimmed, line breaks allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Description {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        lines(text, 2000).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_neither_empty_nor_too_long() {
        let label = |text: &str| text.parse::<Label>().map(|label| label.as_str().to_owned());
        let description =
            |text: &str| text.parse::<Description>().map(|description| description.as_str().to_owned());
        let of = |characters: usize| "ß".repeat(characters);
        assert_eq!(label("  Cut & finish ").unwrap(), "Cut & finish");
        assert_eq!(label(&of(100)).unwrap(), of(100));
        for bad in ["", "  ", "two\nlines", "a\u{0}b", &of(101)] {
            let error = label(bad).unwrap_err().to_string();
            assert_eq!(error, "must have 1 to 100 characters, on one line", "{bad:?}");
        }
        assert_eq!(description(" two\nlines\t").unwrap(), "two\nlines");
        assert_eq!(description(&of(2000)).unwrap(), of(2000));
        for bad in ["", " \n ", "a\u{0}b", &of(2001)] {
            let error = description(bad).unwrap_err().to_string();
            assert_eq!(error, "must have 1 to 2000 characters", "{bad:?}");
        }
    }
}
