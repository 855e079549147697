//! Plugins that make new values. The host keeps them: a plugin has no state.
use crate::{Error, Extensions, Plugin};

/// A plugin of the world `generator-plugin`. Exported by [`export_generator!`](crate::export_generator).
pub trait Generator: Plugin {
    /// Makes values.
    ///
    /// # Errors
    /// Most often that of an import, handed on.
    fn generate(request: Request<Self::Settings>) -> Result<Generated, Error>;
}

/// What to make.
pub struct Request<S> {
    /// Checked by the schema of the descriptor and by [`Plugin::check`].
    pub settings: S,
    /// Empty today.
    pub extensions: Extensions,
}

/// What was made.
#[derive(Default)]
pub struct Generated {
    /// No key twice. At most 1 MiB in all.
    pub outputs: Vec<Output>,
    /// Shown to the user once. At most 8.
    pub notices: Vec<String>,
}

/// One value. Can't be formatted.
pub struct Output {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
}
