//! Go's `base64.StdEncoding`: padding is required, line ends are read over, and an error names the byte.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = ALPHABET.get(word >> (18 - 6 * place) & 63).copied().unwrap_or_default();
            out.push(if place <= group.len() { letter } else { b'=' });
        }
    }
    out
}

fn value(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Decodes; where it can't, the place that Go names in `illegal base64 data at input byte …`.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    let newline = |at: usize| matches!(text.get(at), Some(b'\n' | b'\r'));
    loop {
        let (mut word, mut count) = (0, 0);
        while count < 4 {
            let Some(&letter) = text.get(at) else {
                return if count == 0 { Ok(out) } else { Err(at - count) };
            };
            at += 1;
            if let Some(value) = value(letter) {
                word = word << 6 | value;
                count += 1;
                continue;
            }
            if matches!(letter, b'\n' | b'\r') {
                continue;
            }
            if letter != b'=' || count < 2 {
                return Err(at - 1);
            }
            if count == 2 {
                while newline(at) {
                    at += 1;
                }
                match text.get(at) {
                    None => return Err(text.len()),
                    Some(b'=') => at += 1,
                    Some(_) => return Err(at - 1),
                }
            }
            while newline(at) {
                at += 1;
            }
            if at < text.len() {
                return Err(at);
            }
            let bytes = (word << (6 * (4 - count))).to_be_bytes();
            out.extend_from_slice(bytes.get(1..count).unwrap_or_default());
            return Ok(out);
        }
        out.extend_from_slice(word.to_be_bytes().get(1..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_encoded_decodes(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn errors_name_the_byte_that_go_names() {
        assert_eq!(decode(b"YQ==\n"), Ok(b"a".to_vec()));
        assert_eq!(decode(b"YW\nJj"), Ok(b"abc".to_vec()));
        for (text, place) in
            [(&b"a"[..], 0), (b"YQ=", 3), (b"YQ", 0), (b"Y=Q=", 1), (b"YQ==x", 4), (b"YW-_", 2), (b"YWJjY", 4), (b"YQ=x", 2)]
        {
            assert_eq!(decode(text), Err(place), "{}", String::from_utf8_lossy(text));
        }
    }
}
