//! Camel, snake and kebab case as xstrings 1.5 makes them.
//!
//! Snake and kebab case cut the text into words of one kind (digits, capitals, letters, connectors, punctuation, others) and
//! join them; digits go with the letters around them by rules that are the library's own.

use super::runes::{self, decode, is_number, is_punct, is_space, is_upper};

/// xstrings' `ToPascalCase`: sprig's `camelcase`.
pub fn pascal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut after_capital = false;
    let mut previous = None;
    // Connectors at the start stay.
    while let Some((rune, width)) = decode(rest) {
        rest = rest.get(width..).unwrap_or_default();
        if is_connector(rune) {
            runes::push(&mut out, rune);
            previous = Some(rune);
            continue;
        }
        after_capital = is_upper(rune);
        previous = Some(runes::to_upper(rune));
        break;
    }
    let Some(mut current) = previous else { return out };
    if rest.is_empty() {
        // Where nothing but connectors stood, the last one is written once more.
        runes::push(&mut out, current);
        return out;
    }
    while let Some((rune, width)) = decode(rest) {
        rest = rest.get(width..).unwrap_or_default();
        let before = std::mem::replace(&mut current, rune);
        if is_connector(rune) && is_connector(before) {
            runes::push(&mut out, before);
        } else if is_connector(before) {
            after_capital = is_upper(rune);
            current = runes::to_upper(rune);
        } else {
            if after_capital {
                if is_upper(rune) {
                    current = runes::to_lower(rune);
                } else {
                    after_capital = false;
                }
            }
            runes::push(&mut out, before);
        }
    }
    runes::push(&mut out, current);
    out
}

/// xstrings' `ToSnakeCase` with `_`, `ToKebabCase` with `-`.
pub fn joined_lower(text: &[u8], connector: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    if text.is_empty() {
        return out;
    }
    let mut words = Words { rest: text, connector };
    let (mut kind, mut word) = words.next();
    while !words.rest.is_empty() {
        if kind != Kind::Connector {
            words.write(&mut out, kind, word);
        }
        let (before, last) = (kind, word);
        (kind, word) = words.next();
        match before {
            Kind::Number => {
                (kind, word) = words.write_run(&mut out, kind, word);
                if !matches!(kind, Kind::Invalid | Kind::Punct | Kind::Connector) {
                    out.push(connector);
                }
            }
            Kind::Connector => words.write(&mut out, before, last),
            Kind::Punct => {}
            _ if kind != Kind::Number => {
                if !matches!(kind, Kind::Connector | Kind::Punct) {
                    out.push(connector);
                }
            }
            _ if words.rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word) = words.next();
                if kind == Kind::Alphabet {
                    // Small letters after the digits: the digits begin a word.
                    out.push(connector);
                    words.write(&mut out, Kind::Number, number);
                    (kind, word) = words.write_run(&mut out, kind, word);
                    if !matches!(kind, Kind::Invalid | Kind::Connector | Kind::Punct) {
                        out.push(connector);
                    }
                } else {
                    words.write(&mut out, Kind::Number, number);
                    if !matches!(kind, Kind::Connector | Kind::Punct) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    words.write(&mut out, kind, word);
    out
}

fn is_connector(rune: char) -> bool {
    rune == '-' || rune == '_' || is_space(rune)
}

/// Letters but for most Chinese, Japanese and Korean ones.
fn is_alphabet(rune: char) -> bool {
    runes::is_letter(rune) && !matches!(u32::from(rune), 0x3400..=0x4d85 | 0x4e00..=0x9fcc | 0x2_0000..=0x2_b81d)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

struct Words<'a> {
    rest: &'a [u8],
    connector: u8,
}

impl<'a> Words<'a> {
    /// The next word and its kind; bytes that are no UTF-8 belong to the rune after them.
    fn next(&mut self) -> (Kind, &'a [u8]) {
        let text = self.rest;
        let (first, mut end) = next_valid(text, runes::ERROR);
        if first == runes::ERROR {
            let word = self.take(end);
            return (Kind::Invalid, word);
        }
        let extend = |end: &mut usize, within: &dyn Fn(char) -> bool| {
            let mut last = first;
            while let Some(rest) = text.get(*end..).filter(|rest| !rest.is_empty()) {
                let (rune, width) = next_valid(rest, last);
                last = rune;
                if width == 0 || !within(rune) {
                    break;
                }
                *end += width;
            }
        };
        let kind = if is_connector(first) {
            extend(&mut end, &is_connector);
            Kind::Connector
        } else if is_punct(first) {
            extend(&mut end, &is_punct);
            Kind::Punct
        } else if is_upper(first) {
            self.capitals(first, &mut end);
            Kind::Upper
        } else if is_alphabet(first) {
            extend(&mut end, &|rune| is_alphabet(rune) && !is_upper(rune));
            Kind::Alphabet
        } else if is_number(first) {
            extend(&mut end, &is_number);
            Kind::Number
        } else {
            extend(&mut end, &|rune| !(is_connector(rune) || is_alphabet(rune) || is_number(rune) || is_punct(rune)));
            Kind::Other
        };
        (kind, self.take(end))
    }

    /// A word that begins with a capital: `HTTP` of `HTTPServer`, `Server` of `ServerName`.
    fn capitals(&self, first: char, end: &mut usize) {
        let at = |end: usize, last: char| self.rest.get(end..).filter(|rest| !rest.is_empty()).map(|rest| next_valid(rest, last));
        let Some((mut rune, mut width)) = at(*end, first) else { return };
        if is_upper(rune) {
            let mut last_width = width;
            *end += width;
            while let Some(next) = at(*end, rune) {
                (rune, width) = next;
                if !is_upper(rune) {
                    break;
                }
                last_width = width;
                *end += width;
            }
            // The last capital begins the next word, if small letters follow.
            if *end < self.rest.len() && is_alphabet(rune) {
                *end -= last_width;
            }
        } else if is_alphabet(rune) {
            *end += width;
            while let Some(next) = at(*end, rune) {
                (rune, width) = next;
                if !is_alphabet(rune) || is_upper(rune) {
                    break;
                }
                *end += width;
            }
        }
    }

    fn take(&mut self, end: usize) -> &'a [u8] {
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        word
    }

    /// Writes words while they are letters or digits; the first other word.
    fn write_run(&mut self, out: &mut Vec<u8>, mut kind: Kind, mut word: &'a [u8]) -> (Kind, &'a [u8]) {
        while matches!(kind, Kind::Alphabet | Kind::Number) {
            self.write(out, kind, word);
            (kind, word) = self.next();
        }
        (kind, word)
    }

    fn write(&self, out: &mut Vec<u8>, kind: Kind, word: &[u8]) {
        if !matches!(kind, Kind::Upper | Kind::Connector) {
            out.extend_from_slice(word);
            return;
        }
        for (rune, _) in runes::runes(word) {
            if is_connector(rune) {
                out.push(self.connector);
            } else if is_upper(rune) {
                runes::push(out, runes::to_lower(rune));
            } else {
                runes::push(out, rune);
            }
        }
    }
}

/// The next rune that is valid, and the bytes up to its end; `last` if none is.
fn next_valid(text: &[u8], last: char) -> (char, usize) {
    let mut size = 0;
    let mut rest = text;
    while let Some((rune, width)) = decode(rest) {
        size += width;
        if rune != runes::ERROR {
            return (rune, size);
        }
        rest = rest.get(width..).unwrap_or_default();
    }
    (last, size)
}
