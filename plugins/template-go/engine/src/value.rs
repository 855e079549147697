//! Values, with the type that each has in Go.
//!
//! Cloning shares; nothing but a [`Map`] can change after it was made, and a change of a map is seen by all who share it, as
//! in Go. A value has no `Display` and its `Debug` tells the type alone: it may be a secret.
use crate::{
    list::List,
    map::Map,
    structure::{NamedValue, Structure},
    text::Str,
    types::{Kind, Named, Type},
};
use std::{fmt, rc::Rc};

/// A value.
#[derive(Clone)]
pub enum Value {
    /// No value at all, `reflect.Value{}`: what a missing key gives, printed as `<no value>`. Functions never see it, they get
    /// [`Value::Nil`].
    Missing,
    /// A nil interface.
    Nil,
    Bool(bool),
    /// `int`, `int8` … `int64`, by kind.
    Int(Kind, i64),
    /// `uint`, `uint8` … `uintptr`, by kind.
    Uint(Kind, u64),
    Float(f64),
    Float32(f32),
    Complex(Rc<(f64, f64)>),
    String(Str),
    /// `[]uint8`; [`None`] is a nil one.
    Bytes(Option<Str>),
    /// Any other slice.
    List(List),
    Map(Map),
    /// A struct.
    Struct(Rc<Structure>),
    /// A pointer to a struct.
    Pointer(Rc<Structure>),
    /// A nil pointer to a declared type.
    NilPointer(&'static Named),
    /// A declared type that is no struct: `time.Duration`.
    Named(Rc<NamedValue>),
}

impl Value {
    /// `int`.
    pub const fn int(number: i64) -> Self {
        Self::Int(Kind::Int, number)
    }

    /// `int64`.
    pub const fn int64(number: i64) -> Self {
        Self::Int(Kind::Int64, number)
    }

    /// `string`.
    pub fn string(text: impl Into<Str>) -> Self {
        Self::String(text.into())
    }

    /// `[]uint8`.
    pub fn bytes(bytes: impl Into<Str>) -> Self {
        Self::Bytes(Some(bytes.into()))
    }

    /// `[]interface {}`.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(List::new(&Type::Interface, items))
    }

    /// `[]string`.
    pub fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(List::new(&Type::STRING, items.into_iter().map(Value::string).collect()))
    }

    /// The zero of a type: `reflect.Zero`.
    pub fn zero(kind: Type) -> Self {
        match kind {
            Type::Interface => Self::Nil,
            Type::Reflect => Self::Missing,
            Type::Slice(elem) if *elem == Type::UINT8 => Self::Bytes(None),
            Type::Slice(elem) => Self::List(List::nil(elem)),
            Type::Map(key, elem) => Self::Map(Map::nil(key, elem)),
            Type::Pointer(named) => Self::NilPointer(named),
            Type::Named(named) if named.kind == Kind::Struct => {
                Self::Struct(Rc::new(Structure::new(named, named.fields.iter().map(|field| Self::zero(field.kind)).collect())))
            }
            Type::Named(named) => Self::Named(Rc::new(NamedValue { named, value: Self::zero(Type::Basic(named.kind)) })),
            Type::Basic(basic) => match basic {
                Kind::Bool => Self::Bool(false),
                Kind::String => Self::String(Str::default()),
                Kind::Float64 => Self::Float(0.0),
                Kind::Float32 => Self::Float32(0.0),
                Kind::Complex128 => Self::Complex(Rc::new((0.0, 0.0))),
                Kind::Uint | Kind::Uint8 | Kind::Uint16 | Kind::Uint32 | Kind::Uint64 | Kind::Uintptr => Self::Uint(basic, 0),
                other => Self::Int(other, 0),
            },
        }
    }

    /// Its type; [`None`] for a nil interface, as `reflect.TypeOf`.
    pub fn type_of(&self) -> Option<Type> {
        Some(match self {
            Self::Missing | Self::Nil => return None,
            Self::Bool(_) => Type::BOOL,
            Self::Int(kind, _) | Self::Uint(kind, _) => Type::Basic(*kind),
            Self::Float(_) => Type::FLOAT64,
            Self::Float32(_) => Type::Basic(Kind::Float32),
            Self::Complex(_) => Type::Basic(Kind::Complex128),
            Self::String(_) => Type::STRING,
            Self::Bytes(_) => Type::BYTES,
            Self::List(list) => Type::Slice(list.elem()),
            Self::Map(map) => Type::Map(map.key(), map.elem()),
            Self::Struct(structure) => Type::Named(structure.named()),
            Self::Pointer(structure) => Type::Pointer(structure.named()),
            Self::NilPointer(named) => Type::Pointer(named),
            Self::Named(value) => Type::Named(value.named),
        })
    }

    /// Its kind; [`None`] for a nil interface (`reflect.Invalid`).
    pub fn kind(&self) -> Option<Kind> {
        self.type_of().map(Type::kind)
    }

    /// As `fmt` prints the type: `<nil>` for a nil interface.
    pub fn type_name(&self) -> String {
        self.type_of().map_or_else(|| "<nil>".into(), |kind| kind.to_string())
    }

    /// A nil interface, or none at all.
    pub const fn is_nil(&self) -> bool {
        matches!(self, Self::Missing | Self::Nil)
    }

    /// Of a declared type that is no struct the value beneath, else itself. What kind-driven code (`reflect`'s `Int()`,
    /// `Len()` …) looks at.
    pub fn underlying(&self) -> &Self {
        match self {
            Self::Named(value) => &value.value,
            other => other,
        }
    }

    /// As `if` decides: not the zero of its type. Structs are always true.
    pub fn is_true(&self) -> bool {
        match self.underlying() {
            Self::Missing | Self::Nil | Self::NilPointer(_) => false,
            Self::Bool(truth) => *truth,
            Self::Int(_, number) => *number != 0,
            Self::Uint(_, number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Float32(number) => *number != 0.0,
            Self::Complex(number) => **number != (0.0, 0.0),
            Self::Struct(_) | Self::Pointer(_) | Self::Named(_) => true,
            other => other.length().is_some_and(|length| length > 0),
        }
    }

    /// Of a string, slice or map.
    pub fn length(&self) -> Option<usize> {
        match self.underlying() {
            Self::String(text) => Some(text.len()),
            Self::Bytes(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len())),
            Self::List(list) => Some(list.len()),
            Self::Map(map) => Some(map.len()),
            _ => None,
        }
    }

    /// The elements of any slice, `[]uint8` too.
    pub fn elements(&self) -> Option<List> {
        match self.underlying() {
            Self::List(list) => Some(list.clone()),
            Self::Bytes(bytes) => {
                let items = bytes.iter().flat_map(|bytes| bytes.iter()).map(|byte| Self::Uint(Kind::Uint8, u64::from(*byte)));
                Some(List::new(&Type::UINT8, items.collect()))
            }
            _ => None,
        }
    }

    /// `reflect.DeepEqual`: types count, so that `int` 1 and `int64` 1 differ, and NaN is not itself.
    pub fn deep_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing | Self::Nil, Self::Missing | Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(kind, a), Self::Int(other, b)) => kind == other && a == b,
            (Self::Uint(kind, a), Self::Uint(other, b)) => kind == other && a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => a == b,
            (Self::Complex(a), Self::Complex(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.elem() == b.elem()
                    && a.is_nil() == b.is_nil()
                    && a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|(a, b)| a.deep_equal(b))
            }
            (Self::Map(a), Self::Map(b)) => a.deep_equal(b),
            (Self::Struct(a), Self::Struct(b)) => a.deep_equal(b),
            (Self::Pointer(a), Self::Pointer(b)) => Rc::ptr_eq(a, b) || a.deep_equal(b),
            (Self::NilPointer(a), Self::NilPointer(b)) => a == b,
            (Self::Named(a), Self::Named(b)) => a.named == b.named && a.value.deep_equal(&b.value),
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "({})", self.type_name())
    }
}

macro_rules! from {
    ($($from:ty => $make:expr),* $(,)?) => { $(
        impl From<$from> for Value {
            fn from(from: $from) -> Self {
                ($make)(from)
            }
        }
    )* };
}

from! {
    bool => Value::Bool,
    i64 => Value::int64,
    crate::function::Int => |number: crate::function::Int| Value::int(number.0),
    f64 => Value::Float,
    Str => Value::String,
    &str => Value::string,
    String => Value::string,
    Vec<u8> => Value::string,
    &[u8] => Value::string,
    List => Value::List,
    Map => Value::Map,
    Vec<Value> => Value::list,
}
