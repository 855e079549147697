//! Scalars in quotes.
use super::{
    Scanner, Style, Token, TokenKind,
    chars::{is_blank, is_blankz, is_break},
    plain::fold,
};
use crate::Error;

impl Scanner {
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Token, Error> {
        let quote = if single { '\'' } else { '"' };
        let start = self.mark;
        self.skip();
        let mut value = String::new();
        let mut blanks = String::new();
        let mut first_break = String::new();
        let mut more_breaks = String::new();
        loop {
            if self.at_document_indicator() {
                return Err(self.fault(start, "found unexpected document indicator"));
            }
            if self.at_end() {
                return Err(self.fault(start, "found unexpected end of stream"));
            }
            let mut on_new_line = false;
            while !is_blankz(self.look(0)) {
                let (c, next) = (self.look(0), self.look(1));
                if single && c == '\'' && next == '\'' {
                    value.push('\'');
                    self.skip();
                    self.skip();
                } else if c == quote {
                    break;
                } else if !single && c == '\\' && is_break(next) {
                    self.skip();
                    self.skip_break();
                    on_new_line = true;
                    break;
                } else if !single && c == '\\' {
                    value.push(self.scan_escape(start, next)?);
                } else {
                    self.read(&mut value);
                }
            }
            if self.look(0) == quote {
                break;
            }
            while is_blank(self.look(0)) || is_break(self.look(0)) {
                match (is_blank(self.look(0)), on_new_line) {
                    (true, true) => self.skip(),
                    (true, false) => self.read(&mut blanks),
                    (false, true) => self.read_break(&mut more_breaks),
                    (false, false) => {
                        blanks.clear();
                        self.read_break(&mut first_break);
                        on_new_line = true;
                    }
                }
            }
            if on_new_line {
                fold(&mut value, &mut first_break, &mut more_breaks);
            } else {
                value.push_str(&blanks);
                blanks.clear();
            }
        }
        self.skip();
        let style = if single { Style::SingleQuoted } else { Style::DoubleQuoted };
        Ok(Token { kind: TokenKind::Scalar { value, style }, start, end: self.mark })
    }

    fn scan_escape(&mut self, start: super::Mark, letter: char) -> Result<char, Error> {
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let plain = match letter {
            '0' => '\0',
            'a' => '\x07',
            'b' => '\x08',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\x0b',
            'f' => '\x0c',
            'r' => '\r',
            'e' => '\x1b',
            ' ' | '"' | '\'' | '\\' => letter,
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            _ if digits > 0 => '\0',
            _ => return Err(self.fault(start, "found unknown escape character")),
        };
        self.skip();
        self.skip();
        if digits == 0 {
            return Ok(plain);
        }
        let mut code = 0_u32;
        for ahead in 0..digits {
            let digit = self.look(ahead).to_digit(16);
            let Some(digit) = digit else { return Err(self.fault(start, "did not find expected hexdecimal number")) };
            code = code << 4 | digit;
        }
        let Some(c) = char::from_u32(code) else { return Err(self.fault(start, "found invalid Unicode character escape code")) };
        (0..digits).for_each(|_| self.skip());
        Ok(c)
    }
}
