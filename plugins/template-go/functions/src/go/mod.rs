//! What Go's standard library and the libraries beneath sprig do with plain bytes and numbers.
//!
//! Nothing here knows a template value: each module is the behaviour of one Go package, written from its documentation and
//! compared with the package itself. Text is bytes, since Go's strings need not be UTF-8.

pub mod base32;
pub mod base64;
pub mod case;
pub mod constraint;
pub mod decimal;
pub mod error;
pub mod path;
pub mod regex;
pub mod runes;
pub mod semver;
pub mod text;
pub mod time;
pub mod unicode;
pub mod url;
