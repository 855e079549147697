//! A host for tests: stands behind the imports when a plugin is built for any other target than wasm, and calls the plugin
//! as the operator does.
//!
//! ```
//! # use plugin_sdk::{Descriptor, Error, Input, NoSettings, Plugin, authenticator::{Authenticator, Proved, Request}};
//! # struct Token;
//! # impl Plugin for Token { type Settings = NoSettings; fn descriptor() -> Descriptor {
//! #     Descriptor::new("token", "0.1.0", "A token as it is.").input(Input::required("token", "The token.")) } }
//! # impl Authenticator for Token { fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
//! #     Ok(Proved::token(request.credential("token")?)) } }
//! use plugin_sdk::testing::{Host, Login};
//! let login = Host::new().input("token", "t-1").authenticate::<Token>("{}").unwrap();
//! assert!(matches!(login, Login::Token(token) if token == b"t-1"));
//! ```
//!
//! It checks what the host checks: the descriptor against its schema, the settings against the schema of the descriptor, the
//! inputs, the rules of an exchange. It grants every capability that the descriptor asks for but those withheld. It does not
//! have the limits of a call: those are of the engine.
mod answer;
mod call;
pub(crate) mod imports;
mod state;

pub use answer::{Failure, Login, Posted, Sent};
pub use state::Host;
