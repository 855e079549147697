//! Names that tooling relies on: annotations and types of conditions.

/// Group of all resources of this dialect.
pub const GROUP: &str = "secrets.infisical.com";

/// Annotations, on resources of ours, on their targets, on workloads.
pub mod annotation {
    /// On a target: the hash of its data ([`crate::version`]).
    pub const VERSION: &str = "secrets.infisical.com/version";
    /// On a target: the keys of the labels that were copied from the resource, sorted, joined by commas.
    pub const MANAGED_LABELS: &str = "secrets.infisical.com/managed-labels";
    /// On a target: the same for annotations.
    pub const MANAGED_ANNOTATIONS: &str = "secrets.infisical.com/managed-annotations";
    /// On a target in another namespace than the resource that owns it, where an owner reference can't reach: kind, namespace, name
    /// and uid of that resource, joined by slashes.
    pub const OWNER: &str = "secrets.infisical.com/owner";
    /// On a target: digest of the templates and the source data of its volatile entries.
    pub const INPUTS: &str = "secrets.infisical.com/inputs";
    /// On a workload and its pod template, followed by the name of the Secret or ConfigMap: the version that the pods run with.
    pub const MANAGED_SECRET_PREFIX: &str = "secrets.infisical.com/managed-secret.";
    /// The same for a ConfigMap, where a Secret of its name is read too.
    pub const MANAGED_CONFIG_MAP_PREFIX: &str = "secrets.infisical.com/managed-configmap.";
    /// On a workload, set by its owner to `"true"`: restart it when a Secret that it uses changes.
    pub const AUTO_RELOAD: &str = "secrets.infisical.com/auto-reload";
    /// On a Secret or ConfigMap, set by its owner to `"true"`: a resource may take it over with all its keys.
    pub const ADOPT: &str = "secrets.infisical.com/adopt";
    /// On a resource: a new value forces a fresh read at once, whatever the interval.
    pub const RESYNC: &str = "secrets.infisical.com/resync";
    /// On a resource, set by its owner to `"true"`: keys by which a GitOps tool knows what it manages are copied to targets too.
    pub const COPY_TRACKING_KEYS: &str = "secrets.infisical.com/copy-tracking-keys";
    /// On a resource, set by its owner to `"true"`: nothing is done for it until this is taken away, but for its deletion.
    pub const SUSPEND: &str = "secrets.infisical.com/suspend";
    /// On a resource: a new value makes volatile entries anew.
    pub const REROLL: &str = "secrets.infisical.com/reroll";
    /// On an InfisicalPushSecret: a new value generates its values anew.
    pub const REGENERATE: &str = "secrets.infisical.com/regenerate";
}

/// Finalizers: a resource with one of them is gone only after it was cleaned up for.
pub mod finalizer {
    /// On an InfisicalPushSecret.
    pub const PUSH_SECRET: &str = "pushsecret.secrets.infisical.com/finalizer";
    /// On an InfisicalDynamicSecret.
    pub const DYNAMIC_SECRET: &str = "dynamicsecret.secrets.infisical.com/finalizer";
}

/// Types of conditions.
pub mod condition {
    /// On every kind, with `observedGeneration`: the one to look at.
    pub const READY: &str = "Ready";
    /// `True` on a resource that is suspended; absent on all others.
    pub const SUSPENDED: &str = "Suspended";
    /// A login succeeded.
    pub const LOADED_TOKEN: &str = "secrets.infisical.com/LoadedInfisicalToken";
    /// The targets hold what Infisical holds.
    pub const READY_TO_SYNC: &str = "secrets.infisical.com/ReadyToSyncSecrets";
    /// The workloads that follow the targets are up to date.
    pub const AUTO_REDEPLOY: &str = "secrets.infisical.com/AutoRedeployReady";
    /// An InfisicalPushSecret logged in.
    pub const AUTHENTICATED: &str = "secrets.infisical.com/Authenticated";
    /// Of an InfisicalPushSecret `True` where the last pass failed, as with the peer; of an InfisicalDynamicSecret where it did
    /// not.
    pub const RECONCILE: &str = "secrets.infisical.com/Reconcile";
    /// Some secrets could not be created.
    pub const FAILED_TO_CREATE: &str = "secrets.infisical.com/FailedToCreateSecrets";
    /// Some secrets that were pushed before could not be changed.
    pub const FAILED_TO_UPDATE: &str = "secrets.infisical.com/FailedToUpdateSecrets";
    /// Some secrets of others could not be replaced.
    pub const FAILED_TO_REPLACE: &str = "secrets.infisical.com/FailedToReplaceSecrets";
    /// Some secrets could not be deleted.
    pub const FAILED_TO_DELETE: &str = "secrets.infisical.com/FailedToDeleteSecrets";
    /// An InfisicalConnection or InfisicalAuth can be used.
    pub const IS_READY: &str = "secrets.infisical.com/IsReady";
    /// The method of an InfisicalAuth, as message.
    pub const AUTH_METHOD: &str = "secrets.infisical.com/AuthMethod";
    /// How the last pass of an InfisicalStaticSecret went.
    pub const LAST_STATUS: &str = "secrets.infisical.com/LastReconcileStatus";
    /// When it last succeeded, as message.
    pub const LAST_SUCCESS: &str = "secrets.infisical.com/LastSuccessfulReconcileAt";
    /// The method of its login, as message.
    pub const LAST_AUTH_METHOD: &str = "secrets.infisical.com/LastReconcileAuthMethod";
    /// How many workloads its last change restarted, as message.
    pub const LAST_AFFECTED: &str = "secrets.infisical.com/LastReconcileAffectedDeployments";
}
