//! Digests of what consists of parts.
use sha2::{Digest, Sha256};

/// SHA-256 over parts, each after its length (u64, little-endian), so that no other division into parts has the same digest. Some
/// of these digests are kept in the cluster: the bytes never change.
#[derive(Default)]
pub struct Parts(Sha256);

impl Parts {
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// In lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        hex::encode(self.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_follows_its_length() {
        let digest = |parts: &[&str]| {
            let mut all = Parts::default();
            parts.iter().for_each(|part| all.add(part));
            all.finish()
        };
        let bytes = [&3_u64.to_le_bytes()[..], b"abc", &0_u64.to_le_bytes()].concat();
        assert_eq!(digest(&["abc", ""]), <[u8; 32]>::from(Sha256::digest(bytes)));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
