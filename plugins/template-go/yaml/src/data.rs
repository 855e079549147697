//! What a document says, in the kinds that Go's readers give.
use crate::Timestamp;
use std::collections::BTreeMap;

/// A value. Strings are bytes, as in Go.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `nil`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `uint64`, only beyond the greatest `int`.
    Uint(u64),
    /// `float64`.
    Float(f64),
    /// `string`.
    Str(Vec<u8>),
    /// `time.Time`; only V3 reads one.
    Time(Timestamp),
    /// `[]interface{}`.
    List(Vec<Data>),
    /// `map[string]interface{}` or `map[interface{}]interface{}`.
    Map(Map),
    /// The fields of a struct in their order. Written as a map; never read.
    Fields(Vec<(Vec<u8>, Data)>),
}

/// A map and the type of its keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Whether Go's type is `map[string]…`, not `map[interface{}]…`.
    pub string_keys: bool,
    /// In no order that Go knows; writers sort.
    pub entries: BTreeMap<Key, Data>,
}

/// What may be a key. A float is kept by its bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `nil`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `uint64`.
    Uint(u64),
    /// `float64`, as [`f64::to_bits`].
    Float(u64),
    /// `string`.
    Str(Vec<u8>),
    /// `time.Time`.
    Time(Timestamp),
}

impl Key {
    /// The key that `value` is, if Go can hash it.
    pub(crate) fn of(value: Data) -> Option<Self> {
        Some(match value {
            Data::Null => Self::Null,
            Data::Bool(b) => Self::Bool(b),
            Data::Int(n) => Self::Int(n),
            Data::Uint(n) => Self::Uint(n),
            // Go holds 0.0 and -0.0 for one key.
            Data::Float(f) => Self::Float(if f == 0.0 { 0 } else { f.to_bits() }),
            Data::Str(s) => Self::Str(s),
            Data::Time(t) => Self::Time(t),
            Data::List(_) | Data::Map(_) | Data::Fields(_) => return None,
        })
    }

    /// The value that this key was.
    pub fn to_data(&self) -> Data {
        match self {
            Self::Null => Data::Null,
            Self::Bool(b) => Data::Bool(*b),
            Self::Int(n) => Data::Int(*n),
            Self::Uint(n) => Data::Uint(*n),
            Self::Float(bits) => Data::Float(f64::from_bits(*bits)),
            Self::Str(s) => Data::Str(s.clone()),
            Self::Time(t) => Data::Time(t.clone()),
        }
    }
}
