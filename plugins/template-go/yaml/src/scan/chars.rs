//! Classes of characters. `z` stands for the end of the input, which reads as NUL: no document can hold one.

pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

pub(crate) fn is_breakz(c: char) -> bool {
    c == '\0' || is_break(c)
}

pub(crate) fn is_blankz(c: char) -> bool {
    is_blank(c) || is_breakz(c)
}

/// What anchors, handles and names of directives are made of.
pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}
