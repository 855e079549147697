//! The form in which the server keeps a value: what is compared must be in it, or a value with a space at its end would
//! differ for ever.
use std::borrow::Cow;

/// A value as the server keeps it: without white space around it, but for one line feed where it ends in one.
#[must_use]
pub fn stored(value: &str) -> Cow<'_, str> {
    let trimmed = value.trim_matches(is_space);
    let ends_in_line_feed = value.ends_with('\n');
    match value.len() - trimmed.len() {
        0 => Cow::Borrowed(value),
        1 if ends_in_line_feed => Cow::Borrowed(value),
        _ if ends_in_line_feed => Cow::Owned(format!("{trimmed}\n")),
        _ => Cow::Borrowed(trimmed),
    }
}

/// What JavaScript's `trim` takes away, which is not what Rust's does.
fn is_space(character: char) -> bool {
    match character {
        '\u{85}' => false,
        '\u{feff}' => true,
        other => other.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_space_goes_but_for_one_final_line_feed() {
        for (written, kept) in [
            ("  a b \t", "a b"),
            ("a\n\n\n", "a\n"),
            (" a\n", "a\n"),
            ("a\r\n", "a\n"),
            ("a\n ", "a"),
            ("\n", "\n"),
            ("\n\n", "\n"),
            (" \n", "\n"),
            ("", ""),
            (" ", ""),
            ("\u{feff}a\u{a0}", "a"),
            ("\u{85}a\u{85}", "\u{85}a\u{85}"),
            ("a", "a"),
        ] {
            assert_eq!(stored(written), kept, "{written:?}");
            assert_eq!(stored(kept), kept, "{kept:?} is not what it stays");
        }
    }
}
