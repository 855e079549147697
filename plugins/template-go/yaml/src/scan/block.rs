//! Scalars after `|` and `>`.
use super::{
    Mark, Scanner, Style, Token, TokenKind,
    chars::{is_blank, is_break, is_breakz},
};
use crate::Error;

#[derive(Clone, Copy, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl Scanner {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token, Error> {
        let start = self.mark;
        self.skip();
        let (chomp, increment) = self.scan_block_header(start)?;
        while is_blank(self.look(0)) {
            self.skip();
        }
        self.skip_comment();
        if !is_breakz(self.look(0)) {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_break();

        let base = usize::try_from(self.indent).unwrap_or(0);
        let mut indent = if increment > 0 { base + increment } else { 0 };
        let mut value = String::new();
        let mut first_break = String::new();
        let mut more_breaks = String::new();
        let mut end = self.scan_block_breaks(&mut indent, &mut more_breaks, start)?;
        let mut led_by_blank = false;
        while self.mark.column == indent && !self.at_end() {
            let begins_blank = is_blank(self.look(0));
            if !literal && !led_by_blank && !begins_blank && first_break.starts_with('\n') {
                if more_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(&first_break);
            }
            first_break.clear();
            value.push_str(&more_breaks);
            more_breaks.clear();
            led_by_blank = begins_blank;
            while !is_breakz(self.look(0)) {
                self.read(&mut value);
            }
            self.read_break(&mut first_break);
            end = self.scan_block_breaks(&mut indent, &mut more_breaks, start)?;
        }
        if chomp != Chomp::Strip {
            value.push_str(&first_break);
        }
        if chomp == Chomp::Keep {
            value.push_str(&more_breaks);
        }
        let style = if literal { Style::Literal } else { Style::Folded };
        Ok(Token { kind: TokenKind::Scalar { value, style }, start, end })
    }

    /// The indicators of chomping and of indentation, in any order.
    fn scan_block_header(&mut self, start: Mark) -> Result<(Chomp, usize), Error> {
        let mut chomp = self.scan_chomp();
        let mut increment = 0;
        if let Some(digit) = self.look(0).to_digit(10) {
            if digit == 0 {
                return Err(self.fault(start, "found an indentation indicator equal to 0"));
            }
            increment = usize::try_from(digit).unwrap_or(0);
            self.skip();
            if chomp.is_none() {
                chomp = self.scan_chomp();
            }
        }
        Ok((chomp.unwrap_or(Chomp::Clip), increment))
    }

    fn scan_chomp(&mut self) -> Option<Chomp> {
        let chomp = match self.look(0) {
            '+' => Chomp::Keep,
            '-' => Chomp::Strip,
            _ => return None,
        };
        self.skip();
        Some(chomp)
    }

    /// Passes indentation and empty lines. Finds out the indentation where `indent` is 0.
    fn scan_block_breaks(&mut self, indent: &mut usize, breaks: &mut String, start: Mark) -> Result<Mark, Error> {
        let mut end = self.mark;
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.look(0) == ' ' {
                self.skip();
            }
            deepest = deepest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.look(0) == '\t' {
                return Err(self.fault(start, "found a tab character where an indentation space is expected"));
            }
            if !is_break(self.look(0)) {
                break;
            }
            self.read_break(breaks);
            end = self.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(usize::try_from(self.indent + 1).unwrap_or(0)).max(1);
        }
        Ok(end)
    }
}
