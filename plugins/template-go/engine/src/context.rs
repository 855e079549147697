//! What a function has beside its arguments: limits, and a host for all that is not the same at every call.
use crate::{error::Error, value::Value};
use std::time::Duration;

/// Bounds of one render. Reaching one is an error at the place of the template that did.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes that a template may print.
    pub output: usize,
    /// Bytes that all functions of a render may make, together.
    pub allocated: usize,
    /// Nodes and iterations of a render.
    pub steps: u64,
    /// Templates that call templates.
    pub templates: usize,
    /// Parentheses and blocks in one another, when parsing.
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output: 8 << 20, allocated: 48 << 20, steps: 20_000_000, templates: 100_000, nesting: 1_000 }
    }
}

/// What differs from call to call or belongs to the caller. The host marks the entry that is being rendered as volatile when
/// one of the first three is used.
pub trait Host {
    /// Fills with random bytes fit for keys.
    ///
    /// # Errors
    /// Where that was not granted.
    fn random(&mut self, out: &mut [u8]) -> Result<(), Error>;

    /// Since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Where that was not granted.
    fn now(&mut self) -> Result<Duration, Error>;

    /// A fresh private key, PKCS#8 in PEM: `rsa2048`, `rsa3072`, `rsa4096`, `p224`, `p256`, `p384`, `p521`, `ed25519`.
    ///
    /// # Errors
    /// Where that was not granted, and for another kind.
    fn key(&mut self, kind: &str) -> Result<Vec<u8>, Error>;

    /// The secret of that key in that folder, for `secretFrom`.
    ///
    /// # Errors
    /// Where there is none, or the dot has no folders.
    fn secret_from(&mut self, _path: &[u8], _key: &[u8]) -> Result<Value, Error> {
        Err(Error::new("secretFrom is not available here"))
    }
}

/// Of one render.
pub struct Context<'a> {
    /// See [`Host`].
    pub host: &'a mut dyn Host,
    /// See [`Limits`].
    pub limits: &'a Limits,
    pub(crate) allocated: usize,
    pub(crate) steps: u64,
}

impl<'a> Context<'a> {
    /// A fresh one.
    pub fn new(host: &'a mut dyn Host, limits: &'a Limits) -> Self {
        Self { host, limits, allocated: 0, steps: 0 }
    }

    /// To be called before making something of that many bytes whose size an argument decides (`repeat`, `until`, padding).
    ///
    /// # Errors
    /// Beyond [`Limits::allocated`].
    pub fn allocate(&mut self, bytes: usize) -> Result<(), Error> {
        self.allocated = self.allocated.saturating_add(bytes);
        if self.allocated > self.limits.allocated {
            return Err(Error::limit(format!("the template makes more than {} bytes of values", self.limits.allocated)));
        }
        Ok(())
    }

    /// To be called for work that arguments decide, with a rough count of its steps.
    ///
    /// # Errors
    /// Beyond [`Limits::steps`].
    pub fn step(&mut self, count: u64) -> Result<(), Error> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > self.limits.steps {
            return Err(Error::limit(format!("the template takes more than {} steps", self.limits.steps)));
        }
        Ok(())
    }
}
