//! Bytes as text and back, without loss.
//!
//! A byte that is no part of UTF-8 becomes one of 256 private-use characters at the end of Unicode. A value that holds one of
//! these very characters has it split into its bytes, so that every text stands for exactly one row of bytes.

const FIRST: u32 = 0x10_fe00;

/// As text.
pub fn from_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if as_byte(character).is_some() {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().filter_map(as_character));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(as_character));
    }
    text
}

/// Back.
pub fn into_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match as_byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte that a character stands for.
pub fn as_byte(character: char) -> Option<u8> {
    u32::from(character).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok())
}

fn as_character(byte: u8) -> Option<char> {
    char::from_u32(FIRST + u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_bytes_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let own = "\u{10fe41}\u{10feff}".as_bytes();
        for bytes in [b"".as_slice(), b"plain", "ünï".as_bytes(), &all, own, b"a\xffb\xc3(\xe2\x82", b"\xf4\x8f\xb8"] {
            assert_eq!(into_bytes(&from_bytes(bytes)), bytes);
        }
    }
}
