//! Money: whole minor currency units (cents, pence, yen) in one ISO 4217 currency per salon.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency in which prices can be: one that has a minor unit, unlike gold or the code for tests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency(iso_currency::Currency);

/// A text that is not a currency's code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 currency code such as EUR")]
pub struct CurrencyError;

impl Currency {
    /// The euro, the currency of a salon that has not chosen one.
    pub const EUR: Self = Self(iso_currency::Currency::EUR);

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// Returns the number of digits after the decimal point (ISO 4217's minor unit exponent).
    #[must_use]
    pub fn minor_digits(&self) -> usize {
        self.0.exponent().map_or(0, usize::from)
    }

    /// Writes an amount of minor units for people: `EUR 45.00`, `JPY 4500`.
    #[must_use]
    pub fn format(&self, minor_units: i64) -> String {
        let digits = self.minor_digits();
        let sign = if minor_units < 0 { "-" } else { "" };
        let amount = minor_units.unsigned_abs();
        if digits == 0 {
            return format!("{self} {sign}{amount}");
        }
        let unit = 10_u64.pow(u32::try_from(digits).unwrap_or(0));
        format!("{self} {sign}{}.{:0digits$}", amount / unit, amount % unit)
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let known = iso_currency::Currency::from_code(text);
        known.filter(|currency| currency.exponent().is_some()).map(Self).ok_or(CurrencyError)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Self, CurrencyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_the_digits_of_their_currency() {
        for (currency, minor_units, text) in [
            ("EUR", 4500, "EUR 45.00"),
            ("EUR", 5, "EUR 0.05"),
            ("EUR", -150, "EUR -1.50"),
            ("JPY", 4500, "JPY 4500"),
            ("KWD", 1250, "KWD 1.250"),
        ] {
            assert_eq!(currency.parse::<Currency>().unwrap().format(minor_units), text);
        }
    }

    #[test]
    fn only_what_can_be_paid_in_is_a_currency() {
        for bad in ["", "EU", "eur", "EURO", "E1R", "€", "EUX", "XXX", "XTS", "XAU"] {
            assert_eq!(bad.parse::<Currency>(), Err(CurrencyError), "{bad}");
        }
        for good in ["EUR", "GBP", "CHF", "JPY", "XOF"] {
            assert_eq!(good.parse::<Currency>().unwrap().code(), good);
        }
    }
}
