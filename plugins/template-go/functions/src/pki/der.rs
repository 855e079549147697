//! DER: one tag of one byte, lengths in their shortest form.

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const NULL: u8 = 0x05;
pub const OID: u8 = 0x06;
pub const UTF8_STRING: u8 = 0x0c;
pub const PRINTABLE_STRING: u8 = 0x13;
pub const BMP_STRING: u8 = 0x1e;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// `[n]` with parts.
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[n]` without parts.
pub const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: its tag, its content, and all of it.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub full: &'a [u8],
}

/// What is still to be read.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub fn peek(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        // A tag of several bytes occurs in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let width = usize::from(first & 0x7f);
            let (bytes, rest) = rest.split_at_checked(width)?;
            if width == 0 || width > 4 || bytes.first() == Some(&0) {
                return None;
            }
            let length = bytes.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            if length < 0x80 {
                return None;
            }
            (length, rest)
        };
        let (content, after) = rest.split_at_checked(length)?;
        let full = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element { tag, content, full })
    }

    pub fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    pub fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.any().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// `Some(None)` where it is absent, `None` where it is broken.
    pub fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.peek(tag) { self.read(tag).map(Some) } else { Some(None) }
    }

    pub fn sequence(&mut self) -> Option<Reader<'a>> {
        self.read(SEQUENCE).map(Reader)
    }

    /// The bytes of an integer, in their shortest form, with the sign.
    pub fn integer(&mut self) -> Option<&'a [u8]> {
        self.read(INTEGER).filter(|bytes| is_integer(bytes))
    }

    /// An integer that is not negative, without leading zeros.
    pub fn unsigned(&mut self) -> Option<&'a [u8]> {
        let bytes = self.integer()?;
        match bytes {
            [0x80..=0xff, ..] => None,
            [0, rest @ ..] => Some(rest),
            _ => Some(bytes),
        }
    }

    /// A small integer.
    pub fn small(&mut self) -> Option<i64> {
        let bytes = self.integer().filter(|bytes| bytes.len() <= 8)?;
        let start = if bytes.first().is_some_and(|first| *first >= 0x80) { -1 } else { 0 };
        Some(bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte)))
    }

    pub fn oid(&mut self) -> Option<&'a [u8]> {
        self.read(OID).filter(|bytes| is_oid(bytes))
    }

    /// The bits, if they are whole bytes or their padding is zero; aligned to the right as Go does.
    pub fn bits(&mut self) -> Option<Vec<u8>> {
        let (&padding, bytes) = self.read(BIT_STRING)?.split_first()?;
        if padding > 7 || (padding > 0 && bytes.last().is_none_or(|last| last & ((1 << padding) - 1) != 0)) {
            return None;
        }
        if padding == 0 {
            return Some(bytes.to_vec());
        }
        let mut before = 0;
        Some(
            bytes
                .iter()
                .map(|byte| {
                    let aligned = before << (8 - padding) | byte >> padding;
                    before = *byte;
                    aligned
                })
                .collect(),
        )
    }
}

fn is_integer(bytes: &[u8]) -> bool {
    !matches!(bytes, [] | [0, 0..0x80, ..] | [0xff, 0x80..=0xff, ..])
}

fn is_oid(bytes: &[u8]) -> bool {
    // Each number is in its shortest form and ends.
    let mut begins = true;
    for byte in bytes {
        if begins && *byte == 0x80 {
            return false;
        }
        begins = *byte < 0x80;
    }
    !bytes.is_empty() && begins
}

/// `1.2.840`.
pub fn oid_text(bytes: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut value = 0_u128;
    for byte in bytes {
        value = value << 7 | u128::from(byte & 0x7f);
        if *byte < 0x80 {
            if numbers.is_empty() {
                let first = (value / 40).min(2);
                numbers.push(first.to_string());
                value -= first * 40;
            }
            numbers.push(value.to_string());
            value = 0;
        }
    }
    numbers.join(".")
}

pub fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    write(SEQUENCE, &parts.concat())
}

/// An integer that is not negative, of its bytes.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let digits = bytes.get(start..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    write(INTEGER, &[sign, digits].concat())
}

pub fn small(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let start = (0..7).find(|at| bytes.get(*at..).is_some_and(is_integer)).unwrap_or(7);
    write(INTEGER, bytes.get(start..).unwrap_or_default())
}

pub fn bits(bytes: &[u8]) -> Vec<u8> {
    write(BIT_STRING, &[&[0], bytes].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shortest_forms_alone() {
        for bad in [&[0x30, 0x80, 0, 0][..], &[0x30, 0x81, 0x01, 0], &[0x02, 0x02, 0x00, 0x01], &[0x02, 0x00], &[0x06, 0x02, 0x80, 0x01]] {
            let mut reader = Reader(bad);
            assert!(reader.sequence().is_none() && reader.integer().is_none() && reader.oid().is_none(), "{bad:?}");
        }
        assert_eq!(oid_text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(content in proptest::collection::vec(0_u8.., 0..400), number in proptest::num::i64::ANY) {
            let written = sequence(&[&write(OCTET_STRING, &content), &unsigned(&content), &small(number), &bits(&content)]);
            let mut reader = Reader(&written).sequence().unwrap();
            proptest::prop_assert_eq!(reader.read(OCTET_STRING), Some(content.as_slice()));
            let trimmed: Vec<u8> = content.iter().copied().skip_while(|byte| *byte == 0).collect();
            proptest::prop_assert_eq!(reader.unsigned(), Some(trimmed.as_slice()));
            proptest::prop_assert_eq!(reader.small(), Some(number));
            proptest::prop_assert_eq!(reader.bits(), Some(content));
            proptest::prop_assert!(reader.is_empty());
        }
    }
}
