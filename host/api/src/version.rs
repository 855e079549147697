//! The annotation `secrets.infisical.com/version`: a hash of a target's data, byte-identical to the peer's, since workloads
//! restart when it changes.
//!
//! Its form is `W/"secrets-LENGTH-CRC"`: the length in bytes of a text made of the data, and the CRC-32 (IEEE) of that text
//! in eight upper-case hex digits. The two API versions make the text differently. It is weak, so it is never what decides
//! whether a target is right: that is compared byte by byte.
use crc32fast::Hasher;
use std::io::{self, Write};

/// The hash of an InfisicalSecret's target: for each key, in the order of their bytes, key, 0, value, 0.
///
/// `data` must be in the order of the keys' bytes, as a `BTreeMap<String, _>` gives it.
pub fn v1alpha1<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut text = Checksum::default();
    for (key, value) in data {
        text.add(key.as_bytes());
        text.add(&[0]);
        text.add(value);
        text.add(&[0]);
    }
    text.tag()
}

/// The hash of an InfisicalStaticSecret's target: the data as Go prints a map of byte slices, `map[K:[49 50] L:[]]`.
///
/// `data` must be in the order of the keys' bytes, as a `BTreeMap<String, _>` gives it.
pub fn v1beta1<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut text = Checksum::default();
    text.add(b"map[");
    for (index, (key, value)) in data.into_iter().enumerate() {
        if index > 0 {
            text.add(b" ");
        }
        text.add(key.as_bytes());
        text.add(b":[");
        for (index, byte) in value.iter().enumerate() {
            if index > 0 {
                text.add(b" ");
            }
            text.decimal(*byte);
        }
        text.add(b"]");
    }
    text.add(b"]");
    text.tag()
}

/// Length and CRC of a text that is never put together: it holds the values.
#[derive(Default)]
struct Checksum {
    crc: Hasher,
    length: u64,
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
    }

    fn decimal(&mut self, byte: u8) {
        // Writing to this never fails: see below.
        drop(write!(self, "{byte}"));
    }

    fn tag(self) -> String {
        format!("W/\"secrets-{}-{:08X}\"", self.length, self.crc.finalize())
    }
}

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Data<'a> = &'a [(&'a str, &'a [u8])];

    fn both(data: Data<'_>) -> (String, String) {
        let data: BTreeMap<&str, &[u8]> = data.iter().copied().collect();
        (v1alpha1(data.iter().map(|(key, value)| (*key, *value))), v1beta1(data.iter().map(|(key, value)| (*key, *value))))
    }

    /// What the Go operator 0.11.5 printed for these data.
    #[test]
    fn the_hash_is_that_of_the_go_operator() {
        let all: Vec<u8> = (0..=255).collect();
        let cases: [(Data<'_>, &str, &str); 16] = [
            (&[], "secrets-0-00000000", "secrets-5-3C7E1501"),
            (&[("A", b"1")], "secrets-4-C4B1E7F6", "secrets-11-706F32BD"),
            (&[("A", b"1"), ("B", b"two")], "secrets-10-CE83C21A", "secrets-27-2BEC45C1"),
            (&[("DB", b"p@ss\n"), ("E", b"")], "secrets-12-737D09A5", "secrets-32-290D1C42"),
            (&[("DB_HOST", b"localhost"), ("DB_PORT", b"5432"), ("a-b.c", "é".as_bytes())], "secrets-40-5971405C", "secrets-86-16BE6E2E"),
            (&[("x", b"")], "secrets-3-A5A3E0FA", "secrets-9-F15786AD"),
            (&[("a", b"1"), ("b", b"hi")], "secrets-9-B20C41F4", "secrets-23-16DB45E9"),
            (&[("bin", b"\x00\xff\xfe\x80\x0a")], "secrets-10-B43E6C5F", "secrets-27-29F9C288"),
            (
                &[("b", b"2"), ("B", b"1"), ("_", b"3"), ("10", b"4"), ("9", b"5"), ("é", b"6")],
                "secrets-26-D23BC41A",
                "secrets-48-4E87A762",
            ),
            (&[("", b"e")], "secrets-3-E7CB46F0", "secrets-11-0F5BC390"),
            (&[("k", b"\x00")], "secrets-4-CD63AF1E", "secrets-10-AA036251"),
            (&[("k", b"")], "secrets-3-BBC3FDD3", "secrets-9-D6176BFF"),
            (&[("A", b"line1\nline2\n"), ("tls.crt", b"-----BEGIN CERTIFICATE-----")], "secrets-51-3636B274", "secrets-143-96067F62"),
            (&[("A", b" ")], "secrets-4-9768C4E6", "secrets-11-E1EDE5E5"),
            (&[("a\0b", b"1")], "secrets-6-25184566", "secrets-13-B9A55E0A"),
            (&[("all", &all)], "secrets-261-F7C1353E", "secrets-924-10033330"),
        ];
        for (data, alpha, beta) in cases {
            assert_eq!(both(data), (format!("W/\"{alpha}\""), format!("W/\"{beta}\"")), "{data:?}");
        }
    }

    #[test]
    fn the_hash_of_a_thousand_keys_is_that_of_the_go_operator() {
        let data: BTreeMap<String, String> = (0..1000).map(|n| (format!("KEY_{n:04}"), format!("value-{n}"))).collect();
        let pairs = || data.iter().map(|(key, value)| (key.as_str(), value.as_bytes()));
        assert_eq!(v1alpha1(pairs()), "W/\"secrets-18890-F340217F\"");
        assert_eq!(v1beta1(pairs()), "W/\"secrets-41674-59B5863E\"");
    }
}
