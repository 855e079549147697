//! YAML byte for byte as two Go libraries read and write it.
//!
//! - [`Dialect::V3`] is `gopkg.in/yaml.v3` 3.0.1: indents by four, writes bytes that are not UTF-8 as `!!binary`, reads
//!   `yes` as text, refuses a key that stands twice.
//! - [`Dialect::V2`] is `go.yaml.in/yaml/v2` 2.4.2, the one beneath `sigs.k8s.io/yaml` 1.6.0: indents by two with lists flush
//!   to their key, folds long lines, reads `yes` as true, lets the last of equal keys win. [`sigs`] is the way through JSON
//!   that `sigs.k8s.io/yaml` takes on top of it.
//!
//! A document goes through characters ([`scan`]), events ([`parse`]), nodes ([`compose`]) to [`Data`] ([`decode`]), and from
//! `Data` to text by [`encode`]. Nothing here recurses deeper than [`MAX_DEPTH`]; Go's own bounds (10,000 levels, expansion of
//! aliases) are kept too. Texts of faults are Go's, which matters where a template prints them.
#![forbid(unsafe_code)]

mod compose;
mod data;
mod decode;
mod emit;
mod encode;
mod error;
mod float;
mod order;
mod parse;
mod resolve;
mod scan;
pub mod sigs;
mod timestamp;

pub use data::{Data, Key, Map};
pub use decode::{any, string_map, string_to_string};
pub use encode::encode;
pub use error::Error;
pub use float::format as format_float;
pub use timestamp::Timestamp;

/// The library whose results are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `go.yaml.in/yaml/v2`.
    V2,
    /// `gopkg.in/yaml.v3`.
    V3,
}

/// How deep lists and maps may be nested, in what is read and in what is written. Go allows 10,000; a sandbox with half a
/// mebibyte of stack can't.
pub const MAX_DEPTH: usize = 600;
