//! From source to tree.
mod letters;
mod lex;
pub mod node;
mod number;
mod parser;

pub use parser::{Tree, parse};

/// `%q`
fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&crate::strconv::quote(text.as_bytes(), false)).into_owned()
}

#[cfg(test)]
mod tests;
