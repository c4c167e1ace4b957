//! Texts that people give us, checked once at the edge.

use std::str::FromStr;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory as Category};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Why a text is refused: what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub(crate) String);

/// Whether a character turns the direction of writing for those after it: an embedding, an override or an isolate of
/// Unicode's bidirectional algorithm, or the end of one (UAX #9, section 2). In a name they turn around the text in which
/// it stands. The marks of right-to-left names (U+200E, U+200F, U+061C) reach no further than the name and are none.
#[must_use]
pub const fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character shows by itself: neither white space, nor a control, nor a mark on the character before it, nor
/// one that Unicode lets everybody ignore, such as a Hangul filler or a tag.
fn is_visible(character: char) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    let is_ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    let shows = !matches!(
        CodePointMapData::<Category>::new().get(character),
        Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
            | Category::NonspacingMark
            | Category::SpacingMark
            | Category::EnclosingMark
    );
    shows && !is_ignorable && character != BRAILLE_BLANK
}

/// A trimmed text of 1 to `most` characters on one line, at least one of which shows, and none of which turns the
/// direction of writing.
pub(crate) fn line(text: &str, most: usize) -> Result<String, TextError> {
    let line = text.trim();
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !(1..=most).contains(&line.chars().count()) || line.chars().any(breaks) {
        return Err(TextError(format!("must have 1 to {most} characters, on one line")));
    }
    if line.chars().any(turns_direction) {
        return Err(TextError(
            "must not have characters that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069)".to_owned(),
        ));
    }
    if !line.chars().any(is_visible) {
        return Err(TextError("must have a character that can be seen".to_owned()));
    }
    Ok(line.to_owned())
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

/// A person's name: 1 to 100 characters, trimmed, on one line, at least one of which shows.
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

/// What a category, a service or a salon is called: 1 to 100 characters, trimmed, on one line, at least one of which
/// shows.
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
        assert_eq!(
            label("a\u{2028}b").unwrap_err().to_string(),
            "must have 1 to 100 characters, on one line"
        );
        assert_eq!(description(" two\nlines\t").unwrap(), "two\nlines");
        assert_eq!(description(&of(2000)).unwrap(), of(2000));
        for bad in ["", " \n ", "a\u{0}b", &of(2001)] {
            let error = description(bad).unwrap_err().to_string();
            assert_eq!(error, "must have 1 to 2000 characters", "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_a_character_that_can_be_seen() {
        for name in [
            "A",
            "1",
            "-",
            "Ada\u{200B}Lovelace",
            "e\u{301}ric",
            "李",
            "김민수",
            "علی\u{200C}رضا",
            "\u{200F}דנה\u{200F}",
            "क्\u{200D}ष",
            "👩\u{200D}🎤",
            "⠃",
            "\u{1F3F4}\u{E0067}\u{E0062}\u{E007F}",
        ] {
            assert_eq!(name.parse::<PersonName>().map(|name| name.0), Ok(name.to_owned()), "{name:?}");
        }
        for (invisible, what) in [
            ("\u{200B}", "zero width space"),
            ("\u{200C}\u{200D}\u{2060}\u{FEFF}", "joiners and no-break spaces of no width"),
            ("\u{200E}\u{200F}\u{61C}", "marks of direction"),
            ("\u{AD}", "soft hyphen"),
            ("\u{301}\u{308}", "combining marks alone"),
            ("\u{20DD}", "an enclosing mark alone"),
            ("\u{93E}", "a spacing mark alone"),
            ("\u{FE0F}\u{E0100}", "variation selectors"),
            ("\u{115F}\u{1160}\u{3164}\u{FFA0}", "Hangul fillers"),
            ("\u{17B4}\u{17B5}", "Khmer vowels that do not show"),
            ("\u{180E}\u{180B}", "Mongolian separators"),
            ("\u{2800}", "braille blank"),
            ("\u{E0041}\u{E007F}", "tags"),
            ("\u{1D173}\u{1D17A}", "controls of musical notation"),
            ("\u{206A}\u{2061}", "deprecated controls and invisible operators"),
            ("\u{200B} \u{A0}\u{3000}\u{200B}", "spaces between those of no width"),
        ] {
            let error = invisible.parse::<PersonName>().unwrap_err().to_string();
            assert_eq!(error, "must have a character that can be seen", "{what}");
            assert!(invisible.parse::<Label>().is_err(), "{what}");
        }
    }

    #[test]
    fn a_name_does_not_turn_the_text_around_it() {
        for control in ('\u{202A}'..='\u{202E}').chain('\u{2066}'..='\u{2069}') {
            let error = format!("Ada {control}lace").parse::<Label>().unwrap_err().to_string();
            assert!(error.starts_with("must not have characters that turn the direction"), "{error}");
        }
    }
}
