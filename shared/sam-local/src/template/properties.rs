//! A strict reader of a map: every key is asked for by name, and what nobody asked for is a fault. This is what keeps
//! a misspelt property from being passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::document::{Entry, Kind, Node};
use super::problem::Problems;

pub(super) struct Properties<'t> {
    subject: String,
    line: usize,
    entries: &'t [Entry],
    asked: RefCell<BTreeSet<&'static str>>,
    problems: &'t Problems,
}

impl<'t> Properties<'t> {
    /// Opens a map. `None`, with the fault noted, when the node is something else.
    pub(super) fn open(node: &'t Node, subject: impl Into<String>, problems: &'t Problems) -> Option<Self> {
        let subject = subject.into();
        let entries = match &node.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::Null => &[],
            Kind::Faulty => return None,
            _ => {
                problems.add(node.line, subject, format!("must be a map, not {}", node.describe()));
                return None;
            }
        };
        Some(Self { subject, line: node.line, entries, asked: RefCell::default(), problems })
    }

    /// The line at which the map begins.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Where a key stands, for messages: `WorkFunction: Environment.Variables`.
    pub(super) fn path(&self, name: impl Display) -> String {
        let separator = if self.subject.contains(": ") { "." } else { ": " };
        format!("{}{separator}{name}", self.subject)
    }

    /// Notes a fault of one key.
    pub(super) fn fault(&self, name: &str, message: impl Into<String>) {
        let line =
            self.entries.iter().find(|entry| entry.key == name).map_or(self.line, |entry| entry.value.line);
        self.problems.add(line, self.path(name), message);
    }

    /// Notes a fault of something below a key.
    pub(super) fn fault_at(&self, line: usize, name: impl Display, message: impl Into<String>) {
        self.problems.add(line, self.path(name), message);
    }

    /// The value of a key; an empty value counts as absent.
    pub(super) fn get(&self, name: &'static str) -> Option<&'t Node> {
        self.asked.borrow_mut().insert(name);
        let value = &self.entries.iter().find(|entry| entry.key == name)?.value;
        (value.kind != Kind::Null).then_some(value)
    }

    pub(super) fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    fn expected(&self, name: &str, node: &Node, what: impl Display) {
        if node.kind != Kind::Faulty {
            self.problems.add(node.line, self.path(name), format!("must be {what}, not {}", node.describe()));
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let node = self.get(name)?;
        let text = node.as_text();
        if text.is_none() {
            self.expected(name, node, "text");
        }
        text.map(Into::into)
    }

    pub(super) fn required_text(&self, name: &'static str) -> Option<String> {
        self.require(name)?;
        self.text(name)
    }

    /// Like [`Self::get`], with a fault noted when the key is absent.
    pub(super) fn require(&self, name: &'static str) -> Option<&'t Node> {
        let node = self.get(name);
        if node.is_none() {
            self.fault(name, "is missing");
        }
        node
    }

    /// A whole number; parameters arrive as text, so text that is one will do.
    pub(super) fn integer(&self, name: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let node = self.get(name)?;
        let number = node.as_text().and_then(|text| text.parse::<i64>().ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            _ => {
                let what = format!("a whole number from {} to {}", range.start(), range.end());
                self.expected(name, node, what);
                None
            }
        }
    }

    /// [`Self::integer`] for ranges without negative numbers.
    pub(super) fn natural(&self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        self.integer(name, range).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn boolean(&self, name: &'static str) -> Option<bool> {
        let node = self.get(name)?;
        match node.as_text().as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                self.expected(name, node, "true or false");
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn one_of(&self, name: &'static str, allowed: &[&'static str]) -> Option<&'static str> {
        let node = self.get(name)?;
        let found = node.as_text().and_then(|text| allowed.iter().copied().find(|word| *word == text));
        if found.is_none() {
            self.expected(name, node, format!("one of {}", allowed.join(", ")));
        }
        found
    }

    pub(super) fn list(&self, name: &'static str) -> Option<&'t [Node]> {
        let node = self.get(name)?;
        let items = node.as_list();
        if items.is_none() {
            self.expected(name, node, "a list");
        }
        items
    }

    pub(super) fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for item in self.list(name)? {
            match item.as_text() {
                Some(text) => texts.push(text.into_owned()),
                None => self.expected(name, item, "a list of text"),
            }
        }
        Some(texts)
    }

    /// A map within this one.
    pub(super) fn properties(&self, name: &'static str) -> Option<Self> {
        Self::open(self.get(name)?, self.path(name), self.problems)
    }

    /// A list of maps within this one.
    pub(super) fn each(&self, name: &'static str) -> Vec<Self> {
        let items = self.list(name).unwrap_or_default();
        items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                Self::open(item, format!("{}[{index}]", self.path(name)), self.problems)
            })
            .collect()
    }

    /// Keys that may be there and change nothing on one machine.
    pub(super) fn without_meaning_here(&self, names: &[&'static str]) {
        self.asked.borrow_mut().extend(names);
    }

    /// The key, when present, is a fault: AWS would act on it and the local stack would not.
    pub(super) fn refuse(&self, name: &'static str, why: &str) {
        if self.has(name) {
            self.fault(name, format!("is not supported by the local stack: {why}"));
        }
    }

    /// Notes every key that nobody asked for.
    pub(super) fn close(&self) {
        let asked = self.asked.borrow();
        for entry in self.entries {
            if !asked.contains(entry.key.as_str()) {
                let known: Vec<_> = asked.iter().copied().collect();
                let message = format!("is unknown here; known are {}", known.join(", "));
                self.problems.add(entry.line, self.path(&entry.key), message);
            }
        }
    }
}
