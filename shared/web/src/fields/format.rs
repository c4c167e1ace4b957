//! Forms in which requests write a value: each reads one, and says so in the API's reference.

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

/// The part of a request that has a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A JSON object in the body.
    Body,
    /// The query string, in which every value is a text.
    Query,
}

/// A fault of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its place within the field: empty for the whole value, or such as `[0].to`.
    pub place: String,
    /// Advice on the right value.
    pub message: String,
}

impl<T: Into<String>> From<T> for Fault {
    fn from(message: T) -> Self {
        Self { place: String::new(), message: message.into() }
    }
}

/// A form in which a request writes a value.
pub trait Format {
    /// The value that is read.
    type Value;

    /// Reads a value that is neither absent nor `null`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at least one fault.
    fn read(&self, value: Value, source: Source) -> Result<Self::Value, Vec<Fault>>;

    /// The JSON Schema of the values that are read.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// The same form, described by a sentence of its own.
    fn about(self, description: &'static str) -> About<Self>
    where
        Self: Sized,
    {
        About { format: self, description }
    }
}

fn fault<T>(message: impl Into<String>) -> Result<T, Vec<Fault>> {
    Err(vec![Fault::from(message)])
}

/// A form with a description of its own.
#[derive(Debug, Clone)]
pub struct About<F> {
    format: F,
    description: &'static str,
}

impl<F: Format> Format for About<F> {
    type Value = F::Value;

    fn read(&self, value: Value, source: Source) -> Result<F::Value, Vec<Fault>> {
        self.format.read(value, source)
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let mut schema = self.format.schema(generator);
        schema.insert("description".to_owned(), json!(self.description));
        schema
    }
}

/// A text that a type reads; its schema is the type's.
#[derive(Debug, Clone)]
pub struct Text<T>(PhantomData<fn() -> T>);

/// A text that `T` reads.
#[must_use]
pub const fn text<T>() -> Text<T> {
    Text(PhantomData)
}

impl<T> Format for Text<T>
where
    T: FromStr + JsonSchema,
    T::Err: Display,
{
    type Value = T;

    fn read(&self, value: Value, _: Source) -> Result<T, Vec<Fault>> {
        let Value::String(text) = value else { return fault("must be a string") };
        text.parse().or_else(|error: T::Err| fault(error.to_string()))
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// A list of texts: a JSON array, or a query parameter with commas between them.
#[derive(Debug, Clone)]
pub struct List<T> {
    at_most: usize,
    item: Text<T>,
}

/// A list of at most so many texts that `T` reads.
#[must_use]
pub const fn list<T>(at_most: usize) -> List<T> {
    List { at_most, item: text() }
}

impl<T> Format for List<T>
where
    T: FromStr + JsonSchema,
    T::Err: Display,
{
    type Value = Vec<T>;

    fn read(&self, value: Value, source: Source) -> Result<Vec<T>, Vec<Fault>> {
        let items = match (value, source) {
            (Value::Array(items), _) => items,
            (Value::String(items), Source::Query) if items.is_empty() => Vec::new(),
            (Value::String(items), Source::Query) => {
                items.split(',').map(|item| Value::String(item.to_owned())).collect()
            }
            _ => return fault("must be an array of strings"),
        };
        if items.len() > self.at_most {
            return fault(format!("must have at most {} items", self.at_most));
        }
        let (mut read, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
        for (place, item) in items.into_iter().enumerate() {
            match self.item.read(item, source) {
                Ok(item) => read.push(item),
                Err(wrong) => faults.extend(
                    wrong
                        .into_iter()
                        .map(|fault| Fault { place: format!("[{place}]{}", fault.place), ..fault }),
                ),
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": self.item.schema(generator), "maxItems": self.at_most})
    }
}

/// `true` or `false`.
#[derive(Debug, Clone, Copy)]
pub struct Flag;

impl Format for Flag {
    type Value = bool;

    fn read(&self, value: Value, source: Source) -> Result<bool, Vec<Fault>> {
        match (&value, source) {
            (Value::Bool(flag), Source::Body) => Ok(*flag),
            (Value::String(text), Source::Query) if text == "true" => Ok(true),
            (Value::String(text), Source::Query) if text == "false" => Ok(false),
            _ => fault("must be true or false"),
        }
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "boolean"})
    }
}

/// A whole number within a range.
#[derive(Debug, Clone)]
pub struct Whole<T>(RangeInclusive<T>);

/// A whole number within a range.
#[must_use]
pub const fn whole<T>(range: RangeInclusive<T>) -> Whole<T> {
    Whole(range)
}

impl<T> Format for Whole<T>
where
    T: TryFrom<i64> + PartialOrd + Display + Serialize,
{
    type Value = T;

    fn read(&self, value: Value, source: Source) -> Result<T, Vec<Fault>> {
        let number = match (&value, source) {
            (Value::String(text), Source::Query) => text.parse().ok(),
            (value, _) => value.as_i64(),
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        let (least, most) = (self.0.start(), self.0.end());
        number
            .filter(|number| self.0.contains(number))
            .ok_or_else(|| vec![format!("must be a whole number from {least} to {most}").into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": self.0.start(), "maximum": self.0.end()})
    }
}

/// One of some values, by its name.
#[derive(Debug, Clone)]
pub struct OneOf<T: 'static>(&'static [T]);

/// One of some values, by its name: the text, or the number, as which it is serialised.
#[must_use]
pub const fn one_of<T>(values: &'static [T]) -> OneOf<T> {
    OneOf(values)
}

impl<T: Serialize> OneOf<T> {
    fn names(&self) -> Vec<Value> {
        self.0.iter().map(|value| json!(value)).collect()
    }
}

impl<T: Serialize + Copy> Format for OneOf<T> {
    type Value = T;

    fn read(&self, value: Value, _: Source) -> Result<T, Vec<Fault>> {
        let names = self.names();
        if let Some(place) = names.iter().position(|name| *name == value) {
            return Ok(self.0[place]);
        }
        let names: Vec<_> =
            names.iter().map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned)).collect();
        fault(match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("must be {} or {last}", rest.join(", ")),
            _ => format!("must be {}", names.concat()),
        })
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        let names = self.names();
        let kind = if names.iter().all(Value::is_string) { "string" } else { "integer" };
        json_schema!({"type": kind, "enum": names})
    }
}

/// A local date, `2026-03-03`, and nothing more: what else `jiff` reads (times, zones) is not accepted.
#[derive(Debug, Clone, Copy)]
pub struct LocalDate;

impl Format for LocalDate {
    type Value = Date;

    fn read(&self, value: Value, _: Source) -> Result<Date, Vec<Fault>> {
        let Value::String(text) = value else { return fault("must be a string") };
        let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = text.parse().ok().filter(|_| is_date);
        date.ok_or_else(|| vec!["must be a date such as 2026-03-03".into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date", "examples": ["2026-03-03"]})
    }
}

/// A local time, `09:30`.
#[derive(Debug, Clone, Copy)]
pub struct LocalTime;

impl Format for LocalTime {
    type Value = Time;

    fn read(&self, value: Value, _: Source) -> Result<Time, Vec<Fault>> {
        let Value::String(text) = value else { return fault("must be a string") };
        let is_time =
            text.len() == 5 && text.bytes().enumerate().all(|(place, b)| (place == 2) == (b == b':'));
        let time = Time::strptime("%H:%M", &text).ok().filter(|_| is_time);
        time.ok_or_else(|| vec!["must be a time such as 09:30".into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        crate::view::clock_schema()
    }
}

/// A local date and time, `2026-03-02T09:00`.
#[derive(Debug, Clone, Copy)]
pub struct LocalDateTime;

impl Format for LocalDateTime {
    type Value = DateTime;

    fn read(&self, value: Value, _: Source) -> Result<DateTime, Vec<Fault>> {
        let Value::String(text) = value else { return fault("must be a string") };
        // What else `jiff` reads (seconds, zones, other separators) is not accepted.
        let local = text.parse().ok().filter(|local| crate::view::local_date_time(*local) == text);
        local.ok_or_else(|| vec!["must be a local date and time such as 2026-03-02T09:00".into()])
    }

    fn schema(&self, _: &mut SchemaGenerator) -> Schema {
        crate::view::local_date_time_schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<F: Format>(format: &F, value: Value) -> String {
        let shown = value.to_string();
        match format.read(value, Source::Body) {
            Err(faults) => faults[0].message.clone(),
            Ok(_) => panic!("{shown} is read"),
        }
    }

    #[test]
    fn dates_have_one_form() {
        let read = |value| LocalDate.read(value, Source::Body);
        assert_eq!(read(json!("2026-03-03")), Ok(jiff::civil::date(2026, 3, 3)));
        for bad in ["2026-3-3", "20260303", "2026-02-30", "2026-03-03T09:00", "03.03.2026"] {
            assert_eq!(refusal(&LocalDate, json!(bad)), "must be a date such as 2026-03-03", "{bad}");
        }
        assert_eq!(refusal(&LocalDate, json!(5)), "must be a string");
    }

    #[test]
    fn times_have_one_form() {
        assert_eq!(LocalTime.read(json!("09:30"), Source::Body), Ok(jiff::civil::time(9, 30, 0, 0)));
        for bad in ["9:30", "24:00", "09:60", "09:30:00", "0930", "+9:30"] {
            assert_eq!(refusal(&LocalTime, json!(bad)), "must be a time such as 09:30", "{bad}");
        }
        assert_eq!(refusal(&LocalTime, json!(930)), "must be a string");
    }

    #[test]
    fn local_times_have_one_form() {
        let nine = jiff::civil::datetime(2026, 3, 2, 9, 0, 0, 0);
        assert_eq!(LocalDateTime.read(json!("2026-03-02T09:00"), Source::Body), Ok(nine));
        for bad in [
            json!("2026-03-02"),
            json!("2026-03-02 09:00"),
            json!("2026-03-02T09:00:00"),
            json!("2026-03-02T09:00Z"),
            json!("2026-03-02T09:00+01:00"),
            json!("2026-02-30T09:00"),
            json!("2026-03-02T24:00"),
            json!("-002026-03-02T09:00"),
            json!(5),
        ] {
            assert!(LocalDateTime.read(bad.clone(), Source::Body).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_whole_and_within_their_range() {
        let minutes = whole(1..=600_u32);
        assert_eq!(minutes.read(json!(1), Source::Body), Ok(1));
        assert_eq!(minutes.read(json!(600), Source::Body), Ok(600));
        assert_eq!(minutes.read(json!("60"), Source::Query), Ok(60));
        for bad in [json!(0), json!(601), json!(-1), json!(1.5), json!("60"), json!(true), json!(1_u64 << 40)]
        {
            assert_eq!(refusal(&minutes, bad.clone()), "must be a whole number from 1 to 600", "{bad}");
        }
    }

    #[test]
    fn one_of_some_values_is_named() {
        assert_eq!(one_of(&["a", "b"]).read(json!("b"), Source::Body), Ok("b"));
        assert_eq!(refusal(&one_of(&["a", "b", "c"]), json!("d")), "must be a, b or c");
        assert_eq!(refusal(&one_of(&[5_u32, 10]), json!("5")), "must be 5 or 10");
        assert_eq!(refusal(&one_of(&["only"]), json!(5)), "must be only");
    }

    #[test]
    fn a_flag_is_a_text_only_in_a_query_string() {
        assert_eq!(Flag.read(json!(true), Source::Body), Ok(true));
        assert_eq!(Flag.read(json!("false"), Source::Query), Ok(false));
        for (value, source) in
            [(json!("true"), Source::Body), (json!(true), Source::Query), (json!(1), Source::Body)]
        {
            assert!(Flag.read(value, source).is_err());
        }
    }
}
