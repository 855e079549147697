//! What `migrate` may find: each rule with its name, how much it asks of the user, and one sentence. `docs/migration.md` has
//! the same table; a test compares them.
use serde::Serialize;
use strum::{EnumIter, IntoStaticStr};

/// How much a finding asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Someone has to do or to decide something.
    Act,
    /// It works otherwise than before, and nothing needs to be done.
    Differs,
}

impl Level {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Differs => "differs",
        }
    }
}

/// A rule. Its name is printed and may be searched for in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    Refused,
    UntrustedHost,
    MethodGone,
    SeveralLogins,
    TargetExists,
    TargetControlled,
    TargetClaimed,
    PushClaimed,
    TargetDropped,
    Drift,
    Immutable,
    MissedRestart,
    LeaseTtl,
    BeingDeleted,
    FunctionGone,
    DefinitionMissing,
    DefinitionNotKept,
    RightMissing,
    DefaultInterval,
    BadInterval,
    Deprecated,
    UnknownValue,
    SecretType,
    TargetMissing,
    RestartLater,
    LongName,
    TrackingKeys,
    Finalizers,
    RandomValues,
    AddressApi,
    ConnectionCa,
    PushKeeps,
    PushLeaves,
    GeneratedOnce,
    LeaseReplaced,
    ConfigWithoutHost,
    RightOptional,
}

impl Rule {
    /// Its name, for example `target-exists`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// How much it asks for.
    #[must_use]
    pub fn level(self) -> Level {
        // The declaration has them in this order.
        if self < Self::DefaultInterval { Level::Act } else { Level::Differs }
    }

    /// What it says, in one sentence.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Refused => "the resource can't be served as it is; the message says what to mend",
            Self::UntrustedHost => "the operator's own identity would go to a server that nobody declared trusted: pass `--trusted-host`",
            Self::MethodGone => "Infisical no longer serves the login method",
            Self::SeveralLogins => {
                "several logins are filled in; Infisical's operator takes one at random, here the first of a fixed order"
            }
            Self::TargetExists => "the target holds keys that no operator noted as its own; it is left alone until it is annotated",
            Self::TargetControlled => "the target is controlled by someone else and is left alone",
            Self::TargetClaimed => "several resources name one target; one of them keeps it, the others fail",
            Self::PushClaimed => "several resources push one secret; the one that has it keeps it, then the oldest, the others fail",
            Self::TargetDropped => "the resource owns an object that it no longer names; it is deleted",
            Self::Drift => "the target was edited by hand; it is written back to what Infisical holds, and who follows it restarts",
            Self::Immutable => "the target is immutable, so no change reaches it",
            Self::MissedRestart => "a workload runs with older data than the target holds; it is restarted once",
            Self::LeaseTtl => "the life of the lease is outside of what is allowed, 5 s to 1 day",
            Self::BeingDeleted => "the resource waits for its clean-up; here its finalizer goes only after a clean-up that succeeded",
            Self::FunctionGone => "a template calls a function that is not there",
            Self::DefinitionMissing => "a definition is not installed, so resources of that kind can't be",
            Self::DefinitionNotKept => {
                "uninstalling the Helm chart deletes the definition, and with it all its resources and what they own"
            }
            Self::RightMissing => "the operator's account lacks a right that it needs",
            Self::DefaultInterval => "no interval is set; the default is 60 s, not 5 minutes",
            Self::BadInterval => {
                "the interval is none; Infisical's operator takes its default in silence, here 60 s, or 5 s for a shorter one, with a warning"
            }
            Self::Deprecated => "a field has a successor",
            Self::UnknownValue => "a value without meaning is treated as the default, with a warning",
            Self::SecretType => "the Secret has another type than is asked for; it keeps it, and its data is kept fresh, with a warning",
            Self::TargetMissing => "the target is not there; it is made at once, also while Infisical has nothing new",
            Self::RestartLater => "a workload opted in and was never restarted; it is restarted at the next change, not at once",
            Self::LongName => "the name of the target has more than 48 characters; who follows it restarts now",
            Self::TrackingKeys => "labels or annotations of a GitOps tool are no longer copied to targets",
            Self::Finalizers => "finalizers of others stay when the resource is deleted",
            Self::RandomValues => "random values and times stay until template or data change",
            Self::AddressApi => "the address ends in /api, which Infisical's operator answers with 404",
            Self::ConnectionCa => "the CA of the connection is used for every call",
            Self::PushKeeps => "`updatePolicy` is not `Replace`, so nothing is overwritten, not even what was pushed before",
            Self::PushLeaves => "`deletionPolicy` is not `Delete`, so a key that leaves the source stays in Infisical",
            Self::GeneratedOnce => "generated values are made once and kept",
            Self::LeaseReplaced => "a lease that is replaced is revoked",
            Self::ConfigWithoutHost => "infisical-config names no server; the default is used, where Infisical's operator has none",
            Self::RightOptional => "the operator's account lacks a right that it can do without",
        }
    }
}

/// Something about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// With field, what was found, what happens and what to do. Never a value of a secret.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn the_documentation_has_each_rule_with_its_sentence() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migration.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| [" | act | ", " | differs | "].iter().any(|level| line.contains(level))).collect();
        let wanted: Vec<_> =
            Rule::iter().map(|rule| format!("| `{}` | {} | {} |", rule.name(), rule.level().name(), rule.summary())).collect();
        assert_eq!(rows, wanted, "the table of findings in docs/migration.md; it must be:\n{}", wanted.join("\n"));
    }
}
