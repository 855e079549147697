//! Machine code that may be run, and the only `unsafe` of the host.
//!
//! Loading machine code runs whatever it holds, so a [`Code`] is only made in the three ways below, each of which says why
//! the bytes are output of our own compiler: it was read from our own child, or from a file with a MAC by a key that only we
//! have, or from a file whose digest whoever built this program wrote down. The bytes are read once, judged, and loaded from
//! that same buffer: nobody can change them in between.
use crate::{compile, engine::Profile};
use aws_lc_rs::hmac;
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use wasmtime::{Engine, component::Component};

/// Bytes of a MAC, at the end of a file.
const TAG: usize = 32;

/// A SHA-256.
pub(crate) type Sum = [u8; 32];

/// What authenticates the local cache.
pub(crate) struct Key(hmac::Key);

impl Key {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

/// Which component on which engine: what the code is for.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    wasm: Sum,
    compatibility: Sum,
}

impl Purpose {
    pub(crate) fn new(engine: &Engine, wasm: Sum) -> Self {
        Self { wasm, compatibility: compatibility(engine) }
    }

    /// Name of a file of that purpose.
    pub(crate) fn file(&self) -> String {
        let short = self.compatibility.get(..8).unwrap_or_default();
        format!("{}-{}.cwasm", hex::encode(self.wasm), hex::encode(short))
    }

    fn sign(&self, key: &Key, code: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&key.0);
        context.update(&self.wasm);
        context.update(&self.compatibility);
        context.update(code);
        context.sign()
    }
}

/// What compiled code depends on: version and settings of the engine. The standard library's own hasher promises nothing
/// from one build to the next.
fn compatibility(engine: &Engine) -> Sum {
    struct Stable(Sha256);
    impl Hasher for Stable {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut stable = Stable(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut stable);
    stable.0.finalize().into()
}

/// The same for the engine that compiles, which makes code for the one that runs.
pub(crate) fn purpose_at_build(profile: Profile, wasm: Sum) -> wasmtime::Result<Purpose> {
    Ok(Purpose::new(&crate::engine::compiling(profile)?, wasm))
}

/// Output of our own compiler.
pub(crate) struct Code(Vec<u8>);

impl Code {
    /// Just made.
    pub(crate) fn compiled(output: compile::Output) -> Self {
        Self(output.into_bytes())
    }

    /// A file of the local cache: None unless this key signed it for this purpose.
    pub(crate) fn signed(mut file: Vec<u8>, key: &Key, purpose: &Purpose) -> Option<Self> {
        let (code, tag) = file.split_last_chunk::<TAG>()?;
        aws_lc_rs::constant_time::verify_slices_are_equal(purpose.sign(key, code).as_ref(), tag).ok()?;
        let length = code.len();
        file.truncate(length);
        Some(Self(file))
    }

    /// A file of the shipped cache: None unless it has the digest that was written down where it was built.
    pub(crate) fn shipped(file: Vec<u8>, digest: &Sum) -> Option<Self> {
        (Sum::from(Sha256::digest(&file)) == *digest).then_some(Self(file))
    }

    /// As [`Code::signed`] reads it.
    pub(crate) fn to_signed(&self, key: &Key, purpose: &Purpose) -> Vec<u8> {
        let mut file = self.0.clone();
        file.extend_from_slice(purpose.sign(key, &self.0).as_ref());
        file
    }

    /// Makes it runnable. Fails where the engine is another than it was compiled for.
    #[allow(unsafe_code)]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are output of `Engine::precompile_component` in a program of ours, which each constructor has
        // made sure of; they lie in memory of our own and are borrowed, so nobody can change them.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(wasm: u8) -> Purpose {
        Purpose { wasm: [wasm; 32], compatibility: [1; 32] }
    }

    #[test]
    fn only_what_this_key_signed_for_this_purpose_is_code() {
        let (key, code) = (Key::new(&[7; 32]), Code(vec![1, 2, 3]));
        let file = code.to_signed(&key, &purpose(1));
        assert_eq!(Code::signed(file.clone(), &key, &purpose(1)).unwrap().0, [1, 2, 3]);
        assert!(Code::signed(file.clone(), &key, &purpose(2)).is_none());
        assert!(Code::signed(file.clone(), &Key::new(&[8; 32]), &purpose(1)).is_none());
        assert!(Code::signed(vec![0; 31], &key, &purpose(1)).is_none());
        for at in 0..file.len() {
            let mut flipped = file.clone();
            flipped[at] ^= 1;
            assert!(Code::signed(flipped, &key, &purpose(1)).is_none(), "{at}");
        }
    }

    #[test]
    fn only_what_has_the_digest_is_code() {
        let digest = Sha256::digest([1, 2, 3]).into();
        assert!(Code::shipped(vec![1, 2, 3], &digest).is_some());
        assert!(Code::shipped(vec![1, 2, 4], &digest).is_none());
    }
}
