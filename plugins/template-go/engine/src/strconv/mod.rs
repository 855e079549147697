//! Go's `strconv`: how numbers and quoted strings are written and read.
mod float;
mod number;
mod quote;

pub use float::format_float;
pub use number::{NumberError, parse_float, parse_int, parse_uint};
pub use quote::{can_backquote, decode_rune, is_print, push_rune, quote, quote_rune, unquote, unquote_char};
