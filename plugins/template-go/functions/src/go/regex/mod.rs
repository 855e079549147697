//! Go's `regexp` package: its syntax and its ways to walk over matches, on the automata of `regex-automata`, which take time
//! linear in the text.
//!
//! Go reads a byte that is no UTF-8 as U+FFFD of width one. Such a text is searched in a copy with U+FFFD in those places, and
//! every offset is mapped back.

use std::{borrow::Cow, cell::RefCell, rc::Rc};

use regex_automata::{
    Input,
    nfa::thompson::{
        self,
        pikevm::{self, PikeVM},
    },
    util::captures::Captures,
};

use super::{error::GoError, runes};

mod classes;
mod parse;

/// Bytes that a compiled expression may take, so that one of nested counts doesn't fill the sandbox.
const MOST_PROGRAM: usize = 8 << 20;
/// Compiled expressions kept, so that one in a loop is compiled once.
const KEPT: usize = 16;

/// A compiled expression.
pub struct Regex {
    // Of the automata the smallest in code: what is searched in a template is short.
    program: PikeVM,
    // Kept for the next search; a search never calls another.
    cache: RefCell<pikevm::Cache>,
    names: Vec<Option<String>>,
}

thread_local! {
    static CACHE: RefCell<Vec<(Vec<u8>, Rc<Regex>)>> = const { RefCell::new(Vec::new()) };
}

/// Compiles an expression, or takes it from those of late.
pub fn compile(pattern: &[u8]) -> Result<Rc<Regex>, GoError> {
    let kept = CACHE.with_borrow(|cache| cache.iter().find(|(key, _)| key == pattern).map(|(_, regex)| Rc::clone(regex)));
    if let Some(regex) = kept {
        return Ok(regex);
    }
    let parse::Parsed { hir, names } = parse::parse(pattern)?;
    let too_large = || {
        GoError::new("error parsing regexp: expression too large (more than 8 MiB when compiled): ").quote([b"`", pattern, b"`"].concat())
    };
    let config = thompson::Config::new().nfa_size_limit(Some(MOST_PROGRAM));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&hir).map_err(|_| too_large())?;
    let program = PikeVM::new_from_nfa(nfa).map_err(|_| too_large())?;
    let cache = RefCell::new(program.create_cache());
    let regex = Rc::new(Regex { program, cache, names });
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= KEPT {
            cache.remove(0);
        }
        cache.push((pattern.to_vec(), Rc::clone(&regex)));
    });
    Ok(regex)
}

/// A text made valid UTF-8, with the places where that took a byte's place.
struct Haystack<'t> {
    text: Cow<'t, [u8]>,
    replaced: Vec<usize>,
}

impl<'t> Haystack<'t> {
    fn new(text: &'t [u8]) -> Self {
        if std::str::from_utf8(text).is_ok() {
            return Self { text: Cow::Borrowed(text), replaced: Vec::new() };
        }
        let mut valid = Vec::with_capacity(text.len() + 2);
        let mut replaced = Vec::new();
        for (rune, width) in runes::runes(text) {
            if rune == runes::ERROR && width == 1 {
                replaced.push(valid.len());
            }
            runes::push(&mut valid, rune);
        }
        Self { text: Cow::Owned(valid), replaced }
    }

    /// Where an offset lies in the text as it was.
    fn original(&self, offset: usize) -> usize {
        // U+FFFD has three bytes, the byte in whose place it stands is one.
        offset - 2 * self.replaced.partition_point(|&at| at < offset)
    }

    /// The width of the rune at an offset, zero at the end.
    fn width(&self, offset: usize) -> usize {
        self.text.get(offset..).and_then(runes::decode).map_or(0, |(_, width)| width)
    }
}

impl Regex {
    /// Whether the text has a match.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.program.is_match(&mut self.cache.borrow_mut(), &*Haystack::new(text).text)
    }

    /// The first match, empty if there is none.
    pub fn find<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        self.find_all(text, 1).first().copied().unwrap_or_default()
    }

    /// At most `limit` matches, all for a negative limit.
    pub fn find_all<'t>(&self, text: &'t [u8], limit: i64) -> Vec<&'t [u8]> {
        self.all(text, limit).into_iter().map(|(start, end)| text.get(start..end).unwrap_or_default()).collect()
    }

    fn all(&self, text: &[u8], limit: i64) -> Vec<(usize, usize)> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let haystack = Haystack::new(text);
        let mut found = Vec::new();
        let mut position = 0;
        let mut previous_end = None;
        let mut captures = Captures::matches(self.program.get_nfa().group_info().clone());
        while found.len() < limit && position <= haystack.text.len() {
            let input = Input::new(&*haystack.text).range(position..);
            self.program.search(&mut self.cache.borrow_mut(), &input, &mut captures);
            let Some(span) = captures.get_match() else { break };
            // An empty match right behind another doesn't count.
            let empty = span.end() == position;
            let accepted = !(empty && previous_end == Some(span.start()));
            if empty {
                let width = haystack.width(position);
                position = if width > 0 { position + width } else { haystack.text.len() + 1 };
            } else {
                position = span.end();
            }
            previous_end = Some(span.end());
            if accepted {
                found.push((haystack.original(span.start()), haystack.original(span.end())));
            }
        }
        found
    }

    /// The groups of each match, by number from 0; `None` for one that took no part.
    pub fn groups<'t>(&self, text: &'t str) -> Vec<Vec<Option<&'t str>>> {
        let mut cache = self.cache.borrow_mut();
        let groups = self.program.captures_iter(&mut cache, text);
        groups.map(|groups| groups.iter().map(|span| span.and_then(|span| text.get(span.range()))).collect()).collect()
    }

    /// Go's `Split`: at most `limit` parts, all for a negative limit, `None` for zero.
    pub fn split<'t>(&self, text: &'t [u8], limit: i64, pattern_is_empty: bool) -> Option<Vec<&'t [u8]>> {
        if limit == 0 {
            return None;
        }
        if !pattern_is_empty && text.is_empty() {
            return Some(vec![text]);
        }
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        let (mut begin, mut end) = (0, 0);
        for (start, stop) in self.all(text, limit) {
            if parts.len() + 1 >= most {
                break;
            }
            end = start;
            if stop != 0 {
                parts.push(text.get(begin..end).unwrap_or_default());
            }
            begin = stop;
        }
        if end != text.len() {
            parts.push(text.get(begin..).unwrap_or_default());
        }
        Some(parts)
    }

    /// Go's `ReplaceAll`, or `ReplaceAllLiteral` with `literal`. `None` if the result had more than `most` bytes.
    pub fn replace_all(&self, text: &[u8], replacement: &[u8], literal: bool, most: usize) -> Option<Vec<u8>> {
        let literal = literal || !replacement.contains(&b'$');
        let haystack = Haystack::new(text);
        let mut captures = self.program.create_captures();
        let mut out = Vec::with_capacity(text.len());
        let (mut last_end, mut position) = (0, 0);
        while position <= haystack.text.len() {
            let input = Input::new(&*haystack.text).range(position..);
            self.program.search(&mut self.cache.borrow_mut(), &input, &mut captures);
            let Some(span) = captures.get_match() else { break };
            let unmatched = haystack.original(last_end)..haystack.original(span.start());
            out.extend_from_slice(text.get(unmatched).unwrap_or_default());
            if span.end() > last_end || span.start() == 0 {
                if literal {
                    out.extend_from_slice(replacement);
                } else {
                    self.expand(&mut out, replacement, text, &haystack, &captures);
                }
            }
            last_end = span.end();
            let width = haystack.width(position);
            position = if position + width > span.end() {
                position + width
            } else if position + 1 > span.end() {
                position + 1
            } else {
                span.end()
            };
            if out.len() > most {
                return None;
            }
        }
        out.extend_from_slice(text.get(haystack.original(last_end)..).unwrap_or_default());
        (out.len() <= most).then_some(out)
    }

    /// Fills `$1`, `${1}`, `$name`, `${name}` and `$$` in; a name is as long as it can be, so `$1W` is the group `1W`.
    fn expand(&self, out: &mut Vec<u8>, mut template: &[u8], text: &[u8], haystack: &Haystack<'_>, captures: &Captures) {
        while let Some(at) = template.iter().position(|&byte| byte == b'$') {
            out.extend_from_slice(template.get(..at).unwrap_or_default());
            template = template.get(at + 1..).unwrap_or_default();
            if let Some((b'$', rest)) = template.split_first() {
                out.push(b'$');
                template = rest;
            } else if let Some((name, rest)) = reference(template) {
                self.group(out, name, text, haystack, captures);
                template = rest;
            } else {
                out.push(b'$');
            }
        }
        out.extend_from_slice(template);
    }

    fn group(&self, out: &mut Vec<u8>, name: &[u8], text: &[u8], haystack: &Haystack<'_>, captures: &Captures) {
        let span = match number(name) {
            Some(index) => captures.get_group(index),
            None => (0..)
                .zip(&self.names)
                .filter(|(_, own)| own.as_deref().is_some_and(|own| own.as_bytes() == name))
                .find_map(|(index, _)| captures.get_group(index)),
        };
        if let Some(span) = span {
            let (start, end) = (haystack.original(span.start), haystack.original(span.end));
            out.extend_from_slice(text.get(start..end).unwrap_or_default());
        }
    }
}

/// The name behind a `$` and what follows it.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (braced, text) = match text.split_first()? {
        (b'{', rest) => (true, rest),
        _ => (false, text),
    };
    let length: usize = runes::runes(text)
        .take_while(|&(rune, _)| rune == '_' || runes::is_letter(rune) || runes::is_digit(rune))
        .map(|(_, width)| width)
        .sum();
    if length == 0 {
        return None;
    }
    let (name, rest) = text.split_at_checked(length)?;
    if !braced {
        return Some((name, rest));
    }
    match rest.split_first()? {
        (b'}', rest) => Some((name, rest)),
        _ => None,
    }
}

/// A name that is a number without leading zeros.
fn number(name: &[u8]) -> Option<usize> {
    let digits = name.iter().all(u8::is_ascii_digit) && (name.len() == 1 || name.first() != Some(&b'0')) && name.len() <= 9;
    digits.then(|| name.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

/// Go's `QuoteMeta`.
pub fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if br"\.+*?()|[]{}^$".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out
}
