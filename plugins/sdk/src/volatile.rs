//! Knows whether something that differs from call to call was used: random numbers, the time, fresh keys.
use std::cell::Cell;

thread_local!(static USED: Cell<bool> = const { Cell::new(false) });

/// Runs `work` and tells whether it used [`random`](crate::random), [`clock`](crate::clock) or [`keys`](crate::keys), through
/// `getrandom` too. May be nested: what is used inside counts outside.
pub fn watch<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let before = USED.replace(false);
    let done = work();
    let used = USED.get();
    USED.set(before || used);
    (done, used)
}

pub(crate) fn mark() {
    USED.set(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_inside_counts_outside_and_not_beside() {
        let ((first, second), outer) = watch(|| (watch(mark).1, watch(|| ()).1));
        assert!(first);
        assert!(!second);
        assert!(outer);
        assert!(!watch(|| ()).1);
    }
}
