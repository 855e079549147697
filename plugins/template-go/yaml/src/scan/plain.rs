//! Scalars without quotes.
use super::{
    Scanner, Style, Token, TokenKind,
    chars::{is_blank, is_blankz, is_break},
};
use crate::Error;

impl Scanner {
    pub(super) fn scan_plain(&mut self) -> Result<Token, Error> {
        let start = self.mark;
        let mut end = self.mark;
        let indent = self.indent + 1;
        let mut value = String::new();
        let mut blanks = String::new();
        let mut first_break = String::new();
        let mut more_breaks = String::new();
        let mut on_new_line = false;
        loop {
            if self.at_document_indicator() || self.look(0) == '#' {
                break;
            }
            while !is_blankz(self.look(0)) && !self.ends_plain() {
                if on_new_line {
                    fold(&mut value, &mut first_break, &mut more_breaks);
                    on_new_line = false;
                    blanks.clear();
                } else {
                    value.push_str(&blanks);
                    blanks.clear();
                }
                self.read(&mut value);
                end = self.mark;
            }
            if !is_blank(self.look(0)) && !is_break(self.look(0)) {
                break;
            }
            while is_blank(self.look(0)) || is_break(self.look(0)) {
                if is_blank(self.look(0)) {
                    if on_new_line && super::column(self.mark) < indent && self.look(0) == '\t' {
                        return Err(self.fault(start, "found a tab character that violates indentation"));
                    }
                    if on_new_line {
                        self.skip();
                    } else {
                        self.read(&mut blanks);
                    }
                } else if on_new_line {
                    self.read_break(&mut more_breaks);
                } else {
                    blanks.clear();
                    self.read_break(&mut first_break);
                    on_new_line = true;
                }
            }
            if self.flow_level == 0 && super::column(self.mark) < indent {
                break;
            }
        }
        if on_new_line {
            self.simple_key_allowed = true;
        }
        Ok(Token { kind: TokenKind::Scalar { value, style: Style::Plain }, start, end })
    }

    fn ends_plain(&self) -> bool {
        let c = self.look(0);
        (c == ':' && is_blankz(self.look(1))) || (self.flow_level > 0 && matches!(c, ',' | '?' | '[' | ']' | '{' | '}'))
    }
}

/// Joins two lines: one break is a space, more are one break fewer; a line separator stays.
pub(super) fn fold(value: &mut String, first: &mut String, more: &mut String) {
    if first.starts_with('\n') {
        if more.is_empty() {
            value.push(' ');
        } else {
            value.push_str(more);
        }
    } else {
        value.push_str(first);
        value.push_str(more);
    }
    first.clear();
    more.clear();
}
