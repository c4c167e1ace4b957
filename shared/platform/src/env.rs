//! Configuration from environment variables, checked once at start: a function that is configured wrongly says
//! which variable is wrong and does not serve.

use std::str::FromStr;
use std::time::Duration;

use chairbook_models::duration;

/// Why a variable cannot be used. The value is not repeated: it may be a secret.
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
        /// What would be right.
        problem: String,
    },
}

/// The variable's value; empty counts as not set, as a template's empty default parameter arrives.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
    required(name)?
        .parse()
        .map_err(|error: T::Err| ConfigError::Invalid { name: name.to_owned(), problem: error.to_string() })
}

/// The variable's value as a duration, written like `4h`, `15m` or `5s`.
///
/// # Errors
/// [`ConfigError`] when it is not set or is not a duration.
pub fn duration(name: &str) -> Result<Duration, ConfigError> {
    duration::parse(&required(name)?)
        .map_err(|error| ConfigError::Invalid { name: name.to_owned(), problem: error.to_string() })
}
