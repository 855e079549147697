//! Keys, certificates and archives as Go's `crypto/x509`, `encoding/pem`, `go-pkcs12` and `jwx` read and write them.
//!
//! Everything here is plain work on bytes: no template, no host. Ciphers, hashes and Ed25519 are kept crates; what is
//! written here is what decides between Go's answer and another one: which input is refused, and how output is encoded. The
//! arithmetic of RSA and of the curves is not constant in time. It runs in the sandbox, which has no clock that others share.
pub mod certificate;
pub mod chain;
pub mod curve;
pub mod der;
pub mod issue;
pub mod jwk;
pub mod key;
pub mod name;
pub mod pem;
pub mod pkcs12;
pub mod rsa;
mod weierstrass;

/// Why something was refused, in Go's words where they quote nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

impl Fault {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Fault> for go_template_engine::Error {
    fn from(fault: Fault) -> Self {
        Self::new(fault.0)
    }
}
