//! Output up to a size.
use std::{
    io::{Error, Write},
    string::FromUtf8Error,
};

/// Refuses what would make it larger than its bound.
pub struct Bounded {
    bytes: Vec<u8>,
    bound: usize,
    full: bool,
}

impl Bounded {
    pub fn new(bound: usize) -> Self {
        Self { bytes: Vec::new(), bound, full: false }
    }

    /// Whether something was refused.
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn into_text(self) -> Result<String, FromUtf8Error> {
        String::from_utf8(self.bytes)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.bytes.len().saturating_add(bytes.len()) > self.bound {
            self.full = true;
            return Err(Error::other("too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
