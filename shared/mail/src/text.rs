//! What people wrote, made fit for a mail: nobody's name may start a new header or a paragraph of its own.

use chairbook_models::text::turns_direction;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The width of plain text, characters: what RFC 5322 and quoting leave of a terminal's line.
pub const WIDTH: usize = 72;

/// The column at which a detail's value begins, characters.
const LABEL_WIDTH: usize = 12;

/// Returns true if a character does nothing visible but change how its neighbours read: control characters, and the
/// marks that turn the writing direction, with which one text can be made to look like another.
fn is_invisible(character: char) -> bool {
    character.is_control() || turns_direction(character) || matches!(character, '\u{200E}' | '\u{200F}')
}

/// The text on one line: every run of white space is one space, invisible characters are gone.
#[must_use]
pub fn single_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace())
        .map(|word| word.chars().filter(|&c| !is_invisible(c)).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text's lines, each as [`single_line`] makes it, without empty ones at either end.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    let normalised = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    normalised.trim().lines().map(single_line).collect()
}

fn options<'a>() -> Options<'a> {
    // A link that is broken over two lines cannot be clicked.
    Options::new(WIDTH)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
}

/// A plain text with its long lines wrapped, ending in one line end.
#[must_use]
pub(crate) fn wrapped(text: &str) -> String {
    let mut wrapped: String = textwrap::fill(text.trim(), options());
    wrapped.push('\n');
    wrapped
}

/// One line of what a mail is about: `Expert:  Camille`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The label, without a colon.
    pub label: &'static str,
    /// Its value, a line or more.
    pub lines: Vec<String>,
}

impl Detail {
    /// A detail of one line.
    #[must_use]
    pub(crate) fn new(label: &'static str, value: &str) -> Self {
        Self { label, lines: vec![single_line(value)] }
    }

    /// As plain text, the value's lines under each other.
    #[must_use]
    pub fn text(&self) -> String {
        let label = format!("{:<LABEL_WIDTH$}", format!("{}:", self.label));
        let indent = " ".repeat(LABEL_WIDTH);
        let value = self.lines.iter().enumerate().map(|(number, line)| {
            let first = if number == 0 { label.as_str() } else { indent.as_str() };
            textwrap::fill(line, options().initial_indent(first).subsequent_indent(&indent))
        });
        value.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_line_stays_one() {
        for (text, line) in [
            ("Ana", "Ana"),
            ("  Ana \t Silva ", "Ana Silva"),
            ("Ana\r\nBcc: everybody@example.com", "Ana Bcc: everybody@example.com"),
            ("Ana\u{2028}Silva\u{85}x", "Ana Silva x"),
            ("A\u{0}n\u{7}a", "Ana"),
            ("\u{202E}anA", "anA"),
            ("\n", ""),
        ] {
            assert_eq!(single_line(text), line, "{text:?}");
        }
    }

    #[test]
    fn lines_are_kept_apart_however_they_end() {
        assert_eq!(lines("\n one\r\ntwo\rthree\u{2028}four \n\n"), ["one", "two", "three", "four"]);
        assert_eq!(lines(" \n "), Vec::<String>::new());
    }

    #[test]
    fn long_lines_are_wrapped_and_links_are_not_broken() {
        let link = format!("https://api.chairbook.example/{}", "a".repeat(80));
        let text = wrapped(&format!("{}\n\n{link}\n\n", "word ".repeat(30)));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.contains(&link.as_str()));
        assert!(
            lines.iter().filter(|line| !line.contains("https")).all(|line| line.len() <= WIDTH),
            "{text}"
        );
        assert!(text.ends_with("a\n"));
    }

    #[test]
    fn a_detail_hangs_under_its_value() {
        let detail = Detail { label: "Notes", lines: vec!["word ".repeat(20), "end".to_owned()] };
        let text = detail.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("Notes:      word"));
        assert!(lines[1].starts_with("            word"));
        assert_eq!(lines[2], "            end");
    }
}
