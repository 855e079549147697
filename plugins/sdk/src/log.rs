//! Lines for the operator's log. Never write a secret. The host cuts a line to 256 characters and counts all lines of a call
//! against one budget.
use crate::backend;

/// For developers.
pub fn debug(message: &str) {
    write("debug", message, &[]);
}

/// For administrators.
pub fn info(message: &str) {
    write("info", message, &[]);
}

/// Something that will fail one day.
pub fn warn(message: &str) {
    write("warn", message, &[]);
}

/// Something that failed.
pub fn error(message: &str) {
    write("error", message, &[]);
}

/// With fields. Another level than `debug`, `info`, `warn`, `error` counts as `info`.
pub fn write(level: &str, message: &str, fields: &[(String, String)]) {
    backend::log(level, message, fields);
}
