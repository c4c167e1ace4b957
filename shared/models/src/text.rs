//! Texts that people give us, checked once at the edge.
//!
//! Each kind of text has a type, which domain types and stored rows keep. [`FromStr`](std::str::FromStr) checks a
//! text that is in a request. `Deserialize` does not: it reads what is stored, which was checked by the limits of the
//! day on which it was written. A limit that is made tighter later concerns new texts alone, so that no row fails to
//! load because of it. What responses show of a text is therefore any string, not one of the limits for requests.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory as Category};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The refusal of a text: advice on the right one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub(crate) String);

/// Returns true if a character turns the direction of writing for those after it: an embedding, an override or an
/// isolate of Unicode's bidirectional algorithm, or the end of one (UAX #9, section 2). In a name they turn around
/// the text in which it stands. The marks of right-to-left names (U+200E, U+200F, U+061C) reach no further than the
/// name and are none.
#[must_use]
pub const fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns true if a character shows by itself: neither white space, nor a control, nor a mark on the character
/// before it, nor one that Unicode lets everybody ignore, such as a Hangul filler or a tag.
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

/// Declares texts that are checked when somebody gives them, by [`FromStr`], and are read from storage as they are.
macro_rules! texts {
    ($($(#[$meta:meta])+ $name:ident = $read:expr;)+) => {
        $(
            $(#[$meta])+
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
            #[serde(transparent)]
            pub struct $name(String);

            impl $name {
                /// Returns the text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl std::str::FromStr for $name {
                type Err = $crate::text::TextError;

                fn from_str(text: &str) -> Result<Self, $crate::text::TextError> {
                    let read: fn(&str) -> Result<String, $crate::text::TextError> = $read;
                    read(text).map(Self)
                }
            }

            impl std::ops::Deref for $name {
                type Target = str;

                fn deref(&self) -> &str {
                    &self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl From<$name> for String {
                fn from(text: $name) -> Self {
                    text.0
                }
            }
        )+
    };
}

pub(crate) use texts;

texts! {
    /// A person's name: 1 to 100 characters, trimmed, on one line, at least one of which shows.
    PersonName = |text| line(text, 100);

    /// A telephone number, stored without punctuation: an optional `+` and 6 to 20 digits.
    Phone = phone;

    /// A customer's words to the expert: at most 500 characters, trimmed, line breaks allowed.
    Notes = |text| lines(text, 500);

    /// The name of a category, a service or a salon: 1 to 100 characters, trimmed, on one line, at least one of which
    /// shows.
    Label = |text| line(text, 100);

    /// The title of a to-do: 1 to 200 characters, trimmed, on one line, at least one of which shows.
    TodoTitle = |text| line(text, 200);

    /// A few sentences about something: 1 to 2000 characters, trimmed, line breaks allowed.
    Description = |text| lines(text, 2000);
}

macro_rules! given {
    ($($name:ident),+) => {
        $(impl $name {
            /// A text that the code gives, not a person.
            pub(crate) fn given(text: &'static str) -> Self {
                Self(text.to_owned())
            }
        })+
    };
}

given!(PersonName, Label, TodoTitle);

fn phone(text: &str) -> Result<String, TextError> {
    let number: String =
        text.trim().chars().filter(|c| !matches!(c, ' ' | '(' | ')' | '-' | '.' | '/')).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    if (6..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(number)
    } else {
        Err(TextError("must be a telephone number such as +44 20 7946 0958".to_owned()))
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
    fn what_is_stored_is_read_whatever_the_limits_are_today() {
        for stored in ["", " two\nlines ", "Ada \u{202E}lace", &"n".repeat(3_000)] {
            let json = serde_json::Value::String(stored.to_owned());
            assert!(stored.parse::<PersonName>().is_err() && stored.parse::<Phone>().is_err(), "{stored:?}");
            for read in [
                serde_json::from_value::<PersonName>(json.clone()).unwrap().to_string(),
                serde_json::from_value::<Phone>(json.clone()).unwrap().to_string(),
                serde_json::from_value::<Notes>(json.clone()).unwrap().to_string(),
                serde_json::from_value::<Label>(json.clone()).unwrap().to_string(),
                serde_json::from_value::<Description>(json.clone()).unwrap().to_string(),
            ] {
                assert_eq!(read, stored);
            }
        }
        let name: PersonName = "Ada Lovelace".parse().unwrap();
        assert_eq!(serde_json::to_value(&name).unwrap(), "Ada Lovelace");
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
