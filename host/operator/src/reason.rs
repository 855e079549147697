//! Reasons of the faults and warnings that a plan and its targets give, as they stand in conditions, Events and metrics. All of them here,
//! so that they stay few and are spelt in one way.

/// `spec.authentication` names no method.
pub const NO_METHOD: &str = "AuthenticationMissing";
/// Several methods are filled in; one of them is used. A warning.
pub const SEVERAL_METHODS: &str = "AuthenticationAmbiguous";
/// Infisical no longer serves the method, or this operator never will.
pub const UNSUPPORTED: &str = "Unsupported";
/// A Secret that the resource refers to does not exist.
pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
/// It exists, without the key or with an empty value.
pub const SECRET_KEY_NOT_FOUND: &str = "SecretKeyNotFound";
/// The InfisicalAuth that the resource refers to does not exist.
pub const AUTH_NOT_FOUND: &str = "AuthNotFound";
/// The InfisicalConnection that an InfisicalAuth refers to does not exist.
pub const CONNECTION_NOT_FOUND: &str = "ConnectionNotFound";
/// No generator has the name that the resource refers to.
pub const GENERATOR_NOT_FOUND: &str = "GeneratorNotFound";
/// A generator generates something else than the resource asks for.
pub const GENERATOR_KIND: &str = "GeneratorKindMismatch";
/// A generator has something to say. A warning.
pub const GENERATOR_NOTICE: &str = "GeneratorNotice";
/// What is in it can't be a credential of this kind.
pub const INVALID_CREDENTIALS: &str = "InvalidCredentials";
/// A ServiceAccount that the resource refers to does not exist.
pub const SERVICE_ACCOUNT_NOT_FOUND: &str = "ServiceAccountNotFound";
/// It exists, without a long-lived token.
pub const SERVICE_ACCOUNT_TOKEN_MISSING: &str = "ServiceAccountTokenMissing";
/// An identity that is not the resource's own would go to a server that is not trusted.
pub const AMBIENT_NOT_GRANTED: &str = "AmbientNotGranted";
/// The namespace may not use the plugin.
pub const PLUGIN_NOT_GRANTED: &str = "PluginNotGranted";
/// A field is missing, or its value is none of those that are allowed.
pub const INVALID_SPEC: &str = "InvalidSpec";
/// A project, an environment, a folder.
pub const INVALID_SCOPE: &str = "InvalidScope";
/// An interval.
pub const INVALID_INTERVAL: &str = "InvalidInterval";
/// The address of the server.
pub const INVALID_ADDRESS: &str = "InvalidAddress";
/// The ConfigMap of global settings.
pub const INVALID_CONFIG: &str = "InvalidGlobalConfig";
/// No target.
pub const NO_TARGET: &str = "TargetMissing";
/// Both forms of targets, or one target twice.
pub const AMBIGUOUS_TARGET: &str = "TargetAmbiguous";
/// A target that can't be.
pub const INVALID_TARGET: &str = "InvalidTarget";
/// An owner reference would reach across namespaces.
pub const OWNER_ELSEWHERE: &str = "OwnerInOtherNamespace";
/// A template's keys, labels or annotations.
pub const INVALID_TEMPLATE: &str = "InvalidTemplate";
/// The template engine has something to say. A warning.
pub const TEMPLATE_NOTICE: &str = "TemplateNotice";
/// A template names values that are not there. A warning.
pub const MISSING_VALUES: &str = "TemplateValuesMissing";
/// A key that Kubernetes does not take.
pub const INVALID_KEY: &str = "InvalidKey";
/// More than Kubernetes or Infisical takes.
pub const TOO_LARGE: &str = "TargetTooLarge";
/// A value that Infisical does not take.
pub const INVALID_VALUE: &str = "InvalidValue";
/// The folder that is to be written to does not exist.
pub const FOLDER_NOT_FOUND: &str = "FolderNotFound";
/// A Secret that is pushed is suddenly empty.
pub const SOURCE_EMPTY: &str = "SourceEmpty";
/// Another resource pushes the same secret to the same folder.
pub const SECRET_CLAIMED: &str = "SecretClaimed";
/// Infisical holds another value, which the policy keeps. A warning.
pub const VALUE_KEPT: &str = "ValueKept";
/// What was pushed before stays where it is. A warning.
pub const LEFT_BEHIND: &str = "LeftBehind";
/// A change waits for somebody's approval in Infisical.
pub const APPROVAL_PENDING: &str = "ApprovalPending";
/// What a resource asked for is no longer wanted, and could still be approved. A warning.
pub const APPROVAL_UNWANTED: &str = "ApprovalUnwanted";
/// A resource went, or pushes elsewhere, while something that it asked for could still be approved. A warning.
pub const APPROVAL_LEFT_OPEN: &str = "ApprovalLeftOpen";
/// A write was cut off, and may still arrive.
pub const WRITE_CUT_OFF: &str = "WriteCutOff";
/// A deprecated field is used. A warning.
pub const DEPRECATED: &str = "DeprecatedField";
/// A value without meaning is treated like another one. A warning.
pub const UNKNOWN_VALUE: &str = "UnknownValue";
/// A wish that this version does not serve. A warning.
pub const NOT_SERVED: &str = "NotServed";
/// Instant updates are asked for, but the server does not give them; secrets are read at the interval. A warning.
pub const INSTANT_UPDATES: &str = "InstantUpdatesUnavailable";
/// The target is controlled by someone else.
pub const TARGET_OWNED: &str = "TargetOwned";
/// The target is there already, with keys of someone else.
pub const TARGET_EXISTS: &str = "TargetExists";
/// Another resource keeps the target.
pub const TARGET_CLAIMED: &str = "TargetClaimed";
/// Something else keeps changing the target.
pub const TARGET_CONTESTED: &str = "TargetContested";
/// The target is being deleted and waits for its finalizers.
pub const TARGET_TERMINATING: &str = "TargetTerminating";
/// The target is immutable and out of date.
pub const TARGET_IMMUTABLE: &str = "TargetImmutable";
/// The target has another type than the resource wants. A warning.
pub const SECRET_TYPE_IMMUTABLE: &str = "SecretTypeImmutable";
/// A lease that was replaced can't be revoked by this resource any more. A warning.
pub const LEASE_NOT_REVOKED: &str = "LeaseNotRevoked";
/// A lease that was just made is over already.
pub const LEASE_OVER: &str = "LeaseOver";
/// Others keep changing what is to be written.
pub const WRITE_CONFLICT: &str = "WriteConflict";
/// The API server refuses a workload as it would be after its restart.
pub const WORKLOAD_INVALID: &str = "WorkloadInvalid";
/// The operator may not watch a kind of object.
pub const WATCH_FORBIDDEN: &str = "WatchForbidden";
/// The resource is being deleted.
pub const DELETED: &str = "Deleted";
/// A target's namespace is not there, or none matches.
pub const NAMESPACE_NOT_FOUND: &str = "NamespaceNotFound";
/// A target's namespace is being deleted.
pub const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";
/// The operator lacks a right, or a policy of the cluster refuses.
pub const API_SERVER_FORBIDDEN: &str = "ApiServerForbidden";
/// The API server refuses an object as it is.
pub const API_SERVER_INVALID: &str = "ApiServerInvalid";
/// The API server does not know the operator.
pub const API_SERVER_UNAUTHORIZED: &str = "ApiServerUnauthorized";
/// The API server has a fault, or too much to do.
pub const API_SERVER_UNAVAILABLE: &str = "ApiServerUnavailable";
/// The API server can't be reached.
pub const API_SERVER_UNREACHABLE: &str = "ApiServerUnreachable";
/// The API server gave no answer in time.
pub const API_SERVER_TIMED_OUT: &str = "ApiServerTimedOut";
/// An answer of the API server can't be decoded.
pub const API_SERVER_ANSWER: &str = "ApiServerAnswer";
