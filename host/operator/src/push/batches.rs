//! Batches on their way: one that is refused is sent again in halves, so that one secret which may not be written holds no other
//! up. Pure.
//!
//! What that may cost is bounded: one refused secret of a full batch is found by 14 calls, and a pass makes no more than
//! [`CALLS`]. Those that are not told apart by then go with the next pass, where what is known to be refused is in a batch of its
//! own; such a batch is sent in halves again only now and then.
use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// Calls of a pass to tell apart what is refused: three secrets of a full batch, and well below what a hosted server takes in a
/// minute.
pub const CALLS: usize = 48;

/// What was refused is told apart again after so long, since a person may have granted the right to some of it.
const AGAIN: Duration = Duration::from_secs(10 * 60);

/// What was refused before, in this process.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    names: BTreeSet<String>,
    /// When some of it was told apart last.
    told: Option<Instant>,
}

impl Refused {
    /// Somebody asks for a fresh look.
    pub fn look_again(&mut self) {
        self.told = None;
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// This one was refused, by itself.
    pub fn add(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    pub fn remove(&mut self, name: &str) {
        self.names.remove(name);
    }
}

/// A batch, and whether it may be sent in halves.
struct Batch<T> {
    items: Vec<T>,
    divisible: bool,
}

/// Calls that are left to tell apart.
pub struct Calls {
    left: usize,
    /// Also for what is known to be refused.
    known_too: bool,
}

impl Calls {
    /// Of a pass.
    #[must_use]
    pub fn of(refused: &Refused, now: Instant) -> Self {
        Self { left: CALLS, known_too: refused.told.is_none_or(|told| now.duration_since(told) >= AGAIN) }
    }
}

/// Batches of one kind of change.
pub struct Batches<T>(VecDeque<Batch<T>>);

impl<T> Batches<T> {
    /// Those that are known to be refused are last, and among themselves. `cut` cuts what it is given into batches.
    #[must_use]
    pub fn new(items: Vec<T>, refused: &Refused, calls: &Calls, name: impl Fn(&T) -> &str, cut: impl Fn(Vec<T>) -> Vec<Vec<T>>) -> Self {
        let (known, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| refused.has(name(item)));
        let batches = |items, divisible| cut(items).into_iter().map(move |items| Batch { items, divisible });
        Self(batches(others, true).chain(batches(known, calls.known_too)).collect())
    }

    /// The next one: its items, and whether they may be sent in halves.
    pub fn take(&mut self) -> Option<(Vec<T>, bool)> {
        self.0.pop_front().map(|Batch { items, divisible }| (items, divisible))
    }

    /// Puts a refused batch back in halves.
    ///
    /// # Errors
    /// The batch: it is of one, or no calls are left.
    pub fn halve(&mut self, mut items: Vec<T>, calls: &mut Calls, refused: &mut Refused, now: Instant) -> Result<(), Vec<T>> {
        if items.len() < 2 || calls.left < 2 {
            return Err(items);
        }
        calls.left -= 2;
        refused.told = Some(now);
        let second = items.split_off(items.len() / 2);
        self.0.extend([items, second].map(|items| Batch { items, divisible: true }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends numbers to a server that refuses some: the calls, and what is left to be sent, in its order.
    fn sent(numbers: &[u32], refused: &mut Refused, now: Instant, refuses: impl Fn(u32) -> bool) -> (usize, Vec<u32>) {
        let mut calls = Calls::of(refused, now);
        let items = numbers.iter().map(ToString::to_string).collect();
        let cut = |items: Vec<String>| items.chunks(100).map(<[String]>::to_vec).collect();
        let mut batches = Batches::new(items, refused, &calls, |name| name, cut);
        let (mut made, mut left) = (0, Vec::new());
        while let Some((items, divisible)) = batches.take() {
            made += 1;
            if !items.iter().any(|name| refuses(name.parse().unwrap())) {
                items.iter().for_each(|name| refused.remove(name));
                continue;
            }
            let halved = if divisible { batches.halve(items, &mut calls, refused, now) } else { Err(items) };
            if let Err(rest) = halved {
                if let [one] = &rest[..] {
                    refused.add(one);
                }
                left.extend(rest.iter().map(|name| name.parse::<u32>().unwrap()));
            }
        }
        left.sort_unstable();
        (made, left)
    }

    fn all() -> Vec<u32> {
        (0..250).collect()
    }

    #[test]
    fn what_is_refused_holds_up_nothing_else_and_costs_little() {
        let now = Instant::now();
        assert_eq!(sent(&all(), &mut Refused::default(), now, |_| false), (3, vec![]));
        let mut refused = Refused::default();
        let is_bad = |number| matches!(number, 7 | 120);
        let (calls, left) = sent(&all(), &mut refused, now, is_bad);
        assert_eq!(left, [7, 120]);
        assert!(calls <= 3 + 28, "{calls}");
        // In the next pass it is in a call of its own, which tells nothing new.
        assert_eq!(sent(&all(), &mut refused, now, is_bad), (4, vec![7, 120]));
        // Later, or when somebody asks, it is told apart whether all of it is refused still.
        let later = now + AGAIN;
        assert_eq!(sent(&left, &mut refused.clone(), later, |number| number == 7), (3, vec![7]));
        assert_eq!(sent(&left, &mut refused, later, is_bad), (3, vec![7, 120]));
        assert_eq!(sent(&left, &mut refused, later, is_bad), (1, vec![7, 120]));
        refused.look_again();
        assert_eq!(sent(&left, &mut refused, later, is_bad), (3, vec![7, 120]));
    }

    #[test]
    fn a_server_that_refuses_everything_is_not_asked_for_each() {
        let (calls, left) = sent(&all(), &mut Refused::default(), Instant::now(), |_| true);
        assert_eq!((calls, left), (3 + CALLS, all()));
    }

    #[test]
    fn more_than_a_pass_can_tell_apart_comes_through_in_several() {
        let mut refused = Refused::default();
        let (mut left, mut passes) = (all(), 0);
        while left.len() > 13 {
            let (calls, rest) = sent(&left, &mut refused, Instant::now(), |number| number.is_multiple_of(20));
            assert!(calls <= 4 + CALLS && rest.len() < left.len(), "{calls} calls, {} of {} left", rest.len(), left.len());
            left = rest;
            passes += 1;
        }
        assert!(left.iter().all(|number| number.is_multiple_of(20)) && passes <= 4, "{left:?} after {passes}");
    }
}
