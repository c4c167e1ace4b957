//! JSON in which no object names a member twice. JSON parsers disagree on which of the values counts (RFC 8259, section
//! 4), so a request that means one thing to a proxy could mean another to us.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most repeated names that are kept.
const MOST_KEPT: usize = 20;

/// Reads a JSON value, and the paths of the members that are named more than once, such as `monday[0].from`.
///
/// # Errors
/// A syntax error.
pub(crate) fn read(json: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut repeated = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Unique { path: String::new(), repeated: &mut repeated }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, repeated))
}

struct Unique<'r> {
    path: String,
    repeated: &'r mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number beyond all bounds"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { path, repeated } = self;
        let mut read = Vec::new();
        loop {
            let seed = Unique { path: format!("{path}[{}]", read.len()), repeated: &mut *repeated };
            match items.next_element_seed(seed)? {
                Some(item) => read.push(item),
                None => return Ok(Value::Array(read)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let Self { path, repeated } = self;
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if read.contains_key(&name) && repeated.len() < MOST_KEPT && !repeated.contains(&path) {
                repeated.push(path.clone());
            }
            let value = members.next_value_seed(Unique { path, repeated: &mut *repeated })?;
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(json: &str) -> Vec<String> {
        read(json.as_bytes()).unwrap().1
    }

    #[test]
    fn values_are_read_as_serde_json_reads_them() {
        for json in [
            r#"{"a":[1,-2,3.5,true,null,"x",{"b":{}}],"c":"ü","d":18446744073709551615,"e":1e300}"#,
            "[]",
            "3",
            r#""a\u0000b""#,
        ] {
            assert_eq!(
                read(json.as_bytes()).unwrap(),
                (serde_json::from_str(json).unwrap(), vec![]),
                "{json}"
            );
        }
        for bad in ["", "{", r#"{"a":1}x"#, r#"{"a":1e999}"#, "{'a':1}", "NaN", r#""\ud800""#] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = "[".repeat(10_000);
        assert!(read(deep.as_bytes()).is_err());
    }

    #[test]
    fn members_that_are_named_twice_are_found_at_any_depth() {
        assert_eq!(repeated(r#"{"a":1,"b":2}"#), Vec::<String>::new());
        assert_eq!(repeated(r#"{"a":1,"a":1}"#), ["a"]);
        assert_eq!(repeated(r#"{"a":1,"\u0061":2,"a":3}"#), ["a"]);
        assert_eq!(repeated(r#"{"monday":[{},{"from":"09:00","from":"10:00"}]}"#), ["monday[1].from"]);
        let many: Vec<_> = (0..100).map(|n| format!(r#""m{n}":1,"m{n}":2"#)).collect();
        assert_eq!(repeated(&format!("{{{}}}", many.join(","))).len(), MOST_KEPT);
    }
}
