//! Quoted strings and characters.

/// First character of bytes that may not be UTF-8, and its length: U+FFFD and 1 where they are not, as Go decodes.
pub fn decode_rune(bytes: &[u8]) -> (char, usize) {
    match bytes.first() {
        None => ('\u{fffd}', 0),
        Some(byte) if byte.is_ascii() => (char::from(*byte), 1),
        Some(_) => {
            let window = bytes.get(..4).unwrap_or(bytes);
            let text = match std::str::from_utf8(window) {
                Ok(text) => text,
                Err(error) => window.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default(),
            };
            text.chars().next().map_or(('\u{fffd}', 1), |first| (first, first.len_utf8()))
        }
    }
}

/// `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // The standard library escapes what it holds for unprintable, and behind a first character no mark because it combines.
    let mut text = [0; 5];
    text[0] = b'a';
    let length = character.encode_utf8(&mut text[1..]).len();
    text.get(..=length).and_then(|text| std::str::from_utf8(text).ok()).is_some_and(|text| text.escape_debug().nth(1) == Some(character))
}

/// UTF-8 of a character.
pub fn push_rune(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(out: &mut Vec<u8>, character: char, quote: char, ascii: bool) {
    let code = u32::from(character);
    if character == quote || character == '\\' {
        out.push(b'\\');
        push_rune(out, character);
        return;
    }
    if is_print(character) && (!ascii || character.is_ascii()) {
        push_rune(out, character);
        return;
    }
    let short = match character {
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        _ => "",
    };
    if !short.is_empty() {
        out.extend_from_slice(short.as_bytes());
    } else if code < 0x20 || code == 0x7f {
        out.extend_from_slice(format!("\\x{code:02x}").as_bytes());
    } else if code < 0x1_0000 {
        out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
    } else {
        out.extend_from_slice(format!("\\U{code:08x}").as_bytes());
    }
}

/// `strconv.Quote`, and `QuoteToASCII` with `ascii`.
pub fn quote(text: &[u8], ascii: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    loop {
        // Most of a text needs no escape.
        let plain = rest.iter().take_while(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')).count();
        out.extend_from_slice(rest.get(..plain).unwrap_or_default());
        rest = rest.get(plain..).unwrap_or_default();
        let Some(byte) = rest.first() else { break };
        let (character, length) = decode_rune(rest);
        if length == 1 && character == '\u{fffd}' {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            escape(&mut out, character, '"', ascii);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out.push(b'"');
    out
}

/// `strconv.QuoteRune`, and `QuoteRuneToASCII` with `ascii`.
pub fn quote_rune(character: char, ascii: bool) -> Vec<u8> {
    let mut out = vec![b'\''];
    escape(&mut out, character, '\'', ascii);
    out.push(b'\'');
    out
}

/// `strconv.CanBackquote`.
pub fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|character| (character >= ' ' || character == '\t') && !matches!(character, '`' | '\x7f' | '\u{feff}'))
    })
}

/// One character of a quoted text, and the bytes it takes: `strconv.UnquoteChar`. A byte escape gives its number and `false`.
pub fn unquote_char(text: &[u8], quote: u8) -> Option<(u32, bool, usize)> {
    let first = *text.first()?;
    if first == quote && matches!(quote, b'\'' | b'"') {
        return None;
    }
    if !first.is_ascii() {
        let (character, length) = decode_rune(text);
        return Some((character.into(), true, length));
    }
    if first != b'\\' {
        return Some((first.into(), false, 1));
    }
    let letter = *text.get(1)?;
    let simple = |code: u8| Some((u32::from(code), false, 2));
    match letter {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'\\' => simple(b'\\'),
        b'\'' | b'"' if letter == quote => simple(letter),
        b'x' | b'u' | b'U' => {
            let count = match letter {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let digits = text.get(2..2 + count)?;
            let code = digits.iter().try_fold(0_u32, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))?;
            let valid = letter == b'x' || char::from_u32(code).is_some();
            valid.then_some((code, letter != b'x', 2 + count))
        }
        b'0'..=b'7' => {
            let digits = text.get(1..4)?;
            let code = digits.iter().try_fold(0_u32, |code, digit| Some(code << 3 | char::from(*digit).to_digit(8)?))?;
            (code <= 255).then_some((code, false, 4))
        }
        _ => None,
    }
}

/// `strconv.Unquote` of a string in double or back quotes.
pub fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = text.split_first()?;
    let (last, inner) = rest.split_last()?;
    if first != last {
        return None;
    }
    match first {
        b'`' => (!inner.contains(&b'`')).then(|| inner.iter().copied().filter(|byte| *byte != b'\r').collect()),
        b'"' => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                if rest.first() == Some(&b'\n') {
                    return None;
                }
                let (code, wide, length) = unquote_char(rest, b'"')?;
                match char::from_u32(code).filter(|_| wide || code < 0x80) {
                    Some(character) => push_rune(&mut out, character),
                    None => out.push(u8::try_from(code).ok()?),
                }
                rest = rest.get(length..)?;
            }
            Some(out)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_go_s() {
        for (text, wanted) in [
            (b"a\"b\\c".as_slice(), r#""a\"b\\c""#),
            (b"\x00\x07\x7f\n", r#""\x00\a\x7f\n""#),
            (b"\xff\xc3(", r#""\xff\xc3(""#),
            ("é\u{301}\u{200c}\u{ad}\u{2028}\u{10ffff}".as_bytes(), "\"é\u{301}\\u200c\\u00ad\\u2028\\U0010ffff\""),
            ("\u{fffd}".as_bytes(), "\"\u{fffd}\""),
        ] {
            assert_eq!(quote(text, false), wanted.as_bytes());
            assert_eq!(unquote(wanted.as_bytes()).as_deref(), Some(text));
        }
        assert_eq!(quote("é".as_bytes(), true), br#""\u00e9""#);
        assert_eq!(quote_rune('\'', false), br"'\''");
    }

    #[test]
    fn unquoting_refuses_what_go_refuses() {
        for text in [r#""\'""#, r#""\q""#, r#""\400""#, r#""\ud800""#, "\"\n\"", "\"a", "`a`b`", "\"\\x4\""] {
            assert_eq!(unquote(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unquote(b"`a\r\\n`").as_deref(), Some(b"a\\n".as_slice()));
        assert_eq!(unquote(br#""\101\xff\u00e9""#).as_deref(), Some(b"A\xff\xc3\xa9".as_slice()));
    }
}
