//! The clocks of WASI. It has no way to refuse them.
//!
//! Granted, they show the time in whole milliseconds, as the import `clock` does. Else the wall clock stands at 1970, and
//! the monotonic clock, which runtimes need for their timers, counts from the start of the call in steps of 100 ms: too
//! coarse to time anything with.
use std::time::{Duration, Instant, SystemTime};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

const GRANTED: Duration = Duration::from_millis(1);
const WITHHELD: Duration = Duration::from_millis(100);

/// Sets both.
pub(super) fn set(wasi: &mut WasiCtxBuilder, granted: bool) {
    wasi.wall_clock(Wall { granted });
    wasi.monotonic_clock(Monotonic { start: Instant::now(), step: if granted { GRANTED } else { WITHHELD } });
}

struct Wall {
    granted: bool,
}

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        GRANTED
    }

    fn now(&self) -> Duration {
        if !self.granted {
            return Duration::ZERO;
        }
        // A machine whose clock is before 1970 shows 1970.
        floor(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), GRANTED)
    }
}

struct Monotonic {
    start: Instant,
    step: Duration,
}

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        nanoseconds(self.step)
    }

    fn now(&self) -> u64 {
        nanoseconds(floor(self.start.elapsed(), self.step))
    }
}

fn floor(time: Duration, step: Duration) -> Duration {
    let (time, step) = (time.as_millis(), step.as_millis());
    Duration::from_millis(u64::try_from(time - time % step).unwrap_or(u64::MAX))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_grant_there_is_no_time_of_day() {
        assert_eq!(Wall { granted: false }.now(), Duration::ZERO);
        let now = Wall { granted: true }.now();
        assert!(now.as_secs() > 1_700_000_000 && now.subsec_nanos().is_multiple_of(1_000_000), "{now:?}");
    }

    #[test]
    fn without_a_grant_the_monotonic_clock_is_coarse() {
        let past = Instant::now().checked_sub(Duration::from_micros(1_234_567)).unwrap();
        for (step, least) in [(GRANTED, 1_234_000_000), (WITHHELD, 1_200_000_000)] {
            let clock = Monotonic { start: past, step };
            assert!(clock.now() >= least, "{}", clock.now());
            assert_eq!(clock.now() % clock.resolution(), 0);
        }
    }

    #[test]
    fn time_is_cut_to_whole_steps() {
        assert_eq!(floor(Duration::from_micros(1_999), GRANTED), Duration::from_millis(1));
        assert_eq!(floor(Duration::from_millis(299), WITHHELD), Duration::from_millis(200));
    }
}
