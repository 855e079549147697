//! The few forms of a time that Go's readers know, and RFC 3339 for the way back.

/// A moment and the offset it was written with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
    /// Seconds east of UTC.
    pub offset: i32,
}

impl Timestamp {
    /// Reads `2006-1-2`, that with a time after `T` or `t` and an offset, or with a time after spaces and no offset.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 4 || text.as_bytes().get(4) != Some(&b'-') {
            return None;
        }
        let mut rest = Rest(text.as_bytes());
        let year = rest.fixed(4)?;
        rest.byte(b'-')?;
        let month = rest.number()?;
        rest.byte(b'-')?;
        let day = rest.number()?;
        if !(1..=12).contains(&month) || day < 1 || day > days_in(month, year) {
            return None;
        }
        let midnight = days_from_civil(year, month, day) * 86_400;
        if rest.0.is_empty() {
            return Some(Self { seconds: midnight, nanoseconds: 0, offset: 0 });
        }
        let zoned = match rest.0.first()? {
            b'T' | b't' => {
                rest.0 = rest.0.get(1..)?;
                true
            }
            b' ' => {
                rest.0 = rest.0.trim_ascii_start_spaces();
                false
            }
            _ => return None,
        };
        let hour = rest.number().filter(|hour| *hour < 24)?;
        rest.byte(b':')?;
        let minute = rest.number().filter(|minute| *minute < 60)?;
        rest.byte(b':')?;
        let second = rest.number().filter(|second| *second < 60)?;
        let nanoseconds = rest.fraction();
        let offset = if zoned { rest.offset()? } else { 0 };
        if !rest.0.is_empty() {
            return None;
        }
        let seconds = midnight + hour * 3_600 + minute * 60 + second - i64::from(offset);
        Some(Self { seconds, nanoseconds, offset })
    }

    /// As `time.RFC3339Nano` prints it.
    pub fn rfc3339(&self) -> String {
        let local = self.seconds + i64::from(self.offset);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let mut text = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        if self.nanoseconds > 0 {
            let fraction = format!("{:09}", self.nanoseconds);
            text = format!("{text}.{}", fraction.trim_end_matches('0'));
        }
        if self.offset == 0 {
            return text + "Z";
        }
        let (sign, away) = if self.offset < 0 { ('-', -self.offset) } else { ('+', self.offset) };
        format!("{text}{sign}{:02}:{:02}", away / 3_600, away / 60 % 60)
    }
}

struct Rest<'a>(&'a [u8]);

trait TrimSpaces {
    fn trim_ascii_start_spaces(&self) -> &[u8];
}

impl TrimSpaces for [u8] {
    fn trim_ascii_start_spaces(&self) -> &[u8] {
        self.get(self.iter().take_while(|c| **c == b' ').count()..).unwrap_or_default()
    }
}

impl Rest<'_> {
    fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == expected).then_some(())
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.is_ascii_digit().then(|| i64::from(first - b'0'))?;
        self.0 = rest;
        Some(digit)
    }

    /// One digit or two.
    fn number(&mut self) -> Option<i64> {
        let first = self.digit()?;
        Some(self.digit().map_or(first, |second| first * 10 + second))
    }

    fn fixed(&mut self, width: usize) -> Option<i64> {
        (0..width).try_fold(0, |value, _| Some(value * 10 + self.digit()?))
    }

    /// Digits after a point or a comma; those behind the ninth don't count.
    fn fraction(&mut self) -> u32 {
        if !matches!(self.0, [b'.' | b',', b'0'..=b'9', ..]) {
            return 0;
        }
        self.0 = self.0.get(1..).unwrap_or_default();
        let (mut value, mut scale) = (0, 100_000_000);
        while let Some(digit) = self.digit() {
            value += u32::try_from(digit).unwrap_or(0) * scale;
            scale /= 10;
        }
        value
    }

    fn offset(&mut self) -> Option<i32> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        let sign = match first {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.fixed(2).filter(|hours| *hours <= 24)?;
        self.byte(b':')?;
        let minutes = self.fixed(2).filter(|minutes| *minutes <= 60)?;
        i32::try_from(sign * (hours * 60 + minutes) * 60).ok()
    }
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant's algorithm).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn reads_and_writes_what_go_does() {
        for (text, written) in [
            ("2024-01-01", "2024-01-01T00:00:00Z"),
            ("2024-1-1", "2024-01-01T00:00:00Z"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
            ("2024-02-29 10:0:5,25", "2024-02-29T10:00:05.25Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.rfc3339()).as_deref(), Some(written), "{text}");
        }
        for text in ["2023-02-29", "2024-13-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "20240101", "2024-01-01 "] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in -62_135_596_800_i64..253_402_300_000, nanoseconds in 0_u32..1_000_000_000) {
            let time = Timestamp { seconds, nanoseconds, offset: 0 };
            proptest::prop_assert_eq!(Timestamp::parse(&time.rfc3339()), Some(time));
        }
    }
}
