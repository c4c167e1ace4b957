//! What is wrong with a template, collected: whoever mends one wants to see all of it at once.

use std::cell::RefCell;
use std::fmt;

/// One fault of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line in the template, counted from 1; `None` when the fault is not in the file (a `--parameter`).
    pub line: Option<usize>,
    /// The part of the template that it is about, such as `WorkFunction: Timeout`.
    pub subject: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        write!(formatter, "{}: {}", self.subject, self.message)
    }
}

/// Everything that is wrong with one template, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The faults.
    pub problems: Vec<Problem>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(formatter, "{count} fault{} in the template:", if count == 1 { "" } else { "s" })?;
        for problem in &self.problems {
            write!(formatter, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateError {}

/// Collects faults while a template is read; the same fault met twice is kept once.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a fault at a line of the template (0: nowhere in particular).
    pub(super) fn add(&self, line: usize, subject: impl Into<String>, message: impl Into<String>) {
        self.push(line, subject.into(), message.into(), |known, new| known == new);
    }

    /// [`Self::add`] for a fault that several steps meet, each with a subject of its own.
    pub(super) fn add_once(&self, line: usize, subject: impl Into<String>, message: impl Into<String>) {
        self.push(line, subject.into(), message.into(), |known, new| {
            known.line == new.line && known.message == new.message
        });
    }

    fn push(
        &self,
        line: usize,
        subject: String,
        message: String,
        is_same: impl Fn(&Problem, &Problem) -> bool,
    ) {
        let problem = Problem { line: (line > 0).then_some(line), subject, message };
        let mut problems = self.0.borrow_mut();
        if !problems.iter().any(|known| is_same(known, &problem)) {
            problems.push(problem);
        }
    }

    /// `Ok` when nothing was noted, else everything that was.
    pub(super) fn into_result(self) -> Result<(), TemplateError> {
        let mut problems = self.0.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        Err(TemplateError { problems })
    }
}
