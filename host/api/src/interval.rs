//! Intervals as resources write them: a whole number and one unit, `30s`, `5m`, `1h`, `2d`, `1w`.
//!
//! Stricter than the peer in one point: nothing at or below zero, and nothing below five seconds in any unit, is taken. The
//! peer takes `0m` and then never syncs again.
use std::time::Duration;

/// A shorter one would do nothing but load the server.
pub const SHORTEST: Duration = Duration::from_secs(5);

/// Why a text is no interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Not a number and a unit.
    #[error("{0:?} is no interval; write a whole number and one of the units s, m, h, d, w, for example 30s or 5m")]
    Form(String),
    /// Below [`SHORTEST`], but some time.
    #[error("{0:?} is too short; at least 5s")]
    TooShort(String),
    /// No time at all, which some of the peer's kinds take for nothing said.
    #[error("{0:?} is too short; at least 5s")]
    Zero(String),
    /// Beyond what can be counted.
    #[error("{0:?} is too long")]
    TooLong(String),
}

/// Reads an interval.
///
/// # Errors
/// See [`IntervalError`]. It quotes the text, cut to 32 characters.
pub fn parse(text: &str) -> Result<Duration, IntervalError> {
    let found = || text.chars().take(32).collect::<String>();
    let form = || IntervalError::Form(found());
    let text = text.trim();
    let unit = text.chars().next_back().ok_or_else(form)?;
    let seconds: i128 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(form()),
    };
    let number = text.strip_suffix(unit).ok_or_else(form)?;
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form());
    }
    let number: i64 = number.parse().map_err(|_| IntervalError::TooLong(found()))?;
    of(i128::from(number) * seconds, found)
}

/// The deprecated form: whole seconds.
///
/// # Errors
/// See [`IntervalError`].
pub fn of_seconds(seconds: i64) -> Result<Duration, IntervalError> {
    of(i128::from(seconds), || seconds.to_string())
}

fn of(seconds: i128, found: impl Fn() -> String) -> Result<Duration, IntervalError> {
    match seconds {
        ..0 => return Err(IntervalError::Form(found())),
        0 => return Err(IntervalError::Zero(found())),
        _ if seconds < i128::from(SHORTEST.as_secs()) => return Err(IntervalError::TooShort(found())),
        _ => {}
    }
    // A hundred years: beyond any use, and instants can still be counted.
    match u64::try_from(seconds) {
        Ok(seconds) if seconds <= 100 * 366 * 86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err(IntervalError::TooLong(found())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_five_units_are_read() {
        for (text, seconds) in [("5s", 5), ("+90s", 90), ("1m", 60), ("2h", 7_200), ("1d", 86_400), (" 2w ", 1_209_600)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(of_seconds(10), Ok(Duration::from_secs(10)));
    }

    #[test]
    fn other_forms_are_refused_with_the_valid_one() {
        for text in ["", "s", "5", "1m30s", "1.5h", "5 m", "--5s", "+s", "5S", "5ms", "٣m"] {
            assert!(matches!(parse(text), Err(IntervalError::Form(_))), "{text}");
        }
        assert!(parse("often").unwrap_err().to_string().contains("30s"));
    }

    #[test]
    fn zero_and_below_and_less_than_five_seconds_are_refused() {
        for text in ["0s", "0m", "+0w"] {
            assert!(matches!(parse(text), Err(IntervalError::Zero(_))), "{text}");
        }
        for text in ["1s", "4s"] {
            assert!(matches!(parse(text), Err(IntervalError::TooShort(_))), "{text}");
        }
        for text in ["-1s", "-5m"] {
            assert!(matches!(parse(text), Err(IntervalError::Form(_))), "{text}");
        }
        assert!(matches!((of_seconds(0), of_seconds(4)), (Err(IntervalError::Zero(_)), Err(IntervalError::TooShort(_)))));
    }

    #[test]
    fn what_can_not_be_counted_is_refused() {
        for text in ["99999999999999999999s", "9223372036854775807w", "37000d"] {
            assert!(matches!(parse(text), Err(IntervalError::TooLong(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_error_quotes_more_than_its_share(text in ".*") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.to_string().chars().count() < 32 * 10 + 128);
            }
        }
    }
}
