//! Fresh private keys, made by the host. Capability `keys`; at most 8 in a call.
use crate::{Error, backend, volatile};

/// A private key as PKCS#8 in PEM. Kinds: `rsa2048`, `rsa3072`, `rsa4096`, `p224`, `p256`, `p384`, `p521`, `ed25519`. Marks
/// the value that is being rendered as volatile.
///
/// # Errors
/// [`Error::Denied`] without the grant, [`Error::Settings`] for another kind.
pub fn generate(kind: &str) -> Result<Vec<u8>, Error> {
    volatile::mark();
    backend::generate_key(kind)
}
