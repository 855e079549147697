//! Reasons of the faults and warnings that a plan gives, as they stand in conditions, Events and metrics. All of them here,
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
/// What is in it can't be a credential of this kind.
pub const INVALID_CREDENTIALS: &str = "InvalidCredentials";
/// A ServiceAccount that the resource refers to does not exist.
pub const SERVICE_ACCOUNT_NOT_FOUND: &str = "ServiceAccountNotFound";
/// It exists, without a long-lived token.
pub const SERVICE_ACCOUNT_TOKEN_MISSING: &str = "ServiceAccountTokenMissing";
/// An identity that is not the resource's own would go to a server that is not trusted.
pub const AMBIENT_NOT_GRANTED: &str = "AmbientNotGranted";
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
/// A key that Kubernetes does not take.
pub const INVALID_KEY: &str = "InvalidKey";
/// More than Kubernetes takes.
pub const TOO_LARGE: &str = "TargetTooLarge";
/// A deprecated field is used. A warning.
pub const DEPRECATED: &str = "DeprecatedField";
/// A value without meaning is treated like another one. A warning.
pub const UNKNOWN_VALUE: &str = "UnknownValue";
/// A wish that this version does not serve. A warning.
pub const NOT_SERVED: &str = "NotServed";
