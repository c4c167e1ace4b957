//! When an expert works: ranges of local time for each weekday.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Weekday;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// The most ranges of a weekday.
const MAX_RANGES: usize = 8;

/// The weekdays as JSON names them, Monday first.
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A minute of the day as people write it, `09:00`; `24:00` is the midnight at the day's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock(u16);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

fn read_clock(value: &Value) -> Option<u16> {
    let (hours, minutes) = value.as_str()?.split_once(':')?;
    if hours.len() != 2
        || minutes.len() != 2
        || !(hours.bytes().chain(minutes.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

/// A range of local time within one day, minutes after midnight; `to` may be 1440 (midnight at the day's end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first minute.
    pub from: u16,
    /// The first minute after.
    pub to: u16,
}

/// A fault of working hours: its place, and advice on the right ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct WorkingHoursError {
    /// Such as `monday[0].to`.
    pub field: String,
    /// Advice on the right value.
    pub message: String,
}

/// The ranges of each weekday, in order, not overlapping; index 0 is Monday.
///
/// Its JSON names the days: `{"monday": [{"from": "09:00", "to": "17:30"}], …}`; a day that is absent is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkingHours([Vec<Range>; 7]);

/// The schema of one weekday's ranges, as [`WorkingHours::from_json`] reads them.
#[must_use]
pub fn day_schema() -> Schema {
    let time = |example: &str| json_schema!({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": [example]});
    json_schema!({
        "type": "array",
        "maxItems": MAX_RANGES,
        "items": {
            "type": "object",
            "properties": {"from": time("09:00"), "to": time("17:30")},
            "required": ["from", "to"],
        },
    })
}

impl JsonSchema for WorkingHours {
    fn schema_name() -> Cow<'static, str> {
        "WorkingHours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let days: Map<String, Value> =
            WEEKDAYS.iter().map(|day| ((*day).to_owned(), day_schema().to_value())).collect();
        json_schema!({
            "description": "The ranges of local time in which an expert works on each weekday. A weekday that is absent \
                            is free.",
            "type": "object",
            "properties": days,
        })
    }
}

impl WorkingHours {
    /// The ranges of a weekday.
    #[must_use]
    pub fn on(&self, weekday: Weekday) -> &[Range] {
        let place = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
        &self.0[place]
    }

    /// The same hours on each of some weekdays, minutes after midnight.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn weekly(days: &[(Weekday, &[(u16, u16)])]) -> Result<Self, WorkingHoursError> {
        let mut hours = Self::default();
        for (weekday, ranges) in days {
            let place = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
            hours.0[place] = ranges.iter().map(|&(from, to)| Range { from, to }).collect();
        }
        hours.checked().map_err(|mut errors| errors.remove(0))
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, Vec<WorkingHoursError>> {
        let mut hours = Self::default();
        let mut errors = Vec::new();
        let refuse = |field: String, message: &str| WorkingHoursError { field, message: message.to_owned() };
        for (day, ranges) in members {
            let Some(place) = WEEKDAYS.iter().position(|known| known == day) else {
                errors
                    .push(refuse(day.clone(), &format!("is not known; these are: {}", WEEKDAYS.join(", "))));
                continue;
            };
            let Some(ranges) = ranges.as_array() else {
                errors.push(refuse(
                    day.clone(),
                    r#"must be an array of ranges such as {"from": "09:00", "to": "17:30"}"#,
                ));
                continue;
            };
            for (number, range) in ranges.iter().enumerate() {
                match read_range(range) {
                    Ok(range) => hours.0[place].push(range),
                    Err((field, message)) => errors.push(refuse(format!("{day}[{number}]{field}"), &message)),
                }
            }
        }
        if errors.is_empty() { hours.checked() } else { Err(errors) }
    }

    /// In order, and without overlaps or empty ranges.
    fn checked(mut self) -> Result<Self, Vec<WorkingHoursError>> {
        let mut errors = Vec::new();
        for (place, ranges) in self.0.iter_mut().enumerate() {
            let day = WEEKDAYS[place];
            let mut refuse =
                |field: String, message: String| errors.push(WorkingHoursError { field, message });
            if ranges.len() > MAX_RANGES {
                refuse(day.to_owned(), format!("must have at most {MAX_RANGES} ranges"));
            }
            for (number, range) in ranges.iter().enumerate() {
                if range.from >= range.to || range.to > DAY {
                    refuse(
                        format!("{day}[{number}].to"),
                        format!("must be after {} and at most 24:00", Clock(range.from)),
                    );
                }
            }
            ranges.sort_by_key(|range| (range.from, range.to));
            if ranges.windows(2).any(|two| two[0].to > two[1].from) {
                refuse(day.to_owned(), "must have ranges that do not overlap".to_owned());
            }
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

fn read_range(value: &Value) -> Result<Range, (String, String)> {
    let whole = || (String::new(), r#"must be a range such as {"from": "09:00", "to": "17:30"}"#.to_owned());
    let members = value.as_object().ok_or_else(whole)?;
    if members.len() != 2 {
        return Err(whole());
    }
    let read = |name: &str| {
        let value = members.get(name).ok_or_else(whole)?;
        read_clock(value)
            .ok_or_else(|| (format!(".{name}"), "must be a time of the day such as 09:00".to_owned()))
    };
    Ok(Range { from: read("from")?, to: read("to")? })
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("from", &Clock(self.from).to_string())?;
        map.serialize_entry("to", &Clock(self.to).to_string())?;
        map.end()
    }
}

impl Serialize for WorkingHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(WEEKDAYS.len()))?;
        for (day, ranges) in WEEKDAYS.iter().zip(&self.0) {
            map.serialize_entry(day, ranges)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for WorkingHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::from_json(&members).map_err(|errors| match errors.first() {
            Some(first) => D::Error::custom(first),
            None => D::Error::custom("working hours cannot be read"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<WorkingHours, Vec<String>> {
        let Value::Object(members) = value else { panic!("an object") };
        WorkingHours::from_json(&members).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn hours_are_written_as_they_are_read() {
        let value = json!({
            "monday": [{"from": "09:00", "to": "12:30"}, {"from": "13:00", "to": "24:00"}],
            "tuesday": [], "wednesday": [], "thursday": [], "friday": [],
            "saturday": [{"from": "00:00", "to": "02:05"}], "sunday": [],
        });
        let hours = read(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&hours).unwrap(), value);
        assert_eq!(serde_json::from_value::<WorkingHours>(value).unwrap(), hours);
        assert_eq!(hours.on(Weekday::Monday), [Range { from: 540, to: 750 }, Range { from: 780, to: 1440 }]);
        assert_eq!(hours.on(Weekday::Sunday), []);
    }

    #[test]
    fn ranges_are_put_in_order() {
        let hours =
            read(json!({"sunday": [{"from": "13:00", "to": "17:00"}, {"from": "09:00", "to": "13:00"}]}));
        assert_eq!(hours.unwrap().on(Weekday::Sunday)[0].from, 540);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, error) in [
            (
                json!({"mon": []}),
                "mon: is not known; these are: monday, tuesday, wednesday, thursday, friday, saturday, sunday",
            ),
            (
                json!({"monday": {}}),
                r#"monday: must be an array of ranges such as {"from": "09:00", "to": "17:30"}"#,
            ),
            (
                json!({"monday": [{"from": "9:00", "to": "17:00"}]}),
                "monday[0].from: must be a time of the day such as 09:00",
            ),
            (
                json!({"monday": [{"from": "09:00", "to": "24:01"}]}),
                "monday[0].to: must be a time of the day such as 09:00",
            ),
            (
                json!({"monday": [{"from": "09:00", "to": "09:00"}]}),
                "monday[0].to: must be after 09:00 and at most 24:00",
            ),
            (
                json!({"monday": [{"from": "+9:00", "to": "10:00"}]}),
                "monday[0].from: must be a time of the day such as 09:00",
            ),
            (
                json!({"monday": [{"from": "09:00"}]}),
                r#"monday[0]: must be a range such as {"from": "09:00", "to": "17:30"}"#,
            ),
            (
                json!({"monday": [{"from": "09:00", "to": "12:00"}, {"from": "11:00", "to": "13:00"}]}),
                "monday: must have ranges that do not overlap",
            ),
        ] {
            assert_eq!(read(value).unwrap_err(), [error]);
        }
    }
}
