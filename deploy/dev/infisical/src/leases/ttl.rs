//! Lengths of time as npm's `ms` reads them: `1h`, `30m`, `1.5 days`, a plain number of milliseconds.
use jiff::SignedDuration;

use crate::input::Input;

/// Ten years, by the length of `ms`.
const LONGEST: SignedDuration = SignedDuration::from_secs(10 * 31_557_600);

/// None: not a length of time.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let unit_at = text.find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '-'))).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at)?;
    let milliseconds = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1e3,
        "m" | "min" | "mins" | "minute" | "minutes" => 6e4,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        "w" | "week" | "weeks" => 6.048e8,
        "y" | "yr" | "yrs" | "year" | "years" => 3.155_76e10,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    SignedDuration::try_from_secs_f64(number * milliseconds / 1e3).ok()
}

/// Reads the TTL of a request; an empty one is none. `shortest` is what the server takes at least.
pub(crate) fn asked(input: &mut Input, shortest: SignedDuration) -> Option<String> {
    let text = input.string("ttl").filter(|text| !text.is_empty())?;
    match parse(&text) {
        None => input.issue("ttl", "Invalid TTL"),
        Some(ttl) if ttl < shortest => input.issue("ttl", "TTL must be a greater than 1min"),
        Some(ttl) if ttl > LONGEST => input.issue("ttl", "TTL must be less than 10 years"),
        Some(_) => {}
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_ms_are_read() {
        for (text, seconds) in [("1h", 3_600.0), ("30m", 1_800.0), ("1d", 86_400.0), ("90 s", 90.0), ("1.5 hours", 5_400.0), ("5000", 5.0)]
        {
            assert_eq!(parse(text).map(|ttl| ttl.as_secs_f64()), Some(seconds), "{text}");
        }
        for text in ["", "soon", "1x", "h", "--1s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
