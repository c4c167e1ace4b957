//! Configuration from environment variables, checked once at start: a function that is configured wrongly says
//! which variable is wrong and does not serve.

use std::str::FromStr;
use std::time::Duration;

use chairbook_models::duration;

/// Reasons why a variable cannot be used. The value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or empty.
    #[error("environment variable {0} is not set")]
    Missing(String),
    /// It is set to something that cannot be used.
    #[error("environment variable {name} {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// Advice on the right value.
        problem: String,
    },
}

impl ConfigError {
    /// A variable whose value cannot be used, and what would be right.
    pub fn invalid(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::Invalid { name: name.to_owned(), problem: problem.to_string() }
    }

    /// The variable's name.
    #[must_use]
    pub fn variable(&self) -> &str {
        match self {
            Self::Missing(name) | Self::Invalid { name, .. } => name,
        }
    }

    /// What is wrong with it, or would be right.
    #[must_use]
    pub fn problem(&self) -> &str {
        match self {
            Self::Missing(_) => "is not set or empty; it needs the value that template.yaml gives it",
            Self::Invalid { problem, .. } => problem,
        }
    }
}

/// The variable's value; empty counts as not set, as a template's empty default parameter arrives.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    given(std::env::var(name).ok())
}

/// A value that is set and not empty.
pub(crate) fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// The variable's value.
///
/// # Errors
/// [`ConfigError::Missing`] when it is not set or empty.
pub fn required(name: &str) -> Result<String, ConfigError> {
    optional(name).ok_or_else(|| ConfigError::Missing(name.to_owned()))
}

/// The variable's value, parsed.
///
/// # Errors
/// [`ConfigError`] when it is not set or does not parse.
pub fn parsed<T>(name: &str) -> Result<T, ConfigError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    required(name)?.parse().map_err(|error: T::Err| ConfigError::invalid(name, error))
}

/// The variable's value as a whole number.
///
/// # Errors
/// [`ConfigError`] when it is not set, or is no number of the type.
pub fn whole_number<T: FromStr>(name: &str) -> Result<T, ConfigError> {
    required(name)?.parse().map_err(|_| ConfigError::invalid(name, "must be a whole number, such as 100"))
}

/// Checks that all these variables have values.
///
/// # Errors
/// [`ConfigError::Missing`] names the first that has none.
pub fn all_set(names: &[&str]) -> Result<(), ConfigError> {
    names.iter().try_for_each(|name| required(name).map(drop))
}

/// The variable's value as a duration, written like `4h`, `15m` or `5s`.
///
/// # Errors
/// [`ConfigError`] when it is not set or is not a duration.
pub fn duration(name: &str) -> Result<Duration, ConfigError> {
    duration::parse(&required(name)?).map_err(|error| ConfigError::invalid(name, error))
}
