//! Go's `text/template`, with Go's kinds of values.
//!
//! # How a function is written
//!
//! A function takes `&mut Context` and its parameters, and gives `Result<T, Error>` with `T: Into<Value>`. Its types are its
//! signature in Go: the engine checks arguments against them and speaks of them in errors as Go does (`wrong type for value;
//! expected string; got int`), so a body never checks types again.
//!
//! | in Rust | in Go |
//! | --- | --- |
//! | `&Str` (derefs to `[u8]`) | `string` |
//! | `&Value` | `interface {}`; a nil one is [`Value::Nil`] |
//! | [`Int`] / `i64` / `f64` / `bool` | `int` / `int64` / `float64` / `bool` |
//! | `&Map` / `&List` | `map[string]interface {}` / `[]interface {}` |
//! | `; &[Value]` / `; Strings` / `; Maps` / `; Ints` | `...interface {}` / `...string` / `...map[string]interface {}` / `...int` |
//!
//! Results: `Str`, `Vec<u8>`, `String`, `&str` are `string`; [`Int`] is `int`, `i64` is `int64`; `Vec<Value>` is
//! `[]interface {}`; anything else is a [`Value`] of the type that Go's function gives ([`Value::strings`] for `[]string`,
//! [`List::nil`] for a nil slice …).
//!
//! ```
//! use go_template_engine::{Context, Error, Function, Int, Map, Str, Strings, Value, functions};
//!
//! // func(string) string
//! fn upper(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
//!     Ok(text.to_ascii_uppercase())
//! }
//!
//! // func(int, string) string: what an argument makes large is charged first.
//! fn repeat(context: &mut Context<'_>, count: Int, text: &Str) -> Result<Vec<u8>, Error> {
//!     let count = usize::try_from(count.0).map_err(|_| Error::panic("strings: negative Repeat count"))?;
//!     context.allocate(text.len().saturating_mul(count))?;
//!     Ok(text.repeat(count))
//! }
//!
//! // func(map[string]interface{}, ...string) map[string]interface{}
//! fn omit(_: &mut Context<'_>, map: &Map, keys: Strings<'_>) -> Result<Map, Error> {
//!     let rest = Map::dict();
//!     for (key, value) in map.entries() {
//!         if let Value::String(key) = key && !keys.iter().any(|other| *other == key) {
//!             rest.set(key, value)?;
//!         }
//!     }
//!     Ok(rest)
//! }
//!
//! pub static FUNCTIONS: &[Function] = functions! {
//!     "upper" => upper, (&Str);
//!     "repeat" => repeat, (Int, &Str);
//!     "omit" => omit, (&Map; Strings<'_>);
//! };
//! assert_eq!(FUNCTIONS.len(), 3);
//! ```
//!
//! A declared type is one `static` [`Named`] and a wrapper that implements [`Arg`]:
//!
//! ```
//! use go_template_engine::{Arg, Context, Error, Function, Int, Kind, Named, Str, Structure, Type, Value, functions};
//! use std::rc::Rc;
//!
//! pub static VERSION: Named = Named {
//!     methods: || functions! { "Major" => major, (Version) },
//!     text: Some(|value| Version::take(value).map_or_else(Str::default, |version| version.0.to_string().into())),
//!     ..Named::new("demo.Version", Kind::Struct)
//! };
//!
//! pub struct Version(u64);
//!
//! impl Arg<'_> for Version {
//!     const TYPE: Type = Type::Named(&VERSION);
//!
//!     fn take(value: &Value) -> Option<Self> {
//!         match value {
//!             Value::Struct(structure) | Value::Pointer(structure) => structure.inner::<u64>().copied().map(Version),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! fn major(_: &mut Context<'_>, version: Version) -> Result<i64, Error> {
//!     i64::try_from(version.0).map_err(|_| Error::new("too large"))
//! }
//!
//! let value = Value::Struct(Rc::new(Structure::opaque(&VERSION, 3_u64)));
//! assert_eq!(value.type_name(), "demo.Version");
//! ```
//!
//! What values look like as text is in [`fmt`] ([`fmt::display`] is `%v`), numbers and quoting in [`strconv`].
//!
//! Errors: [`Error::new`] where Go's function returns one, [`Error::panic`] where it panics; neither may quote an argument.
//! [`Error::quoting`] where Go's text does.
#![forbid(unsafe_code)]
mod builtins;
mod compare;
mod context;
mod error;
mod exec;
pub mod fmt;
mod function;
mod list;
mod map;
mod parse;
pub mod strconv;
mod structure;
mod template;
mod text;
mod types;
mod value;

pub use context::{Context, Host, Limits};
pub use error::Error;
#[doc(hidden)]
pub use function::mistaken;
pub use function::{Arg, Function, FunctionTable, Groups, Int, Ints, Maps, Rest, Run, Strings};
pub use list::List;
pub use map::Map;
pub use structure::{NamedValue, Structure};
pub use template::{MissingKey, Options, Output, Problem, Stage, Template};
pub use text::Str;
pub use types::{Field, Kind, Named, Type};
pub use value::Value;
