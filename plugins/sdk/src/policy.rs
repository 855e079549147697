//! Plugins that allow or refuse what the operator is about to do. An error or a trap counts as a refusal.
use crate::{Error, Extensions, Plugin};

pub use crate::sys::policy::Decision;

/// A plugin of the world `policy-plugin`. Exported by [`export_policy!`](crate::export_policy).
pub trait Policy: Plugin {
    /// Decides. Must allow at a stage that it doesn't know.
    ///
    /// # Errors
    /// Where it can't decide: the host refuses.
    fn evaluate(request: Request<Self::Settings>) -> Result<Verdict, Error>;
}

/// What is about to happen.
pub struct Request<S> {
    /// Checked by the schema of the descriptor and by [`Plugin::check`].
    pub settings: S,
    /// Known: `before-login`, `before-apply`.
    pub stage: String,
    /// An object; its members are told in `wit/policy.wit`.
    pub subject: serde_json::Value,
    /// Empty today.
    pub extensions: Extensions,
}

/// A decision and its reasons.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Shown to the user. At most 8.
    pub texts: Vec<String>,
}

impl Verdict {
    /// Go on.
    #[must_use]
    pub fn allow() -> Self {
        Self { decision: Decision::Allow, texts: vec![] }
    }

    /// Go on and say so.
    #[must_use]
    pub fn warn(text: impl Into<String>) -> Self {
        Self { decision: Decision::Warn, texts: vec![text.into()] }
    }

    /// Stop.
    #[must_use]
    pub fn deny(text: impl Into<String>) -> Self {
        Self { decision: Decision::Deny, texts: vec![text.into()] }
    }
}
