//! Lines of a guest, in the operator's log.
use super::Context;
use std::fmt::Write;

/// Lines of one call that are shown. More are counted and dropped: a plugin is not to drown the log.
const LINES: u32 = 64;

/// How a panic hook of a guest begins the line that says where: `panicked at FILE:LINE`, nothing of the message.
const PANICKED: &str = "panicked at ";

impl Context {
    /// `log.write`. Fails only when the budget is used up.
    pub(crate) fn write_line(&mut self, level: &str, message: &str, fields: &[(String, String)]) -> wasmtime::Result<()> {
        let size = fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.charge_cheap(size.saturating_add(message.len()))?;
        if let Some(place) = message.strip_prefix(PANICKED).filter(|place| is_place(place)) {
            self.place = Some(place.to_owned());
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines > LINES {
            return Ok(());
        }
        let message = self.scrubber.clean(message);
        let mut shown = String::new();
        for (name, value) in fields {
            // Writing to a string can't fail.
            let _ = write!(shown, "{name}={value} ");
        }
        let (plugin, fields) = (&*self.plugin, self.scrubber.clean(shown.trim_end()));
        match level {
            "debug" => tracing::debug!(target: "plugin", plugin, fields, "{message}"),
            "warn" => tracing::warn!(target: "plugin", plugin, fields, "{message}"),
            "error" => tracing::error!(target: "plugin", plugin, fields, "{message}"),
            _ => tracing::info!(target: "plugin", plugin, fields, "{message}"),
        }
        Ok(())
    }
}

/// A path of a source file with a line, and perhaps a column. Anything else could be a secret that a guest wants to be shown.
fn is_place(text: &str) -> bool {
    let number = |part: &str| (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    let mut parts = text.split(':');
    let file = parts.next().is_some_and(|file| file.ends_with(".rs") && file.len() <= 200 && file.bytes().all(valid));
    let numbers: Vec<_> = parts.collect();
    file && (1..=2).contains(&numbers.len()) && numbers.into_iter().all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_with_a_line() {
        for text in ["plugins/auth-aws/src/lib.rs:12:5", "src/lib.rs:12"] {
            assert!(is_place(text), "{text}");
        }
        for text in
            ["", "12:5", "src/lib.rs", "src/lib.rs:1:2:3", "src/lib.rs:a:5", "my secret.rs:1:1", "src/lib.rs:1:1 canary", "hunter2:1:1"]
        {
            assert!(!is_place(text), "{text}");
        }
    }
}
