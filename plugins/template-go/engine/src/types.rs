//! Go's types, as far as a template can meet them.
use crate::{function::Function, structure::Structure, text::Str, value::Value};
use std::fmt;

/// `reflect.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
    Float32,
    Float64,
    Complex128,
    Interface,
    Map,
    Pointer,
    Slice,
    String,
    Struct,
}

impl Kind {
    /// As `reflect.Kind` prints it: `int`, `ptr`, `slice`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Uintptr => "uintptr",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::Interface => "interface",
            Self::Map => "map",
            Self::Pointer => "ptr",
            Self::Slice => "slice",
            Self::String => "string",
            Self::Struct => "struct",
        }
    }
}

/// A type. Compound types refer to static ones, so that a type can be copied and stand in a constant:
/// `Type::Slice(&Type::String)` is `[]string`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// One that has no name of its own and no parts: `bool` to `complex128`, `string`.
    Basic(Kind),
    /// `interface {}`.
    Interface,
    /// `[]T`.
    Slice(&'static Type),
    /// `map[K]V`.
    Map(&'static Type, &'static Type),
    /// A declared type: `time.Time`.
    Named(&'static Named),
    /// `*T` of a declared type.
    Pointer(&'static Named),
    /// `reflect.Value`: takes anything, a nil interface and a missing value too.
    Reflect,
}

impl Type {
    pub const BOOL: Self = Self::Basic(Kind::Bool);
    pub const INT: Self = Self::Basic(Kind::Int);
    pub const INT32: Self = Self::Basic(Kind::Int32);
    pub const INT64: Self = Self::Basic(Kind::Int64);
    pub const UINT8: Self = Self::Basic(Kind::Uint8);
    pub const FLOAT64: Self = Self::Basic(Kind::Float64);
    pub const STRING: Self = Self::Basic(Kind::String);
    /// `[]interface {}`.
    pub const LIST: Self = Self::Slice(&Self::Interface);
    /// `[]string`.
    pub const STRINGS: Self = Self::Slice(&Self::STRING);
    /// `[]uint8`.
    pub const BYTES: Self = Self::Slice(&Self::UINT8);
    /// `map[string]interface {}`.
    pub const DICT: Self = Self::Map(&Self::STRING, &Self::Interface);

    /// Its kind.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Basic(kind) => kind,
            Self::Interface => Kind::Interface,
            Self::Slice(_) => Kind::Slice,
            Self::Map(..) => Kind::Map,
            Self::Named(named) => named.kind,
            Self::Pointer(_) => Kind::Pointer,
            Self::Reflect => Kind::Struct,
        }
    }
}

/// As Go prints it: `[]interface {}`, `map[string]int`, `*semver.Version`.
impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic(kind) => out.write_str(kind.name()),
            Self::Interface => out.write_str("interface {}"),
            Self::Slice(elem) => write!(out, "[]{elem}"),
            Self::Map(key, elem) => write!(out, "map[{key}]{elem}"),
            Self::Named(named) => out.write_str(named.name),
            Self::Pointer(named) => write!(out, "*{}", named.name),
            Self::Reflect => out.write_str("reflect.Value"),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A declared type. One static per type; two are the same type if they have the same name.
pub struct Named {
    /// With package: `time.Time`.
    pub name: &'static str,
    /// Of the underlying type. [`Kind::Struct`] for structs.
    pub kind: Kind,
    /// Of a struct, in order, the unexported too.
    pub fields: &'static [Field],
    /// Their first parameter is the receiver, which callers leave away. Behind a function, since the methods' types refer to
    /// this static.
    pub methods: fn() -> &'static [Function],
    /// Methods that only a pointer has.
    pub pointer_methods: fn() -> &'static [Function],
    /// `String` or `Error`, which printing uses in place of the fields. Of a value, and so of a pointer too.
    pub text: Option<fn(&Value) -> Str>,
    /// The same, of pointers alone.
    pub pointer_text: Option<fn(&Value) -> Str>,
    /// Whether two opaque ones are equal; without it only one and the same is.
    pub equal: Option<fn(&Structure, &Structure) -> bool>,
}

impl Named {
    /// A declared type without fields, methods or text; use with `..Named::new("pkg.Name", Kind::Struct)`.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, fields: &[], methods: || &[], pointer_methods: || &[], text: None, pointer_text: None, equal: None }
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Named {}

/// A field of a struct.
pub struct Field {
    /// An upper-case first letter exports it.
    pub name: &'static str,
    /// Its static type, for printing nil and zero.
    pub kind: Type,
    /// In JSON, where a tag renames it.
    pub json: Option<&'static str>,
}

impl Field {
    /// A field that JSON calls as Go does.
    pub const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, json: None }
    }

    /// Whether templates and encoders see it.
    pub fn exported(&self) -> bool {
        self.name.starts_with(|first: char| first.is_uppercase())
    }
}
