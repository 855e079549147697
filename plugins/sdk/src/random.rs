//! Random numbers fit for keys. Capability `random`.
//!
//! One ChaCha20 stream per instance, that is per call, seeded once with 32 bytes from the import and never from anything
//! public: a template that makes a thousand passwords costs one host call. The standard library's own hash maps draw
//! nothing from here, so their order is fixed and their keys are not secret.
use crate::{Error, backend, volatile};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::cell::RefCell;

thread_local!(static STREAM: RefCell<Option<ChaCha20Rng>> = const { RefCell::new(None) });

/// Fills `out`. Marks the value that is being rendered as volatile.
///
/// # Errors
/// [`Error::Denied`] without the grant.
pub fn fill(out: &mut [u8]) -> Result<(), Error> {
    volatile::mark();
    STREAM.with_borrow_mut(|stream| {
        let stream = match stream {
            Some(stream) => stream,
            None => stream.insert(ChaCha20Rng::from_seed(seed()?)),
        };
        stream.fill_bytes(out);
        Ok(())
    })
}

fn seed() -> Result<[u8; 32], Error> {
    backend::random(32)?.try_into().map_err(|_| Error::Internal("the host gave a seed of another length than 32 bytes".into()))
}

/// Forgets the stream, as a fresh instance does.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn reset() {
    STREAM.with_borrow_mut(|stream| *stream = None);
}
