//! Versions as semver.org has them, and constraints on them.
use std::rc::Rc;

use go_template_engine::{Arg, Context, Error, Field, Function, Kind, Named, Str, Structure, Type, Value, functions};

use crate::go::{
    constraint,
    error::GoError,
    semver::{self, Release},
};

/// As Infisical's operator reads versions.
pub static FUNCTIONS_3_3: &[Function] = functions! {
    "semver" => version_3_3, (&Str);
    "semverCompare" => compare_3_3, (&Str, &Str);
};

/// As External Secrets Operator reads versions.
pub static FUNCTIONS_3_4: &[Function] = functions! {
    "semver" => version_3_4, (&Str);
    "semverCompare" => compare_3_4, (&Str, &Str);
};

/// What `semver` gives a pointer to.
static VERSION: Named = Named {
    fields: &[
        Field::new("major", Type::Basic(Kind::Uint64)),
        Field::new("minor", Type::Basic(Kind::Uint64)),
        Field::new("patch", Type::Basic(Kind::Uint64)),
        Field::new("pre", Type::STRING),
        Field::new("metadata", Type::STRING),
        Field::new("original", Type::STRING),
    ],
    methods: || {
        functions! {
            "IncMajor" => inc_major, (Of);
            "IncMinor" => inc_minor, (Of);
            "IncPatch" => inc_patch, (Of);
            "Major" => major, (Of);
            "MarshalJSON" => marshal_json, (Of);
            "MarshalText" => marshal_text, (Of);
            "Metadata" => metadata, (Of);
            "Minor" => minor, (Of);
            "Patch" => patch, (Of);
            "Prerelease" => prerelease, (Of);
            "SetMetadata" => set_metadata, (Of, &Str);
            "SetPrerelease" => set_prerelease, (Of, &Str);
            "String" => text, (Of);
            "Value" => text, (Of);
        }
    },
    pointer_methods: || {
        functions! {
            "Compare" => compare, (Of, Pointer);
            "Equal" => equal, (Of, Pointer);
            "GreaterThan" => greater, (Of, Pointer);
            "GreaterThanEqual" => greater_or_equal, (Of, Pointer);
            "LessThan" => less, (Of, Pointer);
            "LessThanEqual" => less_or_equal, (Of, Pointer);
            "Original" => original, (Of);
        }
    },
    text: Some(|value| Of::take(value).map_or_else(Str::default, |of| of.0.version.text().into())),
    equal: Some(|a, b| match (a.inner::<Inner>(), b.inner::<Inner>()) {
        (Some(a), Some(b)) => a.version.original == b.version.original && a.version.text() == b.version.text(),
        _ => false,
    }),
    ..Named::new("semver.Version", Kind::Struct)
};

struct Inner {
    version: semver::Version,
    release: Release,
}

/// A version or a pointer to one, as a receiver.
struct Of<'a>(&'a Inner);

impl<'a> Arg<'a> for Of<'a> {
    const TYPE: Type = Type::Named(&VERSION);

    fn take(value: &'a Value) -> Option<Self> {
        match value {
            Value::Struct(structure) | Value::Pointer(structure) => structure.inner().map(Self),
            _ => None,
        }
    }
}

/// A pointer to a version, as an argument.
struct Pointer<'a>(&'a Inner);

impl<'a> Arg<'a> for Pointer<'a> {
    const TYPE: Type = Type::Pointer(&VERSION);

    fn take(value: &'a Value) -> Option<Self> {
        Of::take(value).map(|of| Self(of.0))
    }
}

/// Whether a value is a version or a pointer to one.
pub fn is_version(value: &Value) -> bool {
    Of::take(value).is_some()
}

/// The zero version, as a pointer where `like` is one.
pub fn zero(like: &Value) -> Value {
    let release = Of::take(like).map_or(Release::V3_3, |of| of.0.release);
    let structure = Rc::new(Structure::opaque(&VERSION, Inner { version: semver::Version::default(), release }));
    if matches!(like, Value::Pointer(_)) { Value::Pointer(structure) } else { Value::Struct(structure) }
}

/// In JSON a version is its text.
pub fn json(structure: &Structure) -> Option<String> {
    structure.inner::<Inner>().map(|inner| inner.version.text())
}

fn parse(text: &Str, release: Release) -> Result<Value, Error> {
    let version = semver::parse(text, release).map_err(GoError::error)?;
    Ok(Value::Pointer(Rc::new(Structure::opaque(&VERSION, Inner { version, release }))))
}

fn version_3_3(_: &mut Context<'_>, text: &Str) -> Result<Value, Error> {
    parse(text, Release::V3_3)
}

fn version_3_4(_: &mut Context<'_>, text: &Str) -> Result<Value, Error> {
    parse(text, Release::V3_4)
}

fn satisfies(constraint: &Str, version: &Str, release: Release) -> Result<bool, Error> {
    constraint::check(constraint, || semver::parse(version, release), release).map_err(GoError::error)
}

fn compare_3_3(_: &mut Context<'_>, constraint: &Str, version: &Str) -> Result<bool, Error> {
    satisfies(constraint, version, Release::V3_3)
}

fn compare_3_4(_: &mut Context<'_>, constraint: &Str, version: &Str) -> Result<bool, Error> {
    satisfies(constraint, version, Release::V3_4)
}

fn made(of: &Of<'_>, version: semver::Version) -> Value {
    Value::Struct(Rc::new(Structure::opaque(&VERSION, Inner { version, release: of.0.release })))
}

fn inc_major(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    Ok(made(&of, of.0.version.inc_major()))
}

fn inc_minor(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    Ok(made(&of, of.0.version.inc_minor()))
}

fn inc_patch(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    Ok(made(&of, of.0.version.inc_patch()))
}

fn number(number: u64) -> Result<Value, Error> {
    Ok(Value::Uint(Kind::Uint64, number))
}

fn major(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    number(of.0.version.major)
}

fn minor(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    number(of.0.version.minor)
}

fn patch(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    number(of.0.version.patch)
}

fn prerelease(_: &mut Context<'_>, of: Of<'_>) -> Result<String, Error> {
    Ok(of.0.version.prerelease.clone())
}

fn metadata(_: &mut Context<'_>, of: Of<'_>) -> Result<String, Error> {
    Ok(of.0.version.metadata.clone())
}

fn original(_: &mut Context<'_>, of: Of<'_>) -> Result<String, Error> {
    Ok(of.0.version.original.clone())
}

fn text(_: &mut Context<'_>, of: Of<'_>) -> Result<String, Error> {
    Ok(of.0.version.text())
}

fn marshal_text(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    Ok(Value::bytes(of.0.version.text()))
}

fn marshal_json(_: &mut Context<'_>, of: Of<'_>) -> Result<Value, Error> {
    // A version has no character that JSON escapes.
    Ok(Value::bytes(format!("\"{}\"", of.0.version.text())))
}

fn set_prerelease(_: &mut Context<'_>, of: Of<'_>, text: &Str) -> Result<Value, Error> {
    Ok(made(&of, of.0.version.with_prerelease(text, of.0.release).map_err(GoError::error)?))
}

fn set_metadata(_: &mut Context<'_>, of: Of<'_>, text: &Str) -> Result<Value, Error> {
    Ok(made(&of, of.0.version.with_metadata(text, of.0.release).map_err(GoError::error)?))
}

fn compare(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<go_template_engine::Int, Error> {
    Ok(go_template_engine::Int(of.0.version.compare(&other.0.version) as i64))
}

fn equal(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<bool, Error> {
    Ok(of.0.version.compare(&other.0.version).is_eq())
}

fn greater(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<bool, Error> {
    Ok(of.0.version.compare(&other.0.version).is_gt())
}

fn greater_or_equal(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<bool, Error> {
    Ok(of.0.version.compare(&other.0.version).is_ge())
}

fn less(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<bool, Error> {
    Ok(of.0.version.compare(&other.0.version).is_lt())
}

fn less_or_equal(_: &mut Context<'_>, of: Of<'_>, other: Pointer<'_>) -> Result<bool, Error> {
    Ok(of.0.version.compare(&other.0.version).is_le())
}
