//! The order of keys that Go's writers give: numbers by value, text by its parts, digits as numbers.
use crate::{Dialect, Key};
use std::cmp::Ordering;

/// Sorts as Go's `sort.Sort` does with up to twelve elements. The order is not always transitive, so that an algorithm which
/// relies on that could give up; this one can't.
pub(crate) fn sort<T>(items: Vec<T>, dialect: Dialect, key: impl Fn(&T) -> &Key) -> Vec<T> {
    /// Up to here Go sorts by insertion.
    const SMALL: usize = 12;
    if items.len() > SMALL {
        return merge_sort(items, dialect, &key);
    }
    let mut sorted: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        let place = sorted.iter().rposition(|before| !less(key(&item), key(before), dialect)).map_or(0, |last| last + 1);
        sorted.insert(place, item);
    }
    sorted
}

fn merge_sort<T>(mut items: Vec<T>, dialect: Dialect, key: &impl Fn(&T) -> &Key) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let right = merge_sort(items.split_off(items.len() / 2), dialect, key);
    let left = merge_sort(items, dialect, key);
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let from_right = less(key(b), key(a), dialect);
        sorted.extend(if from_right { right.next() } else { left.next() });
    }
    sorted.extend(left);
    sorted.extend(right);
    sorted
}

/// Whether `a` stands before `b`.
pub(crate) fn less(a: &Key, b: &Key, dialect: Dialect) -> bool {
    match (number(a), number(b)) {
        (Some(x), Some(y)) if x == y => return if rank(a) == rank(b) { a < b } else { rank(a) < rank(b) },
        (Some(x), Some(y)) => return x < y,
        _ => {}
    }
    match (a, b) {
        (Key::Str(a), Key::Str(b)) => text_less(&runes(a), &runes(b), dialect),
        _ => rank(a) < rank(b),
    }
}

/// The order of Go's `reflect.Kind`.
fn rank(key: &Key) -> u8 {
    match key {
        Key::Null => 20,
        Key::Bool(_) => 1,
        Key::Int(_) => 2,
        Key::Uint(_) => 11,
        Key::Float(_) => 14,
        Key::Str(_) => 24,
        Key::Time(_) => 25,
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go compares keys of different kinds as floats")]
fn number(key: &Key) -> Option<f64> {
    match key {
        Key::Bool(b) => Some(f64::from(u8::from(*b))),
        Key::Int(n) => Some(*n as f64),
        Key::Uint(n) => Some(*n as f64),
        Key::Float(bits) => Some(f64::from_bits(*bits)),
        Key::Null | Key::Str(_) | Key::Time(_) => None,
    }
}

fn runes(bytes: &[u8]) -> Vec<char> {
    crate::sigs::valid_utf8(bytes).chars().collect()
}

fn text_less(a: &[char], b: &[char], dialect: Dialect) -> bool {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (Some(&x), Some(&y)) = (a.get(same), b.get(same)) else { return a.len() < b.len() };
    // Only V3 has letters follow digits as a part of their own.
    let after_digit = dialect == Dialect::V3 && same.checked_sub(1).and_then(|last| a.get(last)).is_some_and(|c| is_digit(*c));
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (x_letter, y_letter) if x_letter || y_letter => return if after_digit { x_letter } else { y_letter },
        _ => {}
    }
    // A zero after other digits is not a leading one.
    let common = a.get(..same).unwrap_or_default();
    let inside = (x == '0' || y == '0') && common.iter().rev().take_while(|c| is_digit(**c)).any(|c| *c != '0');
    let (x_end, x_number) = run(a, same, inside);
    let (y_end, y_number) = run(b, same, inside);
    match x_number.cmp(&y_number).then(x_end.cmp(&y_end)) {
        Ordering::Equal => x < y,
        unequal => unequal == Ordering::Less,
    }
}

/// The digits from `start`: where they end, and their value, which wraps as Go's does.
fn run(text: &[char], start: usize, inside: bool) -> (usize, i64) {
    let digits = text.iter().skip(start).take_while(|c| is_digit(**c));
    digits.fold((start, i64::from(inside)), |(end, value), c| {
        (end + 1, value.wrapping_mul(10).wrapping_add(i64::from(u32::from(*c)) - i64::from(u32::from('0'))))
    })
}

/// A decimal digit of any script, as `unicode.IsDigit` has it for the scripts in common use.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric() && !c.is_alphabetic() && decimal_block(c))
}

/// Whether `c` lies in a run of ten digits. Fractions, circled numbers and the like do not.
fn decimal_block(c: char) -> bool {
    const ZEROS: [u32; 22] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040, 0x17e0, 0x1810,
        0xa620, 0xa8d0, 0xabf0, 0xff10,
    ];
    ZEROS.iter().any(|zero| (*zero..zero + 10).contains(&u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_go_does() {
        let keys = ["b", "a", "B", "10", "9", "a10", "a9", "é", ""];
        let sorted = sort(keys.map(|k| Key::Str(k.into())).into(), Dialect::V3, |k| k);
        assert_eq!(sorted, ["", "9", "10", "B", "a", "a9", "a10", "b", "é"].map(|k| Key::Str(k.into())));
    }

    proptest::proptest! {
        #[test]
        fn both_ways_keep_every_key(keys in proptest::collection::vec("[a0-9._-]{0,4}", 0..40)) {
            let mut sorted = sort(keys.iter().map(|k| Key::Str(k.clone().into())).collect(), Dialect::V3, |k| k);
            sorted.sort();
            let mut all: Vec<_> = keys.into_iter().map(|k| Key::Str(k.into())).collect();
            all.sort();
            proptest::prop_assert_eq!(sorted, all);
        }
    }
}
