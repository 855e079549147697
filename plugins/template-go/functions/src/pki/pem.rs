//! PEM as `encoding/pem` finds and writes it.
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use std::collections::BTreeMap;

/// Go's decoder: padded, loose bits at the end allowed.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);
const END: &[u8] = b"\n-----END ";
const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Characters in a line of a block.
const LINE: usize = 64;

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `CERTIFICATE`.
    pub label: Vec<u8>,
    pub headers: BTreeMap<Vec<u8>, Vec<u8>>,
    pub bytes: Vec<u8>,
}

/// Base64 as `base64.StdEncoding` decodes it: line breaks are passed over.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let packed: Vec<u8> = text.iter().copied().filter(|c| !matches!(c, b'\r' | b'\n')).collect();
    BASE64.decode(packed).ok()
}

/// The first block, and what is behind it; without one all is left.
pub fn decode(data: &[u8]) -> (Option<Block>, &[u8]) {
    let mut rest = data;
    while let Some(end) = find(rest, END) {
        let after_end = rest.get(end + END.len()..).unwrap_or_default();
        match block(rest, end) {
            Found::Block(block, behind) => return (Some(block), behind),
            Found::Nothing(from) => rest = from.unwrap_or(after_end),
            Found::Stop => break,
        }
    }
    (None, data)
}

enum Found<'a> {
    Block(Block, &'a [u8]),
    /// To be looked for further on: from there, else behind the end that was found.
    Nothing(Option<&'a [u8]>),
    Stop,
}

fn block(rest: &[u8], end: usize) -> Found<'_> {
    let Some(head) = rest.get(..end) else { return Found::Stop };
    let Some(begin) = rfind(head, BEGIN) else { return Found::Nothing(None) };
    if begin > 0 && rest.get(begin - 1) != Some(&b'\n') {
        return Found::Nothing(None);
    }
    let after = |at: usize| rest.get(at..).unwrap_or_default();
    let end_label = end + END.len();
    let (line, mut at) = line(rest, begin + BEGIN.len());
    let Some(label) = line.strip_suffix(DASHES) else { return Found::Nothing(Some(after(end_label))) };
    let mut headers = BTreeMap::new();
    loop {
        if after(at).is_empty() {
            return Found::Stop;
        }
        let (text, next) = self::line(rest, at);
        let Some(colon) = text.iter().position(|c| *c == b':') else { break };
        let (key, value) = text.split_at(colon);
        headers.insert(trim(key).to_vec(), trim(value.get(1..).unwrap_or_default()).to_vec());
        at = next;
    }
    // Headers reach over the end that was found.
    if !headers.is_empty() && at > end {
        return Found::Nothing(Some(after(end_label.max(at))));
    }
    let trailer = after(end_label);
    let Some(behind) = trailer.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES)) else {
        return Found::Nothing(Some(trailer));
    };
    let (tail, next) = self::line(rest, rest.len() - behind.len());
    if !tail.is_empty() {
        return Found::Nothing(Some(trailer));
    }
    let body: Vec<u8> = rest.get(at..end).unwrap_or_default().iter().copied().filter(|c| !matches!(c, b' ' | b'\t')).collect();
    match decode_base64(&body) {
        Some(bytes) => Found::Block(Block { label: label.to_vec(), headers, bytes }, after(next)),
        None => Found::Nothing(Some(trailer)),
    }
}

/// The line that begins at `at` without its end and blanks there, and where the next begins.
fn line(data: &[u8], at: usize) -> (&[u8], usize) {
    let rest = data.get(at..).unwrap_or_default();
    let (text, next) = match rest.iter().position(|c| *c == b'\n') {
        Some(length) => {
            let text = rest.get(..length).unwrap_or_default();
            (text.strip_suffix(b"\r").unwrap_or(text), at + length + 1)
        }
        None => (rest, data.len()),
    };
    let end = text.iter().rposition(|c| !matches!(c, b' ' | b'\t')).map_or(0, |last| last + 1);
    (text.get(..end).unwrap_or_default(), next)
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn find(data: &[u8], needle: &[u8]) -> Option<usize> {
    data.windows(needle.len()).position(|window| window == needle)
}

fn rfind(data: &[u8], needle: &[u8]) -> Option<usize> {
    data.windows(needle.len()).rposition(|window| window == needle)
}

impl Block {
    pub fn new(label: &str, bytes: &[u8]) -> Self {
        Self { label: label.as_bytes().to_vec(), headers: BTreeMap::new(), bytes: bytes.to_vec() }
    }

    /// As text. `None` where a header can't be written.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = [BEGIN, &self.label, DASHES, b"\n"].concat();
        if !self.headers.is_empty() {
            let first = self.headers.get_key_value(b"Proc-Type".as_slice());
            let others = self.headers.iter().filter(|(key, _)| *key != b"Proc-Type");
            for (key, value) in first.into_iter().chain(others) {
                if key.contains(&b':') {
                    return None;
                }
                out.extend([key.as_slice(), b": ", value, b"\n"].concat());
            }
            out.push(b'\n');
        }
        for line in STANDARD.encode(&self.bytes).as_bytes().chunks(LINE) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.extend([b"-----END ", self.label.as_slice(), DASHES, b"\n"].concat());
        Some(out)
    }
}

/// A block without headers, as text.
pub fn encode(label: &str, bytes: &[u8]) -> Vec<u8> {
    Block::new(label, bytes).encode().unwrap_or_default()
}

/// All blocks, and what is left behind the last.
pub fn all(data: &[u8]) -> (Vec<Block>, &[u8]) {
    let mut rest = data;
    let mut blocks = Vec::new();
    while let (Some(block), behind) = decode(rest) {
        blocks.push(block);
        rest = behind;
    }
    (blocks, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_go_finds() {
        let text = b"junk\n-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nB: c\n\naGk=\n-----END A-----  \r\nmore";
        let (block, rest) = decode(text);
        let block = block.unwrap();
        assert_eq!(block.bytes, b"hi");
        assert_eq!(block.headers.len(), 2);
        assert_eq!(rest, b"more");
        for bad in [
            &b"-----BEGIN A-----\naGk=\n-----END B-----\n"[..],
            b"x-----BEGIN A-----\naGk=\n-----END A-----\n",
            b"-----BEGIN A-----\na\n-----END A-----\n",
        ] {
            assert_eq!(decode(bad), (None, bad));
        }
        // A begin without an end is passed over.
        let (block, _) = decode(b"-----BEGIN A-----\nxx\n-----BEGIN C-----\naGk=\n-----END C-----\n");
        assert_eq!(block.unwrap().label, b"C");
        assert_eq!(decode(b"-----BEGIN A-----\n-----END A-----\n").0.unwrap().bytes, b"");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(
            label in "[A-Z][A-Z ]{0,10}[A-Z]",
            headers in proptest::collection::btree_map("[A-Za-z-]{1,8}", "[!-~]{0,12}", 0..3),
            bytes in proptest::collection::vec(0_u8.., 0..200),
        ) {
            let headers = headers.into_iter().map(|(key, value)| (key.into_bytes(), value.into_bytes())).collect();
            let block = Block { label: label.into_bytes(), headers, bytes };
            let text = block.encode().unwrap();
            proptest::prop_assert_eq!(decode(&text), (Some(block), b"".as_slice()));
        }
    }
}
