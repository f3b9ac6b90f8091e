//! The text of one JSON line.

use crate::error::DataError;
use serde_json::Value;
use std::path::Path;

/// The string in `field` of the object that `text` is.
pub(super) fn field(path: &Path, line: u64, text: &str, field: &str) -> Result<String, DataError> {
    let path = || path.to_path_buf();
    let value: Value = serde_json::from_str(text).map_err(|e| {
        let message = e.to_string();
        // The parser counts lines within the line it was given; only the column is of use.
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(m, _)| m).to_string();
        DataError::Json { path: path(), line, column: e.column(), reason }
    })?;
    let Value::Object(mut object) = value else {
        let reason = format!("it is {}", kind(&value));
        return Err(DataError::Json { path: path(), line, column: 1, reason });
    };
    match object.get_mut(field).map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => {
            Err(DataError::FieldType { path: path(), line, field: field.to_string(), found: kind(&other) })
        }
        None => Err(DataError::MissingField {
            path: path(),
            line,
            field: field.to_string(),
            found: object.keys().cloned().collect(),
        }),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
