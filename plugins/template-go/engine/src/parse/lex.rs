//! Tokens.
//!
//! The rules are those of `text/template/parse`: where spaces count, how trim markers eat text, which line a token is said to
//! be on. Errors are tokens, and the last.
use super::letters::is_alphanumeric;
use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Kind {
    /// A word of the language, `.` included.
    const fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Dot
                | Self::Nil
                | Self::Block
                | Self::Break
                | Self::Continue
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

fn keyword(word: &str) -> Option<Kind> {
    Some(match word {
        "block" => Kind::Block,
        "break" => Kind::Break,
        "continue" => Kind::Continue,
        "define" => Kind::Define,
        "else" => Kind::Else,
        "end" => Kind::End,
        "if" => Kind::If,
        "nil" => Kind::Nil,
        "range" => Kind::Range,
        "template" => Kind::Template,
        "with" => Kind::With,
        "true" | "false" => Kind::Bool,
        _ => return None,
    })
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    /// Byte in the source.
    pub at: usize,
    /// As it stands there, or what is wrong.
    pub text: Cow<'a, str>,
    /// From 1, as Go counts.
    pub line: usize,
}

impl Token<'_> {
    /// As Go shows it in an error.
    pub fn shown(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".into(),
            Kind::Error => self.text.to_string(),
            kind if kind.is_keyword() => format!("<{}>", self.text),
            _ => {
                let short: String = self.text.chars().take(10).collect();
                let quoted = super::quoted(if self.text.len() > 10 { &short } else { &self.text });
                if self.text.len() > 10 { quoted + "..." } else { quoted }
            }
        }
    }
}

/// What the lexer does next.
enum State {
    Text,
    LeftDelim,
    Comment,
    RightDelim,
    Inside,
}

/// Reads.
pub struct Lexer<'a> {
    input: &'a str,
    left: &'a str,
    right: &'a str,
    at: usize,
    start: usize,
    at_end: bool,
    parens: usize,
    line: usize,
    start_line: usize,
    inside: bool,
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// `- ` behind a left delimiter.
fn trims_left(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next() == Some('-') && characters.next().is_some_and(is_space)
}

/// ` -` before a right delimiter.
fn trims_right(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_space) && characters.next() == Some('-')
}

/// Marker and space.
const MARKER: usize = 2;

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

impl<'a> Lexer<'a> {
    /// Of that source; empty delimiters are the usual ones.
    pub fn new(input: &'a str, left: &'a str, right: &'a str) -> Self {
        let left = if left.is_empty() { "{{" } else { left };
        let right = if right.is_empty() { "}}" } else { right };
        Self { input, left, right, at: 0, start: 0, at_end: false, parens: 0, line: 1, start_line: 1, inside: false }
    }

    /// The next token.
    pub fn next_token(&mut self) -> Token<'a> {
        let mut state = if self.inside { State::Inside } else { State::Text };
        loop {
            let step = match state {
                State::Text => self.text(),
                State::LeftDelim => self.left_delim(),
                State::Comment => self.comment(),
                State::RightDelim => self.right_delim(),
                State::Inside => self.inside(),
            };
            match step {
                Ok(token) => return token,
                Err(next) => state = next,
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn pending(&self) -> &'a str {
        self.input.get(self.start..self.at).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let Some(character) = self.rest().chars().next() else {
            self.at_end = true;
            return None;
        };
        self.at += character.len_utf8();
        self.line += usize::from(character == '\n');
        Some(character)
    }

    /// One character back, but not from the end of the input.
    fn back(&mut self) {
        if self.at_end {
            return;
        }
        if let Some(character) = self.input.get(..self.at).and_then(|text| text.chars().next_back()) {
            self.at -= character.len_utf8();
            self.line -= usize::from(character == '\n');
        }
    }

    fn peek(&mut self) -> Option<char> {
        let character = self.next();
        self.back();
        character
    }

    fn token(&mut self, kind: Kind) -> Token<'a> {
        let token = Token { kind, at: self.start, text: Cow::Borrowed(self.pending()), line: self.start_line };
        self.start = self.at;
        self.start_line = self.line;
        token
    }

    fn ignore(&mut self) {
        self.line += newlines(self.pending());
        self.start = self.at;
        self.start_line = self.line;
    }

    fn accept(&mut self, valid: &str) -> bool {
        let there = self.next().is_some_and(|character| valid.contains(character));
        if !there {
            self.back();
        }
        there
    }

    fn accept_run(&mut self, valid: &str) {
        while self.next().is_some_and(|character| valid.contains(character)) {}
        self.back();
    }

    fn error(&mut self, what: impl Into<Cow<'a, str>>) -> Result<Token<'a>, State> {
        let token = Token { kind: Kind::Error, at: self.start, text: what.into(), line: self.start_line };
        self.start = 0;
        self.at = 0;
        self.input = "";
        Ok(token)
    }

    fn text(&mut self) -> Result<Token<'a>, State> {
        let Some(found) = self.rest().find(self.left) else {
            self.at = self.input.len();
            if self.at > self.start {
                self.line += newlines(self.pending());
                return Ok(self.token(Kind::Text));
            }
            return Ok(Token { kind: Kind::Eof, ..self.token(Kind::Eof) });
        };
        if found > 0 {
            self.at += found;
            let behind = self.input.get(self.at + self.left.len()..).unwrap_or_default();
            let trimmed = if trims_left(behind) { self.pending().len() - self.pending().trim_end_matches(is_space).len() } else { 0 };
            self.at -= trimmed;
            self.line += newlines(self.pending());
            let token = self.token(Kind::Text);
            self.at += trimmed;
            self.ignore();
            if !token.text.is_empty() {
                return Ok(token);
            }
        }
        Err(State::LeftDelim)
    }

    /// At a right delimiter, with or without marker.
    fn at_right(&self) -> Option<bool> {
        if trims_right(self.rest()) && self.rest().get(MARKER..).is_some_and(|rest| rest.starts_with(self.right)) {
            return Some(true);
        }
        self.rest().starts_with(self.right).then_some(false)
    }

    fn left_delim(&mut self) -> Result<Token<'a>, State> {
        self.at += self.left.len();
        let marker = if trims_left(self.rest()) { MARKER } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with("/*")) {
            self.at += marker;
            self.ignore();
            return Err(State::Comment);
        }
        let token = self.token(Kind::LeftDelim);
        self.inside = true;
        self.at += marker;
        self.ignore();
        self.parens = 0;
        Ok(token)
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
    }

    fn comment(&mut self) -> Result<Token<'a>, State> {
        self.at += 2;
        let Some(end) = self.rest().find("*/") else { return self.error("unclosed comment") };
        self.at += end + 2;
        let Some(trim) = self.at_right() else { return self.error("comment ends before closing delimiter") };
        self.line += newlines(self.pending());
        self.token(Kind::Text);
        self.at += if trim { MARKER } else { 0 } + self.right.len();
        if trim {
            self.skip_spaces();
        }
        self.ignore();
        Err(State::Text)
    }

    fn right_delim(&mut self) -> Result<Token<'a>, State> {
        let trim = self.at_right() == Some(true);
        if trim {
            self.at += MARKER;
            self.ignore();
        }
        self.at += self.right.len();
        let token = self.token(Kind::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside = false;
        Ok(token)
    }

    fn inside(&mut self) -> Result<Token<'a>, State> {
        if self.at_right().is_some() {
            return if self.parens == 0 { Err(State::RightDelim) } else { self.error("unclosed left paren") };
        }
        let Some(character) = self.next() else { return self.error("unclosed action") };
        match character {
            character if is_space(character) => {
                self.back();
                self.space()
            }
            '=' => Ok(self.token(Kind::Assign)),
            ':' if self.next() == Some('=') => Ok(self.token(Kind::Declare)),
            ':' => self.error("expected :="),
            '|' => Ok(self.token(Kind::Pipe)),
            '"' => self.quoted('"', "unterminated quoted string", Kind::String),
            '\'' => self.quoted('\'', "unterminated character constant", Kind::CharConstant),
            '`' => loop {
                match self.next() {
                    None => return self.error("unterminated raw quoted string"),
                    Some('`') => return Ok(self.token(Kind::RawString)),
                    Some(_) => {}
                }
            },
            '$' => {
                if self.at_terminator() {
                    return Ok(self.token(Kind::Variable));
                }
                self.word(Kind::Variable)
            }
            '.' if self.rest().bytes().next().is_some_and(|next| !next.is_ascii_digit()) => {
                if self.at_terminator() {
                    return Ok(self.token(Kind::Dot));
                }
                self.word(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.back();
                self.number()
            }
            character if is_alphanumeric(character) => {
                self.back();
                self.word(Kind::Identifier)
            }
            '(' => {
                self.parens += 1;
                Ok(self.token(Kind::LeftParen))
            }
            ')' => match self.parens.checked_sub(1) {
                Some(parens) => {
                    self.parens = parens;
                    Ok(self.token(Kind::RightParen))
                }
                None => self.error("unexpected right paren"),
            },
            ' '..='~' => Ok(self.token(Kind::Char)),
            other => self.error(format!("unrecognized character in action: {}", code_point(other))),
        }
    }

    /// A run of spaces; the last belongs to a trim marker where one follows.
    fn space(&mut self) -> Result<Token<'a>, State> {
        let mut count = 0;
        while self.peek().is_some_and(is_space) {
            self.next();
            count += 1;
        }
        let last = self.input.get(self.at.saturating_sub(1)..).unwrap_or_default();
        if trims_right(last) && last.get(MARKER..).is_some_and(|rest| rest.starts_with(self.right)) {
            self.back();
            if count == 1 {
                return Err(State::RightDelim);
            }
        }
        Ok(self.token(Kind::Space))
    }

    /// An identifier, a keyword, a field or a variable.
    fn word(&mut self, kind: Kind) -> Result<Token<'a>, State> {
        let end = loop {
            match self.next() {
                Some(character) if is_alphanumeric(character) => {}
                other => break other,
            }
        };
        self.back();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", end.map_or_else(|| "U+FFFFFFFFFFFFFFFF".into(), code_point)));
        }
        let kind = if kind == Kind::Identifier { keyword(self.pending()).unwrap_or(kind) } else { kind };
        Ok(self.token(kind))
    }

    /// At something that may follow a word.
    fn at_terminator(&mut self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(self.right),
        }
    }

    fn quoted(&mut self, quote: char, unterminated: &'static str, kind: Kind) -> Result<Token<'a>, State> {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.error(unterminated);
                    }
                }
                None | Some('\n') => return self.error(unterminated),
                Some(character) if character == quote => return Ok(self.token(kind)),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Result<Token<'a>, State> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            // Complex: 1+2i, no spaces.
            if !self.scan_number() || !self.pending().ends_with('i') {
                return self.bad_number();
            }
            return Ok(self.token(Kind::Complex));
        }
        Ok(self.token(Kind::Number))
    }

    fn bad_number(&mut self) -> Result<Token<'a>, State> {
        let quoted = super::quoted(self.pending());
        self.error(format!("bad number syntax: {quoted}"))
    }

    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEX: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEX;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits == DECIMAL && self.accept("eE") || digits == HEX && self.accept("pP") {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// `%#U`
fn code_point(character: char) -> String {
    let code = u32::from(character);
    if crate::strconv::is_print(character) { format!("U+{code:04X} '{character}'") } else { format!("U+{code:04X}") }
}
