//! The syntax of Go's regular expressions, read into the program form of `regex-automata`.
//!
//! Written beside the parser of that crate because the two languages differ: Go has no `\<`, no class operators and no `x`
//! flag, reads `\Q…\E` and octal escapes, takes `{,2}` as text, and refuses more than a thousand repetitions. Every error has
//! Go's words. Nothing recurses: groups are a stack.

use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use super::classes;
use crate::go::{error::GoError, runes};

/// Go's bound on repetitions, alone or nested.
const MOST_REPEATS: u32 = 1000;
/// How deep an expression may nest. Go allows 1,000, which a sandbox's stack doesn't hold.
const MOST_DEPTH: u32 = 250;

/// A parsed expression.
pub struct Parsed {
    /// What to compile; groups are numbered from 1.
    pub hir: Hir,
    /// The name of each group, by number; group 0 is the whole.
    pub names: Vec<Option<String>>,
}

/// Reads an expression.
pub fn parse(pattern: &[u8]) -> Result<Parsed, GoError> {
    let mut parser = Parser { whole: pattern, flags: Flags::default(), stack: vec![Frame::default()], names: vec![None] };
    parser.run()?;
    let names = std::mem::take(&mut parser.names);
    Ok(Parsed { hir: parser.finish()?, names })
}

fn fault(code: &'static str, expr: &[u8]) -> GoError {
    GoError::new("error parsing regexp: ").text(code).text(": ").quote([b"`", expr, b"`"].concat())
}

#[derive(Clone, Copy)]
struct Flags {
    fold: bool,
    one_line: bool,
    dot_newline: bool,
    lazy: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { fold: false, one_line: true, dot_newline: false, lazy: false }
    }
}

struct Node {
    hir: Hir,
    depth: u32,
    repeats: u32,
}

impl Node {
    fn leaf(hir: Hir) -> Self {
        Self { hir, depth: 1, repeats: 1 }
    }

    /// Several nodes under one, or the single one itself.
    fn join(mut nodes: Vec<Self>, make: fn(Vec<Hir>) -> Hir) -> Self {
        if nodes.len() == 1
            && let Some(node) = nodes.pop()
        {
            return node;
        }
        let depth = nodes.iter().map(|node| node.depth).max().unwrap_or(0) + 1;
        let repeats = nodes.iter().map(|node| node.repeats).max().unwrap_or(1);
        Self { hir: make(nodes.into_iter().map(|node| node.hir).collect()), depth, repeats }
    }
}

/// An open group: finished alternatives and the one being read.
#[derive(Default)]
struct Frame {
    flags_outside: Flags,
    capture: Option<u32>,
    alternatives: Vec<Node>,
    sequence: Vec<Node>,
}

impl Frame {
    fn close(mut self) -> Node {
        self.alternatives.push(Node::join(self.sequence, Hir::concat));
        Node::join(self.alternatives, Hir::alternation)
    }
}

struct Parser<'a> {
    whole: &'a [u8],
    flags: Flags,
    stack: Vec<Frame>,
    names: Vec<Option<String>>,
}

/// The rest of the text and what was read off its front.
type Read<'a, T> = Result<(T, &'a [u8]), GoError>;

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), GoError> {
        let mut rest = self.whole;
        // Where the last repetition operator began, if it was the item just read.
        let mut last_repeat: Option<&[u8]> = None;
        while let Some(&first) = rest.first() {
            let mut repeat = None;
            let tail = rest.get(1..).unwrap_or_default();
            rest = match first {
                b'(' if tail.first() == Some(&b'?') => self.perl_group(rest)?,
                b'(' => {
                    self.open_capture(None)?;
                    tail
                }
                b'|' => {
                    if let Some(frame) = self.stack.last_mut() {
                        let sequence = std::mem::take(&mut frame.sequence);
                        frame.alternatives.push(Node::join(sequence, Hir::concat));
                    }
                    tail
                }
                b')' => {
                    self.close_group()?;
                    tail
                }
                b'^' => {
                    self.push(Hir::look(if self.flags.one_line { Look::Start } else { Look::StartLF }));
                    tail
                }
                b'$' => {
                    self.push(Hir::look(if self.flags.one_line { Look::End } else { Look::EndLF }));
                    tail
                }
                b'.' => {
                    let dot = if self.flags.dot_newline { classes::any() } else { classes::any_but_newline() };
                    self.push_class(dot);
                    tail
                }
                b'[' => self.class(rest)?,
                b'*' | b'+' | b'?' => {
                    let (min, max) = match first {
                        b'*' => (0, None),
                        b'+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    repeat = Some(rest);
                    self.repeat(min, max, rest, tail, last_repeat, false)?
                }
                b'{' => match counted(rest) {
                    None => {
                        self.literal('{');
                        tail
                    }
                    Some((bounds, after)) => {
                        let shown = before(rest, after);
                        let (min, max) = bounds
                            .filter(|&(min, max)| min <= MOST_REPEATS && max.is_none_or(|max| max <= MOST_REPEATS && min <= max))
                            .ok_or_else(|| fault("invalid repeat count", shown))?;
                        repeat = Some(rest);
                        self.repeat(min, max, rest, after, last_repeat, true)?
                    }
                },
                b'\\' => self.escape(rest)?,
                _ => {
                    let (rune, rest) = next(rest)?;
                    self.literal(rune);
                    rest
                }
            };
            last_repeat = repeat;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Hir, GoError> {
        match (self.stack.pop(), self.stack.is_empty()) {
            (Some(frame), true) => {
                let node = frame.close();
                if node.depth > MOST_DEPTH { Err(self.too_deep()) } else { Ok(node.hir) }
            }
            _ => Err(fault("missing closing )", self.whole)),
        }
    }

    fn too_deep(&self) -> GoError {
        fault("expression nests too deeply (more than 250 levels)", self.whole)
    }

    fn push_node(&mut self, node: Node) {
        if let Some(frame) = self.stack.last_mut() {
            frame.sequence.push(node);
        }
    }

    fn push(&mut self, hir: Hir) {
        self.push_node(Node::leaf(hir));
    }

    fn push_class(&mut self, class: ClassUnicode) {
        self.push(Hir::class(Class::Unicode(class)));
    }

    fn literal(&mut self, rune: char) {
        self.literal_code(u32::from(rune));
    }

    fn literal_code(&mut self, code: u32) {
        // A surrogate is a legal escape that no text holds.
        let Some(rune) = char::from_u32(code) else { return self.push(Hir::fail()) };
        if self.flags.fold {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(rune, rune)]);
            classes::fold(&mut class);
            self.push_class(class);
        } else {
            self.push(Hir::literal(rune.encode_utf8(&mut [0; 4]).as_bytes()));
        }
    }

    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        operator: &[u8],
        mut after: &'a [u8],
        last: Option<&[u8]>,
        counted: bool,
    ) -> Result<&'a [u8], GoError> {
        let mut greedy = !self.flags.lazy;
        if let Some((b'?', rest)) = after.split_first() {
            after = rest;
            greedy = !greedy;
        }
        if let Some(last) = last {
            return Err(fault("invalid nested repetition operator", before(last, after)));
        }
        let Some(node) = self.stack.last_mut().and_then(|frame| frame.sequence.pop()) else {
            return Err(fault("missing argument to repetition operator", before(operator, after)));
        };
        let mut repeats = node.repeats;
        if counted {
            match max {
                Some(0) => repeats = 1,
                Some(count) => repeats = repeats.saturating_mul(count.max(1)),
                None => repeats = repeats.saturating_mul(min.max(1)),
            }
            if (min >= 2 || max.is_some_and(|max| max >= 2)) && repeats > MOST_REPEATS {
                return Err(fault("invalid repeat count", before(operator, after)));
            }
        }
        let depth = node.depth + 1;
        if depth > MOST_DEPTH {
            return Err(self.too_deep());
        }
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(node.hir) });
        self.push_node(Node { hir, depth, repeats });
        Ok(after)
    }

    fn open_capture(&mut self, name: Option<String>) -> Result<(), GoError> {
        let index = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name);
        self.open(self.flags, Some(index))
    }

    fn open(&mut self, flags_outside: Flags, capture: Option<u32>) -> Result<(), GoError> {
        if self.stack.len() > MOST_DEPTH as usize {
            return Err(self.too_deep());
        }
        self.stack.push(Frame { flags_outside, capture, ..Frame::default() });
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), GoError> {
        if self.stack.len() < 2 {
            return Err(fault("unexpected )", self.whole));
        }
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        self.flags = frame.flags_outside;
        let capture = frame.capture;
        let mut node = frame.close();
        if let Some(index) = capture {
            node.depth += 1;
            node.hir = Hir::capture(Capture { index, name: None, sub: Box::new(node.hir) });
        }
        if node.depth > MOST_DEPTH {
            return Err(self.too_deep());
        }
        self.push_node(node);
        Ok(())
    }

    /// `(?flags)`, `(?flags:…)`, `(?P<name>…)` and `(?<name>…)`.
    fn perl_group(&mut self, text: &'a [u8]) -> Result<&'a [u8], GoError> {
        let name_at = if text.len() > 4 && text.starts_with(b"(?P<") {
            Some(4)
        } else if text.len() > 3 && text.starts_with(b"(?<") {
            Some(3)
        } else {
            None
        };
        if let Some(start) = name_at {
            let Some(end) = text.iter().position(|&byte| byte == b'>') else {
                check_utf8(text)?;
                return Err(fault("invalid named capture", text));
            };
            let name = text.get(start..end).unwrap_or_default();
            check_utf8(name)?;
            if name.is_empty() || !name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
                return Err(fault("invalid named capture", text.get(..=end).unwrap_or_default()));
            }
            self.open_capture(Some(String::from_utf8_lossy(name).into_owned()))?;
            return Ok(text.get(end + 1..).unwrap_or_default());
        }
        let mut rest = text.get(2..).unwrap_or_default();
        let mut flags = self.flags;
        let mut set = true;
        let mut saw_flag = false;
        while !rest.is_empty() {
            let (rune, after) = next(rest)?;
            rest = after;
            match rune {
                'i' => flags.fold = set,
                'm' => flags.one_line = !set,
                's' => flags.dot_newline = set,
                'U' => flags.lazy = set,
                '-' if set => {
                    set = false;
                    saw_flag = false;
                    continue;
                }
                ':' | ')' if set || saw_flag => {
                    if rune == ':' {
                        self.open(self.flags, None)?;
                    }
                    self.flags = flags;
                    return Ok(rest);
                }
                _ => break,
            }
            saw_flag = true;
        }
        Err(fault("invalid or unsupported Perl syntax", before(text, rest)))
    }

    fn escape(&mut self, text: &'a [u8]) -> Result<&'a [u8], GoError> {
        let after = text.get(2..).unwrap_or_default();
        match text.get(1) {
            Some(b'A') => self.push(Hir::look(Look::Start)),
            Some(b'z') => self.push(Hir::look(Look::End)),
            Some(b'b') => self.push(Hir::look(Look::WordAscii)),
            Some(b'B') => self.push(Hir::look(Look::WordAsciiNegate)),
            Some(b'C') => return Err(fault("invalid escape sequence", text.get(..2).unwrap_or_default())),
            Some(b'Q') => {
                let (mut literal, rest) = match memchr::memmem::find(after, b"\\E") {
                    Some(at) => (after.get(..at).unwrap_or_default(), after.get(at + 2..).unwrap_or_default()),
                    None => (after, &[][..]),
                };
                while !literal.is_empty() {
                    let (rune, tail) = next(literal)?;
                    self.literal(rune);
                    literal = tail;
                }
                return Ok(rest);
            }
            _ => {
                if let Some((class, rest)) = self.class_escape(text)? {
                    self.push_class(class);
                    return Ok(rest);
                }
                let (code, rest) = single_escape(text)?;
                self.literal_code(code);
                return Ok(rest);
            }
        }
        Ok(after)
    }

    /// `\d`, `\pN`, `\p{Greek}` and their like.
    fn class_escape(&self, text: &'a [u8]) -> Result<Option<(ClassUnicode, &'a [u8])>, GoError> {
        let after = text.get(2..).unwrap_or_default();
        match (text.first(), text.get(1)) {
            (Some(b'\\'), Some(b'p' | b'P')) => self.unicode_class(text).map(Some),
            (Some(b'\\'), Some(&letter)) => Ok(classes::perl(letter, self.flags.fold).map(|class| (class, after))),
            _ => Ok(None),
        }
    }

    fn unicode_class(&self, text: &'a [u8]) -> Read<'a, ClassUnicode> {
        let mut negate = text.get(1) == Some(&b'P');
        let tail = text.get(2..).unwrap_or_default();
        if tail.is_empty() {
            // As Go has it: `\p` at the end is an escape that there is not.
            return Err(fault("invalid character class range", text));
        }
        let (first, after) = next(tail)?;
        let (shown, name, rest) = if first == '{' {
            let Some(end) = text.iter().position(|&byte| byte == b'}') else {
                check_utf8(text)?;
                return Err(fault("invalid character class range", text));
            };
            let name = text.get(3..end).unwrap_or_default();
            check_utf8(name)?;
            (text.get(..=end).unwrap_or_default(), name, text.get(end + 1..).unwrap_or_default())
        } else {
            let shown = before(text, after);
            (shown, shown.get(2..).unwrap_or_default(), after)
        };
        let name = match name.split_first() {
            Some((b'^', name)) => {
                negate = !negate;
                name
            }
            _ => name,
        };
        let mut class = classes::named(name).ok_or_else(|| fault("invalid character class range", shown))?;
        if self.flags.fold {
            classes::fold(&mut class);
        }
        if negate {
            class.negate();
        }
        Ok((class, rest))
    }

    /// `[…]`.
    fn class(&mut self, text: &'a [u8]) -> Result<&'a [u8], GoError> {
        let mut rest = text.get(1..).unwrap_or_default();
        let mut class = ClassUnicode::empty();
        let negate = rest.first() == Some(&b'^');
        if negate {
            rest = rest.get(1..).unwrap_or_default();
        }
        let mut first = true;
        while first || rest.first() != Some(&b']') {
            first = false;
            if rest.starts_with(b"[:")
                && let Some(end) = rest.get(2..).and_then(|tail| memchr::memmem::find(tail, b":]"))
            {
                let name = rest.get(..end + 4).unwrap_or_default();
                let named = classes::posix(name, self.flags.fold).ok_or_else(|| fault("invalid character class range", name))?;
                class.union(&named);
                rest = rest.get(end + 4..).unwrap_or_default();
                continue;
            }
            if let Some((named, after)) = self.class_escape(rest)? {
                class.union(&named);
                rest = after;
                continue;
            }
            let start = rest;
            let (low, after) = class_rune(rest, text)?;
            rest = after;
            let mut high = low;
            if rest.len() >= 2 && rest.first() == Some(&b'-') && rest.get(1) != Some(&b']') {
                (high, rest) = class_rune(rest.get(1..).unwrap_or_default(), text)?;
                if high < low {
                    return Err(fault("invalid character class range", before(start, rest)));
                }
            }
            let mut range = classes::range(low, high);
            if self.flags.fold {
                classes::fold(&mut range);
            }
            class.union(&range);
        }
        if negate {
            class.negate();
        }
        self.push_class(class);
        Ok(rest.get(1..).unwrap_or_default())
    }
}

/// What was read: the front of `text` up to where `rest` begins.
fn before<'t>(text: &'t [u8], rest: &[u8]) -> &'t [u8] {
    text.get(..text.len().saturating_sub(rest.len())).unwrap_or_default()
}

fn next(text: &[u8]) -> Read<'_, char> {
    match runes::decode(text) {
        Some((rune, width)) if rune != runes::ERROR || width > 1 => Ok((rune, text.get(width..).unwrap_or_default())),
        _ => Err(fault("invalid UTF-8", text)),
    }
}

fn check_utf8(text: &[u8]) -> Result<(), GoError> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(fault("invalid UTF-8", text.get(error.valid_up_to()..).unwrap_or_default())),
    }
}

fn class_rune<'t>(text: &'t [u8], whole: &[u8]) -> Read<'t, u32> {
    match text.first() {
        None => Err(fault("missing closing ]", whole)),
        Some(b'\\') => single_escape(text),
        Some(_) => next(text).map(|(rune, rest)| (u32::from(rune), rest)),
    }
}

/// An escape that stands for one rune; the number may be a surrogate's.
fn single_escape(text: &[u8]) -> Read<'_, u32> {
    let tail = text.get(1..).unwrap_or_default();
    if tail.is_empty() {
        return Err(fault("trailing backslash at end of expression", b""));
    }
    let (rune, mut rest) = next(tail)?;
    let octal = |rest: &[u8]| rest.first().filter(|digit| (b'0'..=b'7').contains(digit)).map(|digit| u32::from(digit - b'0'));
    let code = match rune {
        // A single digit from 1 would be a back reference.
        '0' => Some(0),
        '1'..='7' if octal(rest).is_some() => rune.to_digit(8),
        'x' => return hex_escape(text, rest),
        'a' => return Ok((7, rest)),
        'f' => return Ok((12, rest)),
        'n' => return Ok((10, rest)),
        'r' => return Ok((13, rest)),
        't' => return Ok((9, rest)),
        'v' => return Ok((11, rest)),
        _ if rune.is_ascii() && !rune.is_ascii_alphanumeric() => return Ok((u32::from(rune), rest)),
        _ => None,
    };
    let Some(mut code) = code else { return Err(fault("invalid escape sequence", before(text, rest))) };
    for _ in 1..3 {
        let Some(digit) = octal(rest) else { break };
        code = code * 8 + digit;
        rest = rest.get(1..).unwrap_or_default();
    }
    Ok((code, rest))
}

fn hex_escape<'t>(text: &'t [u8], mut rest: &'t [u8]) -> Read<'t, u32> {
    let invalid = |rest: &[u8]| fault("invalid escape sequence", before(text, rest));
    if rest.is_empty() {
        return Err(invalid(rest));
    }
    let (first, after) = next(rest)?;
    rest = after;
    if first != '{' {
        let (second, after) = next(rest)?;
        return match (first.to_digit(16), second.to_digit(16)) {
            (Some(high), Some(low)) => Ok((high * 16 + low, after)),
            _ => Err(invalid(after)),
        };
    }
    let mut code = 0;
    let mut digits = 0;
    loop {
        if rest.is_empty() {
            return Err(invalid(rest));
        }
        let (rune, after) = next(rest)?;
        rest = after;
        if rune == '}' {
            return if digits > 0 { Ok((code, rest)) } else { Err(invalid(rest)) };
        }
        let digit = rune.to_digit(16).ok_or_else(|| invalid(rest))?;
        code = code * 16 + digit;
        if code > u32::from(char::MAX) {
            return Err(invalid(rest));
        }
        digits += 1;
    }
}

/// `{2}`, `{2,}`, `{2,5}`: the bounds and the rest; `None` if the brace is text, no bounds if a number is too large to read.
#[allow(clippy::type_complexity, reason = "the two levels mean different things")]
fn counted(text: &[u8]) -> Option<(Option<(u32, Option<u32>)>, &[u8])> {
    let (min, rest) = integer(text.get(1..)?)?;
    let (max, rest) = match rest.split_first()? {
        (b',', rest) if rest.first()? == &b'}' => (None, rest),
        (b',', rest) => {
            let (max, rest) = integer(rest)?;
            (Some(max), rest)
        }
        _ => (Some(min), rest),
    };
    let (b'}', rest) = rest.split_first()? else { return None };
    let bounds = match (min, max) {
        (Some(min), None) => Some((min, None)),
        (Some(min), Some(Some(max))) => Some((min, Some(max))),
        _ => None,
    };
    Some((bounds, rest))
}

/// Digits without a leading zero; no number if there are too many.
fn integer(text: &[u8]) -> Option<(Option<u32>, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || (length > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let (digits, rest) = text.split_at_checked(length)?;
    let number = (length <= 8).then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')));
    Some((number, rest))
}
