//! How a reconcile ended. Conditions, Events, metrics and the next try all derive from this, in one place.
use crate::rights::Blind;
use std::time::Duration;

/// What to do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter)]
pub enum Class {
    /// Retried with back-off.
    Transient,
    /// Retried slowly; a change of the object or of what it refers to retries at once.
    UserFix,
    /// A right is missing; as `UserFix`.
    Denied,
    /// A plugin's fault; retried with back-off.
    Plugin,
    /// A fault of the operator; retried with back-off, logged as an error.
    Bug,
}

/// Why a step did not succeed. `reason` is bounded and CamelCase; `message` says the object, the field path, what was
/// found, what is allowed and what to do. Neither ever holds a value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub reason: &'static str,
    pub class: Class,
    pub message: String,
    /// Where the other side said when.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(reason: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self { reason, class, message: message.into(), retry_after: None }
    }
}

/// The steps, in order. A fault at one says that all before it succeeded, as far as they don't depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::EnumIter)]
pub enum Stage {
    /// Objects that the resource leads through, or pushes.
    Dereference,
    Plan,
    /// What the login needs, before anything is sent: its block, the objects that it refers to, the server.
    Credentials,
    BeforeLogin,
    Login,
    Read,
    Render,
    BeforeApply,
    Apply,
    Reload,
}

/// What a reconcile that reached its end did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Strategy name of the login, for example `UNIVERSAL_MACHINE_IDENTITY`.
    pub method: String,
    /// Secrets that the source gave.
    pub secrets: usize,
    /// Workloads that follow the targets.
    pub workloads: usize,
    /// Of these, restarted in this pass.
    pub restarted: usize,
    /// What works but should be mended: several auth blocks, a deprecated field.
    pub warnings: Vec<Fault>,
    /// What is not noticed for want of a right.
    pub blind: Blind,
}

/// The end of a reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one target was written.
    Synced(Done),
    /// Everything was as it should be; nothing was written.
    Unchanged(Done),
    /// Not done yet, through nobody's fault.
    Waiting(Fault),
    /// A step failed; the targets are as they were, but for those before the failing one.
    Failed { stage: Stage, fault: Fault, method: Option<String> },
}

impl Outcome {
    /// Label of metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Synced(_) => "synced",
            Self::Unchanged(_) => "unchanged",
            Self::Waiting(_) => "waiting",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Makes outcomes of faults of one stage. `method` is the login method, where it is known.
pub fn failed(stage: Stage, method: Option<&str>) -> impl Fn(Fault) -> Outcome {
    let method = method.map(str::to_owned);
    move |fault| Outcome::Failed { stage, fault, method: method.clone() }
}

impl From<runtime::Failure> for Fault {
    fn from(failure: runtime::Failure) -> Self {
        use runtime::{Class as Kind, Failure};
        let class = match failure.class() {
            Kind::Transient => Class::Transient,
            Kind::UserFix => Class::UserFix,
            Kind::Denied => Class::Denied,
            Kind::Plugin => Class::Plugin,
            Kind::Host => Class::Bug,
        };
        let (reason, hint) = match &failure {
            Failure::NotFound { .. } => ("PluginNotFound", ""),
            Failure::NotReady { .. } => ("PluginNotReady", ""),
            Failure::Settings(_) => ("InvalidSettings", ""),
            Failure::Template(_) => ("TemplateFailed", ""),
            Failure::Credentials(_) => ("InvalidCredentials", ""),
            Failure::Denied(_) => ("PluginDenied", ""),
            Failure::NotGranted { ambient: true, .. } => ("AmbientNotGranted", ""),
            Failure::NotGranted { .. } => ("CapabilityNotGranted", "; an administrator grants capabilities in the bundle's index"),
            Failure::Unavailable { .. } => ("PluginServiceUnavailable", ""),
            Failure::Trapped(_) => ("PluginTrapped", ""),
            Failure::TimedOut(_) => ("PluginTimedOut", ""),
            Failure::OutOfMemory(_) => ("PluginOutOfMemory", ""),
            Failure::Budget(_) => ("PluginBudgetExceeded", ""),
            Failure::BadResult(_) => ("PluginBadResult", ""),
            Failure::Internal(_) => ("PluginFailed", ""),
            Failure::Busy => ("PluginBusy", ""),
            Failure::HeldOff(_) => ("PluginHeldOff", ""),
            Failure::Host(_) => ("InternalError", ""),
        };
        Self { reason, class, message: format!("{failure}{hint}"), retry_after: failure.retry_after() }
    }
}

impl From<infisical::Error> for Fault {
    fn from(error: infisical::Error) -> Self {
        use infisical::Class as Kind;
        let class = match error.class() {
            Kind::Transient | Kind::NotInfisical => Class::Transient,
            Kind::UserFix => Class::UserFix,
            Kind::Unauthorized | Kind::Denied => Class::Denied,
        };
        let reason = match (&error, error.class()) {
            (infisical::Error::Refused { status: 429, .. }, _) => "RateLimited",
            (infisical::Error::Refused { status: 404, .. }, _) => "NotFound",
            (infisical::Error::Refused { .. }, Kind::Unauthorized) => "Unauthorized",
            (infisical::Error::Refused { .. }, Kind::Denied) => "PermissionDenied",
            (infisical::Error::Refused { .. }, Kind::Transient) => "ServerError",
            (infisical::Error::Refused { .. }, _) => "RequestRefused",
            (other, _) => match other.reason() {
                "Hidden" => "SecretValueHidden",
                "CaBundle" => "InvalidCaBundle",
                "Login" => "LoginNotSendable",
                "Request" => "InvalidRequest",
                reason => reason,
            },
        };
        Self { reason, class, message: error.to_string(), retry_after: error.retry_after() }
    }
}
