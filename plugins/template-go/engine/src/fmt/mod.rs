//! Go's `fmt`: values as text.
//!
//! What is made is charged to the render: a width of a million in a loop, or a map that holds itself, ends in an error and
//! not in all memory.
mod printer;
mod value;
mod verbs;

use crate::{context::Context, error::Error, value::Value};
use printer::Printer;

/// `fmt.Sprint`: a space between two that are both no strings.
///
/// # Errors
/// Where the text gets too large, or a value holds itself.
pub fn sprint(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Error> {
    charged(context, |printer| printer.print(args))
}

/// `fmt.Sprintln`: a space between all, and a line end.
///
/// # Errors
/// As [`sprint`].
pub fn sprintln(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Error> {
    charged(context, |printer| printer.println(args))
}

/// `fmt.Sprintf`.
///
/// # Errors
/// As [`sprint`]. A wrong format is none: it shows in the text (`%!d(string=a)`), as in Go.
pub fn sprintf(context: &mut Context<'_>, format: &[u8], args: &[Value]) -> Result<Vec<u8>, Error> {
    charged(context, |printer| printer.printf(format, args))
}

/// What `%v` prints.
///
/// # Errors
/// As [`sprint`].
pub fn display(context: &mut Context<'_>, value: &Value) -> Result<Vec<u8>, Error> {
    match value {
        Value::String(text) => Ok(text.to_vec()),
        other => sprint(context, std::slice::from_ref(other)),
    }
}

/// Puts what `%v` prints behind `out`, which may grow to `limit` bytes.
pub(crate) fn append(out: Vec<u8>, limit: usize, value: &Value) -> Result<Vec<u8>, Error> {
    let mut printer = Printer::new(out, limit);
    printer.print(std::slice::from_ref(value));
    printer.finish()
}

fn charged(context: &mut Context<'_>, print: impl FnOnce(&mut Printer)) -> Result<Vec<u8>, Error> {
    let mut printer = Printer::new(Vec::new(), context.limits.allocated.saturating_sub(context.allocated));
    print(&mut printer);
    let text = printer.finish()?;
    context.allocate(text.len())?;
    Ok(text)
}

#[cfg(test)]
mod tests;
