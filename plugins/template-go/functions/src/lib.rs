//! The functions of Go templates in Infisical's operator and in External Secrets Operator.
//!
//! A file per group of sprig's documentation, and one for each kind of own functions. Where the two operators link different
//! versions of a library, a group has further tables, which stand in the dialect's own list and are
//! searched before the common ones.
//! `env`, `expandenv` and `getHostByName` are missing on purpose. See [`go_template_engine`] for how a function is written.
#![forbid(unsafe_code)]
mod cast;
mod convert;
mod crypto;
mod dates;
mod defaults;
mod dicts;
pub mod docs;
mod encoding;
mod go;
mod json;
mod jwk;
mod lists;
mod math;
mod merge;
mod own;
mod paths;
mod pem;
mod pkcs12;
mod pki;
mod random;
mod reflect;
mod regex;
mod semver;
mod strings;
mod url;
mod values;
mod yaml;

use go_template_engine::{Function, FunctionTable};

/// Whose templates are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Infisical's InfisicalSecret and InfisicalPushSecret.
    InfisicalSecret,
    /// Infisical's InfisicalStaticSecret.
    StaticSecret,
    /// External Secrets Operator, engine v2.
    ExternalSecret,
}

/// What templates of that dialect can call beside the language's own functions.
pub fn functions(dialect: Dialect) -> FunctionTable {
    let own = match dialect {
        Dialect::InfisicalSecret => INFISICAL_SECRET,
        Dialect::StaticSecret => STATIC_SECRET,
        Dialect::ExternalSecret => EXTERNAL_SECRET,
    };
    FunctionTable::new(own, COMMON)
}

/// Searched first, in templates of that dialect alone.
static INFISICAL_SECRET: &[&[Function]] = &[
    math::FUNCTIONS_1_7,
    convert::FUNCTIONS_1_7,
    lists::FUNCTIONS_1_7,
    semver::FUNCTIONS_3_3,
    crypto::INFISICAL,
    yaml::INFISICAL,
    pkcs12::INFISICAL,
    jwk::INFISICAL,
    pem::INFISICAL,
    own::INFISICAL,
];
static STATIC_SECRET: &[&[Function]] = &[
    math::FUNCTIONS_1_7,
    convert::FUNCTIONS_1_7,
    lists::FUNCTIONS_1_7,
    semver::FUNCTIONS_3_3,
    crypto::INFISICAL,
    yaml::INFISICAL,
    pkcs12::INFISICAL,
    jwk::INFISICAL,
    pem::INFISICAL,
    own::INFISICAL,
    own::STATIC,
];
static EXTERNAL_SECRET: &[&[Function]] = &[
    math::FUNCTIONS_1_10,
    convert::FUNCTIONS_1_10,
    lists::FUNCTIONS_1_10,
    semver::FUNCTIONS_3_4,
    crypto::EXTERNAL,
    yaml::EXTERNAL,
    pkcs12::EXTERNAL,
    jwk::EXTERNAL,
    pem::EXTERNAL,
    own::EXTERNAL,
];

/// The same in all dialects.
static COMMON: &[&[Function]] = &[
    strings::FUNCTIONS,
    lists::FUNCTIONS,
    dicts::FUNCTIONS,
    math::FUNCTIONS,
    regex::FUNCTIONS,
    paths::FUNCTIONS,
    url::FUNCTIONS,
    reflect::FUNCTIONS,
    defaults::FUNCTIONS,
    convert::FUNCTIONS,
    dates::FUNCTIONS,
    encoding::FUNCTIONS,
    json::FUNCTIONS,
    random::FUNCTIONS,
    crypto::FUNCTIONS,
];
