//! The text of one JSON line.

use crate::error::DataError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::path::Path;

/// The string in `field` of the object that `text` is; the last one, where the field occurs twice.
pub(super) fn field(path: &Path, line: u64, text: &str, field: &str) -> Result<String, DataError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Other fields are skipped over, not built.
    if let Ok(Some(Value::String(found))) = (Pick { field }).deserialize(&mut deserializer)
        && deserializer.end().is_ok()
    {
        return Ok(found);
    }
    explain(path, line, text, field)
}

/// Some fields of the object that a line is, null where it has none.
pub(super) fn fields(path: &Path, line: u64, bytes: &[u8], fields: &[&str]) -> Result<Vec<Value>, DataError> {
    let parsed: Result<Value, _> = serde_json::from_slice(bytes);
    let value = parsed.map_err(|e| not_json(path, line, &e))?;
    Ok(fields.iter().map(|f| value.get(*f).cloned().unwrap_or_default()).collect())
}

fn not_json(path: &Path, line: u64, error: &serde_json::Error) -> DataError {
    let message = error.to_string();
    // The parser counts lines within the line it was given; only the column is of use.
    let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(m, _)| m).to_string();
    DataError::Json { path: path.to_path_buf(), line, column: error.column(), reason }
}

/// Parses the whole line to say what is wrong with it.
fn explain(path: &Path, line: u64, text: &str, field: &str) -> Result<String, DataError> {
    let path = || path.to_path_buf();
    let value: Value = serde_json::from_str(text).map_err(|e| not_json(&path(), line, &e))?;
    let Value::Object(mut object) = value else {
        let reason = format!("it is {}", kind(&value));
        return Err(DataError::Json { path: path(), line, column: 1, reason });
    };
    match object.get_mut(field).map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => {
            let (field, found) = (field.to_string(), kind(&other));
            Err(DataError::FieldType { path: path(), line, field, found, expected: "a string" })
        }
        None => Err(DataError::MissingField {
            path: path(),
            line,
            field: field.to_string(),
            found: object.keys().cloned().collect(),
        }),
    }
}

/// Takes one field of an object.
struct Pick<'f> {
    field: &'f str,
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(wanted) = map.next_key_seed(Is(self.field))? {
            if wanted {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is this one.
struct Is<'f>(&'f str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
