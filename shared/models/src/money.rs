//! Money: whole minor currency units (cents, pence, yen) in one ISO 4217 currency per salon.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

/// A text that is not a currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a three-letter ISO 4217 currency code such as EUR")]
pub struct CurrencyError;

impl Currency {
    /// The euro, the currency of a salon that has not chosen one.
    pub const EUR: Self = Self(*b"EUR");

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        // Only ASCII letters get in, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many digits follow the decimal point (ISO 4217's minor unit exponent).
    #[must_use]
    pub fn minor_digits(&self) -> usize {
        match self.code() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
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
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Self(letters)) } else { Err(CurrencyError) }
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
    fn only_three_upper_case_letters_are_a_currency() {
        for bad in ["", "EU", "eur", "EURO", "E1R", "€"] {
            assert_eq!(bad.parse::<Currency>(), Err(CurrencyError), "{bad}");
        }
    }
}
