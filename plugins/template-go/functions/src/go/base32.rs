//! Go's `base32.StdEncoding`: padding is required, line ends are taken out first, and an error names the byte.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let word = group.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)) << (8 * (5 - group.len()));
        for place in 0..8 {
            let index = usize::try_from(word >> (35 - 5 * place) & 31).unwrap_or_default();
            let letter = ALPHABET.get(index).copied().unwrap_or_default();
            out.push(if place * 5 < group.len() * 8 { letter } else { b'=' });
        }
    }
    out
}

fn value(letter: u8) -> Option<u64> {
    match letter {
        b'A'..=b'Z' => Some(u64::from(letter - b'A')),
        b'2'..=b'7' => Some(u64::from(letter - b'2' + 26)),
        _ => None,
    }
}

/// Decodes; where it can't, the place that Go names in `illegal base32 data at input byte …`.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let mut at = 0;
    while at < text.len() {
        let (mut word, mut count, mut ended) = (0_u64, 0, false);
        while count < 8 {
            let Some(&letter) = text.get(at) else { return Err(text.len() - count) };
            at += 1;
            let left = text.len() - at;
            if letter == b'=' && count >= 2 && left < 8 {
                if left + count < 7 {
                    return Err(text.len());
                }
                for place in 0..7 - count {
                    if text.get(at + place).is_some_and(|byte| *byte != b'=') {
                        return Err((at + place).saturating_sub(1));
                    }
                }
                if matches!(count, 3 | 6) {
                    return Err(at - 1);
                }
                ended = true;
                break;
            }
            word = word << 5 | value(letter).ok_or(at - 1)?;
            count += 1;
        }
        let bytes = (word << (5 * (8 - count)) << 24).to_be_bytes();
        out.extend_from_slice(bytes.get(..count * 5 / 8).unwrap_or_default());
        if ended {
            break;
        }
    }
    Ok(out)
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
        assert_eq!(decode(b"ME======"), Ok(b"a".to_vec()));
        for (text, place) in [(&b"M"[..], 0), (b"ME", 0), (b"ME=", 3), (b"me======", 0), (b"M1======", 1), (b"ME==A===", 3)] {
            assert_eq!(decode(text), Err(place), "{}", String::from_utf8_lossy(text));
        }
    }
}
