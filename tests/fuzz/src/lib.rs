//! Random templates, and what the engine makes of them.
//!
//! `cargo run -p fuzz -- --seconds 600` renders them by this engine and by Go's, with the same sprig (`oracle/`, built where Go
//! is on the path), and prints what differs. The tests render them by this engine alone: it must not panic, and must stay
//! within its limits.
#![forbid(unsafe_code)]
pub mod dice;
pub mod grammar;
pub mod oracle;
pub mod render;
