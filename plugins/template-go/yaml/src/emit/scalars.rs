//! Scalars: which styles their characters allow, and how each style is written.
use super::{Emitter, Scalar, WIDTH, Wanted, is_break};
use crate::Dialect;

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// The styles that a text allows.
struct Allowed {
    plain: bool,
    single_quoted: bool,
    block: bool,
    multiline: bool,
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn analyse(text: &str, dialect: Dialect) -> Allowed {
    if text.is_empty() {
        return Allowed { plain: true, single_quoted: true, block: false, multiline: false };
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut special, mut tabs, mut breaks) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut after_blank, mut after_space, mut after_break) = (true, false, false);
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let before_blank = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        indicators |= match c {
            '#' => first || after_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
            '?' | '-' => first && before_blank,
            ':' => before_blank,
            _ => false,
        };
        if c == '\t' && dialect == Dialect::V3 {
            tabs = true;
        } else if !is_printable(c) {
            special = true;
        }
        if c == ' ' {
            break_space |= after_break;
            (after_space, after_break) = (true, false);
        } else if is_break(c) {
            breaks = true;
            space_break |= after_space;
            (after_space, after_break) = (false, true);
        } else {
            (after_space, after_break) = (false, false);
        }
        after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
        first = false;
    }
    let at_edge = |c: char| c == ' ' || is_break(c);
    let edges = text.starts_with(at_edge) || text.ends_with(at_edge);
    let no_quotes = break_space || space_break || tabs || special;
    Allowed {
        plain: !(edges || no_quotes || breaks || indicators),
        single_quoted: !no_quotes,
        block: !(text.ends_with(' ') || space_break || special),
        multiline: breaks,
    }
}

impl Emitter {
    pub(super) fn write_scalar(&mut self, scalar: &Scalar, simple_key: bool) {
        let allowed = analyse(&scalar.text, self.dialect);
        let mut style = match scalar.wanted {
            Wanted::Plain => Style::Plain,
            Wanted::DoubleQuoted => Style::DoubleQuoted,
            Wanted::Literal => Style::Literal,
        };
        if simple_key && allowed.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain && (!allowed.plain || (scalar.text.is_empty() && simple_key)) {
            style = Style::SingleQuoted;
        }
        if style == Style::SingleQuoted && !allowed.single_quoted {
            style = Style::DoubleQuoted;
        }
        if style == Style::Literal && (!allowed.block || simple_key) {
            style = Style::DoubleQuoted;
        }
        if scalar.binary {
            self.write_indicator("!!binary", true, false, false);
        }
        let outer = self.indent;
        self.indent = Some(self.deeper(true));
        match style {
            Style::Plain => self.write_plain(&scalar.text, !simple_key),
            Style::SingleQuoted => self.write_single_quoted(&scalar.text, !simple_key),
            Style::DoubleQuoted => self.write_double_quoted(&scalar.text, !simple_key),
            Style::Literal => self.write_literal(&scalar.text),
        }
        self.indent = outer;
    }

    /// Whether a single space here becomes the end of a line.
    fn folds(&self, allow_breaks: bool, spaces: bool) -> bool {
        self.dialect == Dialect::V2 && allow_breaks && !spaces && self.column > WIDTH
    }

    fn write_plain(&mut self, text: &str, allow_breaks: bool) {
        if !self.whitespace && (self.dialect == Dialect::V2 || !text.is_empty()) {
            self.put(' ');
        }
        let mut spaces = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && self.folds(allow_breaks, spaces) && chars.peek() != Some(&' ') {
                self.write_indent();
            } else {
                self.put(c);
            }
            spaces = c == ' ';
            if !spaces {
                self.indention = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, allow_breaks: bool) {
        self.write_indicator("'", true, false, false);
        let (mut spaces, mut breaks) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let next = chars.peek().map(|(_, next)| *next);
                if self.folds(allow_breaks, spaces) && at > 0 && !matches!(next, None | Some(' ')) {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        self.write_indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_double_quoted(&mut self, text: &str, allow_breaks: bool) {
        // Go looks for the mark at the beginning of the text, whatever the character, and then escapes all of it.
        let marked = text.starts_with('\u{feff}');
        self.write_indicator("\"", true, false, false);
        let mut spaces = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if marked || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.write_escape(c);
                spaces = false;
            } else if c == ' ' {
                let next = chars.peek().map(|(_, next)| *next);
                if self.folds(allow_breaks, spaces) && at > 0 && next.is_some() {
                    self.write_indent();
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.write_indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_escape(&mut self, c: char) {
        let code = u32::from(c);
        let escape = match c {
            '\0' => "0".to_owned(),
            '\x07' => "a".to_owned(),
            '\x08' => "b".to_owned(),
            '\t' => "t".to_owned(),
            '\n' => "n".to_owned(),
            '\x0b' => "v".to_owned(),
            '\x0c' => "f".to_owned(),
            '\r' => "r".to_owned(),
            '\x1b' => "e".to_owned(),
            '"' | '\\' => c.to_string(),
            '\u{85}' => "N".to_owned(),
            '\u{a0}' => "_".to_owned(),
            '\u{2028}' => "L".to_owned(),
            '\u{2029}' => "P".to_owned(),
            _ if code <= 0xff => format!("x{code:02X}"),
            _ if code <= 0xffff => format!("u{code:04X}"),
            _ => format!("U{code:08X}"),
        };
        self.put('\\');
        escape.chars().for_each(|c| self.put(c));
    }

    fn write_literal(&mut self, text: &str) {
        self.write_indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            let hint = self.best_indent().to_string();
            self.write_indicator(&hint, false, false, false);
        }
        let mut ends = text.chars().rev();
        match (ends.next().is_some_and(is_break), ends.next()) {
            (false, _) => self.write_indicator("-", false, false, false),
            (true, None) => self.write_indicator("+", false, false, false),
            (true, Some(c)) if is_break(c) => self.write_indicator("+", false, false, false),
            (true, Some(_)) => {}
        }
        if self.dialect == Dialect::V2 {
            self.put_break();
            self.indention = true;
        }
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}
