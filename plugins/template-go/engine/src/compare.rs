//! Order of map keys.
use crate::value::Value;
use std::cmp::Ordering;

/// As `fmt` and `range` sort keys: nil, then by type, then by value. Go orders the types of an interface map by where they
/// lie in memory; here the order of kinds.
pub fn keys(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| value.kind().map_or(0, |kind| 1 + kind as u8);
    match (a.underlying(), b.underlying()) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(kind, a), Value::Int(other, b)) => kind.cmp(other).then(a.cmp(b)),
        (Value::Uint(kind, a), Value::Uint(other, b)) => kind.cmp(other).then(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => floats(*a, *b),
        (Value::Float32(a), Value::Float32(b)) => floats((*a).into(), (*b).into()),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// NaN comes first; 0 and -0 are one.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Kind;

    #[test]
    fn keys_sort_as_go_sorts_them() {
        let sorted = [
            Value::Nil,
            Value::Bool(false),
            Value::Bool(true),
            Value::int(-1),
            Value::int(2),
            Value::int64(1),
            Value::Float(f64::NAN),
            Value::Float(0.5),
            Value::string("a"),
            Value::string("b"),
        ];
        assert!(sorted.is_sorted_by(|a, b| keys(a, b) == Ordering::Less));
        assert_eq!(keys(&Value::Int(Kind::Int, 1), &Value::int(1)), Ordering::Equal);
    }
}
