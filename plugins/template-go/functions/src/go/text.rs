//! Go's `strings` package and the string helpers that sprig takes from goutils, on bytes.

use super::runes::{self, decode, decode_last, is_space, runes};

/// `strings.ToUpper`.
pub fn upper(text: &[u8]) -> Vec<u8> {
    if text.is_ascii() { text.to_ascii_uppercase() } else { runes::map(text, runes::to_upper) }
}

/// `strings.ToLower`.
pub fn lower(text: &[u8]) -> Vec<u8> {
    if text.is_ascii() { text.to_ascii_lowercase() } else { runes::map(text, runes::to_lower) }
}

/// `strings.Title`: a letter after anything that is no letter, digit or underscore becomes title case.
pub fn title(text: &[u8]) -> Vec<u8> {
    let mut after_separator = true;
    runes::map(text, |rune| {
        let mapped = if after_separator { runes::to_title(rune) } else { rune };
        after_separator = if rune.is_ascii() {
            !(rune.is_ascii_alphanumeric() || rune == '_')
        } else {
            !runes::is_letter(rune) && !runes::is_digit(rune) && is_space(rune)
        };
        mapped
    })
}

/// goutils' `Uncapitalize`: the first letter of every word in lower case.
pub fn untitle(text: &[u8]) -> Vec<u8> {
    let mut at_start = true;
    runes::map(text, |rune| {
        if is_space(rune) {
            at_start = true;
            rune
        } else if std::mem::take(&mut at_start) {
            runes::to_lower(rune)
        } else {
            rune
        }
    })
}

/// goutils' `SwapCase`: small letters at the start of a word become title case, others upper case.
pub fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut after_space = true;
    runes::map(text, |rune| {
        if runes::is_upper(rune) || runes::is_title(rune) {
            after_space = false;
            runes::to_lower(rune)
        } else if runes::is_lower(rune) {
            if std::mem::take(&mut after_space) { runes::to_title(rune) } else { runes::to_upper(rune) }
        } else {
            after_space = is_space(rune);
            rune
        }
    })
}

/// goutils' `Initials`, which looks at bytes: one from 0x80 on is written as the Latin-1 letter of that number.
pub fn initials(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_gap = true;
    for rune in text.iter().map(|&byte| char::from(byte)) {
        if is_space(rune) {
            after_gap = true;
        } else if std::mem::take(&mut after_gap) {
            runes::push(&mut out, rune);
        }
    }
    out
}

/// goutils' `DeleteWhiteSpace`, which looks at bytes: where it removes something, every byte from 0x80 on is written as the
/// Latin-1 letter of that number.
pub fn no_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|&byte| is_space(char::from(byte))) {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    for rune in text.iter().map(|&byte| char::from(byte)).filter(|&rune| !is_space(rune)) {
        runes::push(&mut out, rune);
    }
    out
}

/// `strings.TrimSpace`.
pub fn trim_space(text: &[u8]) -> &[u8] {
    trim_by(text, is_space)
}

/// `strings.Trim`: cuts runes of `set` from both ends.
pub fn trim<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let set: Vec<char> = runes(set).map(|(rune, _)| rune).collect();
    trim_by(text, |rune| set.contains(&rune))
}

fn trim_by(mut text: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    while let Some((rune, width)) = decode(text)
        && cut(rune)
    {
        text = text.get(width..).unwrap_or_default();
    }
    while let Some((rune, width)) = decode_last(text)
        && cut(rune)
    {
        text = text.get(..text.len() - width).unwrap_or_default();
    }
    text
}

/// The first place of `needle`.
pub fn index(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

/// `strings.SplitN`: at most `limit` parts, all for a negative limit, none for zero.
pub fn split<'a>(text: &'a [u8], separator: &[u8], limit: i64) -> Vec<&'a [u8]> {
    let limit = match limit {
        0 => return Vec::new(),
        1.. => usize::try_from(limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let mut parts = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        while let Some((_, width)) = decode(rest) {
            if parts.len() + 1 == limit {
                parts.push(rest);
                break;
            }
            let (part, after) = rest.split_at_checked(width).unwrap_or((rest, &[]));
            parts.push(part);
            rest = after;
        }
        return parts;
    }
    let finder = memchr::memmem::Finder::new(separator);
    while parts.len() + 1 < limit {
        let Some(at) = finder.find(rest) else { break };
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// `strings.ReplaceAll`; an empty `old` stands before every rune and at the end. `None` if the result had more than `most`
/// bytes.
pub fn replace(text: &[u8], old: &[u8], new: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    if old.is_empty() {
        loop {
            out.extend_from_slice(new);
            let Some((_, width)) = decode(rest) else { break };
            out.extend_from_slice(rest.get(..width).unwrap_or_default());
            rest = rest.get(width..).unwrap_or_default();
            if out.len() > most {
                return None;
            }
        }
    } else {
        let finder = memchr::memmem::Finder::new(old);
        while let Some(at) = finder.find(rest) {
            out.extend_from_slice(rest.get(..at).unwrap_or_default());
            out.extend_from_slice(new);
            rest = rest.get(at + old.len()..).unwrap_or_default();
            if out.len() > most {
                return None;
            }
        }
        out.extend_from_slice(rest);
    }
    (out.len() <= most).then_some(out)
}

/// goutils' `Abbreviate`: cut to `width` bytes, of which the last three are dots. `offset` is the byte that the result must
/// contain; dots stand before it where the beginning is cut.
pub fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let part = |from: i64, to: i64| {
        let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
        text.get(from..to).unwrap_or_default()
    };
    if text.is_empty() || width < 4 {
        return Vec::new();
    }
    if length <= width {
        return text.to_vec();
    }
    let mut offset = offset.min(length);
    if length - offset < width - 3 {
        offset = length - (width - 3);
    }
    if offset <= 4 {
        return [part(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset.saturating_add(width - 3) < length {
        return [b"...".as_slice(), &abbreviate(part(offset, length), 0, width - 3)].concat();
    }
    [b"...", part(length - (width - 3), length)].concat()
}

/// goutils' `WrapCustom`: breaks at the last space within `width` bytes. Without a space there, a long word is cut if
/// `cut_words` holds, and stands whole if not. `None` if the result had more than `most` bytes.
pub fn wrap(text: &[u8], width: i64, newline: &[u8], cut_words: bool, most: usize) -> Option<Vec<u8>> {
    let newline: &[u8] = if newline.is_empty() { b"\n" } else { newline };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if rest.first() == Some(&b' ') {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let (window, after) = rest.split_at_checked(width).unwrap_or((rest, &[]));
        let space = if after.first() == Some(&b' ') { Some(width) } else { window.iter().rposition(|&byte| byte == b' ') };
        let (line, skipped) = match space {
            Some(at) => (at, at + 1),
            None if cut_words => (width, width),
            None => match after.iter().position(|&byte| byte == b' ') {
                Some(at) => (width + at, width + at + 1),
                None => break,
            },
        };
        out.extend_from_slice(rest.get(..line).unwrap_or_default());
        out.extend_from_slice(newline);
        rest = rest.get(skipped..).unwrap_or_default();
        if out.len() > most {
            return None;
        }
    }
    out.extend_from_slice(rest);
    (out.len() <= most).then_some(out)
}
