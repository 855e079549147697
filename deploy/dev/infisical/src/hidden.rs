//! Text that must not be printed: secret values, client secrets, reviewer tokens.
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

/// A text without a readable `Debug` and without `Display`; read it with [`Hidden::expose`].
#[derive(Clone, Debug, Default)]
pub struct Hidden(SecretString);

impl Hidden {
    /// The text itself. The caller keeps it out of logs and errors.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
