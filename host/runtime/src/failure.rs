//! Every way in which a call can end badly, told apart.
use std::time::Duration;

/// What a caller should do about a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter)]
pub enum Class {
    /// Retry later.
    Transient,
    /// Nothing helps until a user changes something.
    UserFix,
    /// A right is missing.
    Denied,
    /// A fault of the plugin; counted by the breaker.
    Plugin,
    /// A fault of the host.
    Host,
}

/// One thing wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the settings.
    pub pointer: String,
    /// Bounded text.
    pub message: String,
}

/// One thing wrong with a template. Line and column count from 1, 0 where unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Key of the entry.
    pub entry: String,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
    /// Bounded text.
    pub message: String,
}

/// Why a call gave no result. Texts are at most 256 characters each, without control characters; [`Failure::reason`] is
/// bounded.
#[derive(Clone, Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum Failure {
    /// No plugin of that name and world serves.
    #[error("plugin {plugin:?} is not there; there are: {available}")]
    NotFound {
        /// The name that was asked for.
        plugin: String,
        /// Names that serve in that world.
        available: String,
    },
    /// The plugin is there, but no version of it could be loaded.
    #[error("plugin {plugin:?} is not ready: {cause}")]
    NotReady {
        /// Name.
        plugin: String,
        /// Why the load failed.
        cause: String,
    },
    /// The settings break the schema or the plugin's own check.
    #[error("the settings of the plugin are wrong: {}", list(.0, |v| format!("{}: {}", if v.pointer.is_empty() { "/" } else { &v.pointer }, v.message)))]
    Settings(Vec<Violation>),
    /// A template does not parse or does not render.
    #[error("the template does not render: {}", list(.0, |d| format!("{} (line {}, column {}): {}", d.entry, d.line, d.column, d.message)))]
    Template(Vec<Diagnostic>),
    /// A credential is missing, malformed or refused.
    #[error("credentials: {0}")]
    Credentials(String),
    /// The plugin refused.
    #[error("refused by the plugin: {0}")]
    Denied(String),
    /// The plugin used a capability that this call does not have.
    #[error("capability {capability} is not granted to plugin {plugin:?}{}", if *ambient { " in this call" } else { "" })]
    NotGranted {
        /// Name.
        plugin: String,
        /// As it would stand in a grant.
        capability: String,
        /// Granted, but withheld from this call since it is an ambient source and the server is not trusted.
        ambient: bool,
    },
    /// Something outside gives no answer, or none that can be used, for now.
    #[error("a service that the plugin needs is not available: {text}")]
    Unavailable {
        /// When to try again, where the plugin knows.
        after: Option<Duration>,
        /// The plugin's words, and what the host itself could not reach last during the call. Bounded.
        text: String,
    },
    /// A trap: unreachable code, a bad access, perhaps a recursion too deep.
    #[error("the plugin trapped: {0}")]
    Trapped(String),
    /// Used more CPU than its budget, or took longer than its time.
    #[error("the plugin took too long ({0})")]
    TimedOut(&'static str),
    /// Wanted more memory than its limit.
    #[error("the plugin wanted more memory than its limit of {0} bytes")]
    OutOfMemory(usize),
    /// Made more host calls, handles or bytes than its budget.
    #[error("the plugin exceeded its budget of {0}")]
    Budget(&'static str),
    /// The result breaks the contract.
    #[error("the plugin's result can't be used: {0}")]
    BadResult(String),
    /// The plugin reports a fault of its own.
    #[error("the plugin failed: {0}")]
    Internal(String),
    /// All places for calls are taken.
    #[error("too many calls of this plugin at once")]
    Busy,
    /// Failed too often lately; not called for a while.
    #[error("the plugin failed too often and is held off for {0:?}")]
    HeldOff(Duration),
    /// A fault of the host.
    #[error("the host failed: {0}")]
    Host(&'static str),
}

impl Failure {
    /// Bounded name, for conditions and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.into()
    }

    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NotFound { .. } | Self::Settings(_) | Self::Template(_) | Self::Credentials(_) => Class::UserFix,
            Self::Denied(_) | Self::NotGranted { .. } => Class::Denied,
            Self::NotReady { .. } | Self::Unavailable { .. } | Self::Busy | Self::HeldOff(_) => Class::Transient,
            Self::Trapped(_) | Self::TimedOut(_) | Self::OutOfMemory(_) | Self::Budget(_) | Self::BadResult(_) | Self::Internal(_) => {
                Class::Plugin
            }
            Self::Host(_) => Class::Host,
        }
    }

    /// When to try again, where the failure knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { after, .. } => *after,
            Self::HeldOff(after) => Some(*after),
            _ => None,
        }
    }
}

/// At most four, so that a message stays readable.
fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    let mut text = items.iter().take(4).map(show).collect::<Vec<_>>().join("; ");
    if items.len() > 4 {
        text.push_str(&format!("; and {} more", items.len() - 4));
    }
    text
}
