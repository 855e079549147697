//! Texts of guests, made fit to be shown: short, on one line, without control characters.

/// Characters of one text at most.
pub(crate) const LENGTH: usize = 256;

/// Texts of one kind in one answer at most.
pub(crate) const COUNT: usize = 8;

/// Control characters become spaces, so that a line break can't fake a second line, and the rest is cut.
pub(crate) fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(LENGTH).map(|character| if shown(character) { character } else { ' ' }).collect();
    if text.chars().nth(LENGTH).is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// Besides control characters those that reorder or hide text are taken out: a name must read as it is.
fn shown(character: char) -> bool {
    !(character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_stays_on_one_line() {
        assert_eq!(cut("a\nb\x1b[31mc\u{202e}d"), "a b [31mc d");
        let long = cut(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), LENGTH);
        assert!(long.ends_with('…'));
        assert_eq!(cut(&"x".repeat(LENGTH)), "x".repeat(LENGTH));
    }
}
