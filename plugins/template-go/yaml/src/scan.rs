//! Characters to tokens: indentation, simple keys, flow levels. The order of the checks is libyaml's, because it decides what
//! is read and which fault is told.
mod block;
mod chars;
mod flow;
mod plain;
mod reader;
mod tags;
mod token;

pub(crate) use token::{Mark, Style, Token, TokenKind};

use crate::{Dialect, Error};
use chars::{is_blank, is_blankz, is_break};
use reader::Input;
use std::collections::{HashMap, VecDeque};

/// Go's bound on nested flow collections and on nested blocks.
const MAX_NESTING: usize = 10_000;
/// How many characters a simple key may have.
const MAX_SIMPLE_KEY: usize = 1024;

#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token: usize,
    mark: Mark,
}

pub(crate) struct Scanner {
    dialect: Dialect,
    input: Input,
    mark: Mark,
    /// Tokens not yet taken; the first bears the number `taken`.
    queue: VecDeque<Token>,
    taken: usize,
    available: bool,
    started: bool,
    ended: bool,
    flow_level: usize,
    indent: isize,
    indents: Vec<isize>,
    simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    /// Which flow level's simple key begins at a token.
    by_token: HashMap<usize, usize>,
}

impl Scanner {
    pub(crate) fn new(bytes: &[u8], dialect: Dialect) -> Self {
        Self {
            dialect,
            input: Input::new(bytes),
            mark: Mark::default(),
            queue: VecDeque::new(),
            taken: 0,
            available: false,
            started: false,
            ended: false,
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: false,
            simple_keys: Vec::new(),
            by_token: HashMap::new(),
        }
    }

    /// The next token, left in place.
    pub(crate) fn peek(&mut self) -> Result<&Token, Error> {
        if !self.available {
            self.fetch_more()?;
            self.available = true;
        }
        self.queue.front().ok_or_else(|| Error::new("did not find expected <stream-end>"))
    }

    /// Takes the token that [`Scanner::peek`] showed.
    pub(crate) fn take(&mut self) -> Result<Token, Error> {
        self.peek()?;
        self.available = false;
        self.taken += 1;
        self.queue.pop_front().ok_or_else(|| Error::new("did not find expected <stream-end>"))
    }

    fn fetch_more(&mut self) -> Result<(), Error> {
        // V3 looks two tokens ahead, to find whose a comment is; it so meets some faults earlier.
        let ahead = if self.dialect == Dialect::V3 { 2 } else { 0 };
        loop {
            if self.queue.len() > ahead {
                match self.by_token.get(&self.taken).copied() {
                    None => return Ok(()),
                    Some(level) => {
                        if !self.simple_key_valid(level)? {
                            return Ok(());
                        }
                    }
                }
            }
            if self.ended && !self.queue.is_empty() {
                return Ok(());
            }
            let fetched = self.fetch_next();
            // A bad byte is met when its piece is read, so before what the scanner makes of the piece.
            self.input.check(self.mark.index)?;
            fetched?;
        }
    }

    fn fetch_next(&mut self) -> Result<(), Error> {
        self.input.check(self.mark.index)?;
        if !self.started {
            self.started = true;
            self.simple_keys.push(SimpleKey::default());
            self.simple_key_allowed = true;
            self.push(TokenKind::StreamStart, self.mark);
            return Ok(());
        }
        self.skip_to_token();
        self.unroll_indent(self.mark.column);
        if self.at_end() {
            return self.fetch_stream_end();
        }
        let (c, next) = (self.look(0), self.look(1));
        let blank_next = is_blankz(next);
        if self.mark.column == 0 && c == '%' {
            return self.fetch_directive();
        }
        if self.at_document_indicator() {
            let kind = if c == '-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
            return self.fetch_document_indicator(kind);
        }
        let flow = self.flow_level > 0;
        match c {
            '[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            '{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            ']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            '}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            ',' => self.fetch_flow_entry(),
            '-' if blank_next => self.fetch_block_entry(),
            '?' if flow || blank_next => self.fetch_key(),
            ':' if flow || blank_next => self.fetch_value(),
            '*' | '&' => self.fetch_anchor(c == '*'),
            '!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_tag()?;
                self.queue.push_back(token);
                Ok(())
            }
            '|' | '>' if !flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(c == '|')?;
                self.queue.push_back(token);
                Ok(())
            }
            '\'' | '"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_quoted(c == '\'')?;
                self.queue.push_back(token);
                Ok(())
            }
            _ if self.begins_plain(c, next) => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_plain()?;
                self.queue.push_back(token);
                Ok(())
            }
            _ => Err(self.fault(self.mark, "found character that cannot start any token")),
        }
    }

    fn begins_plain(&self, c: char, next: char) -> bool {
        match c {
            '-' => !is_blank(next),
            '?' | ':' => self.flow_level == 0 && !is_blankz(next),
            ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => false,
            c => !is_blankz(c),
        }
    }

    fn at_document_indicator(&self) -> bool {
        let c = self.look(0);
        self.mark.column == 0 && (c == '-' || c == '.') && self.look(1) == c && self.look(2) == c && is_blankz(self.look(3))
    }

    /// A fault with the place where its context began; the place of the problem is where the scanner stands.
    fn fault(&self, context: Mark, problem: impl Into<String>) -> Error {
        let lines = match self.dialect {
            Dialect::V3 => [context.line, self.mark.line],
            Dialect::V2 => [self.mark.line, 0],
        };
        let line = lines.into_iter().find(|line| *line != 0).map(|line| line + 1);
        // V2 counts one less where only the context is known.
        let line = line.or((self.dialect == Dialect::V2 && context.line != 0).then_some(context.line));
        Error::at(problem, line.unwrap_or(0))
    }

    fn push(&mut self, kind: TokenKind, start: Mark) {
        self.queue.push_back(Token { kind, start, end: self.mark });
    }

    // Characters.

    fn look(&self, ahead: usize) -> char {
        self.input.chars.get(self.mark.index + ahead).copied().unwrap_or('\0')
    }

    fn at_end(&self) -> bool {
        self.mark.index >= self.input.chars.len()
    }

    fn skip(&mut self) {
        self.mark.index += 1;
        self.mark.column += 1;
    }

    fn read(&mut self, into: &mut String) {
        into.push(self.look(0));
        self.skip();
    }

    /// Passes one line break, given back as it counts in a scalar.
    fn read_break(&mut self, into: &mut String) {
        match (self.look(0), self.look(1)) {
            ('\r', '\n') => {
                into.push('\n');
                self.mark.index += 2;
            }
            ('\r' | '\n' | '\u{85}', _) => {
                into.push('\n');
                self.mark.index += 1;
            }
            (c @ ('\u{2028}' | '\u{2029}'), _) => {
                into.push(c);
                self.mark.index += 1;
            }
            _ => return,
        }
        self.mark.column = 0;
        self.mark.line += 1;
    }

    fn skip_break(&mut self) {
        self.read_break(&mut String::new());
    }

    fn skip_comment(&mut self) {
        if self.look(0) == '#' {
            while !chars::is_breakz(self.look(0)) {
                self.skip();
            }
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            if self.mark.column == 0 && self.look(0) == '\u{feff}' {
                self.skip();
            }
            while self.look(0) == ' ' || (self.look(0) == '\t' && (self.flow_level > 0 || !self.simple_key_allowed)) {
                self.skip();
            }
            self.skip_comment();
            if !is_break(self.look(0)) {
                return;
            }
            self.skip_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    // Simple keys.

    fn simple_key_valid(&mut self, level: usize) -> Result<bool, Error> {
        let Some(key) = self.simple_keys.get(level).copied() else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < self.mark.line || key.mark.index + MAX_SIMPLE_KEY < self.mark.index {
            if key.required {
                return Err(self.fault(key.mark, "could not find expected ':'"));
            }
            if let Some(key) = self.simple_keys.get_mut(level) {
                key.possible = false;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn save_simple_key(&mut self) -> Result<(), Error> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == column(self.mark);
        let key = SimpleKey { possible: true, required, token: self.taken + self.queue.len(), mark: self.mark };
        self.remove_simple_key()?;
        let level = self.simple_keys.len().saturating_sub(1);
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
            self.by_token.insert(key.token, level);
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), Error> {
        let Some(key) = self.simple_keys.last().copied() else { return Ok(()) };
        if key.possible {
            if key.required {
                return Err(self.fault(key.mark, "could not find expected ':'"));
            }
            if let Some(last) = self.simple_keys.last_mut() {
                last.possible = false;
            }
            self.by_token.remove(&key.token);
        }
        Ok(())
    }

    // Indentation.

    /// Opens a block at `mark` if it is deeper than the present one. `before`: the number of the token before which the opening
    /// belongs, else the end.
    fn roll_indent(&mut self, mark: Mark, before: Option<usize>, kind: TokenKind) -> Result<(), Error> {
        if self.flow_level > 0 || self.indent >= column(mark) {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column(mark);
        if self.indents.len() > MAX_NESTING {
            let context = self.simple_keys.last().map(|key| key.mark).unwrap_or_default();
            return Err(self.fault(context, format!("exceeded max depth of {MAX_NESTING}")));
        }
        let token = Token { kind, start: mark, end: mark };
        match before {
            Some(number) => self.queue.insert((number.saturating_sub(self.taken)).min(self.queue.len()), token),
            None => self.queue.push_back(token),
        }
        Ok(())
    }

    fn unroll_indent(&mut self, to: usize) {
        self.unroll(isize::try_from(to).unwrap_or(isize::MAX));
    }

    fn unroll(&mut self, to: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > to {
            self.push(TokenKind::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    // Tokens of one or three characters.

    fn indicator(&mut self, kind: TokenKind, width: usize) {
        let start = self.mark;
        (0..width).for_each(|_| self.skip());
        self.push(kind, start);
    }

    fn fetch_stream_end(&mut self) -> Result<(), Error> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(TokenKind::StreamEnd, self.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Error> {
        self.unroll(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_directive()?;
        self.queue.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.unroll(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.indicator(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey { token: self.taken + self.queue.len(), mark: self.mark, ..SimpleKey::default() });
        self.flow_level += 1;
        if self.flow_level > MAX_NESTING {
            return Err(self.fault(self.mark, format!("exceeded max depth of {MAX_NESTING}")));
        }
        self.simple_key_allowed = true;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.by_token.remove(&key.token);
            }
        }
        self.simple_key_allowed = false;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Error> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, TokenKind::BlockSequenceStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Error> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.fault(self.mark, "mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, TokenKind::BlockMappingStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Error> {
        let level = self.simple_keys.len().saturating_sub(1);
        if self.simple_key_valid(level)? {
            let key = self.simple_keys.last().copied().unwrap_or_default();
            let place = key.token.saturating_sub(self.taken).min(self.queue.len());
            self.queue.insert(place, Token { kind: TokenKind::Key, start: key.mark, end: key.mark });
            self.roll_indent(key.mark, Some(key.token), TokenKind::BlockMappingStart)?;
            if let Some(last) = self.simple_keys.last_mut() {
                last.possible = false;
            }
            self.by_token.remove(&key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.fault(self.mark, "mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark, None, TokenKind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.indicator(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_anchor(alias)?;
        self.queue.push_back(token);
        Ok(())
    }
}

fn column(mark: Mark) -> isize {
    isize::try_from(mark.column).unwrap_or(isize::MAX)
}
