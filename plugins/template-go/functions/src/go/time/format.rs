//! A time written by a layout.

use super::{
    Time,
    layout::{self, Item, MONTHS, Offset, WEEKDAYS},
};

impl Time {
    /// Go's `Format`.
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(layout.len() + 10);
        let civil = self.civil();
        let (zone, offset) = self.zone_at();
        let mut rest = layout;
        loop {
            let found = layout::next(rest);
            out.extend_from_slice(found.prefix);
            let Some((item, _)) = found.item else { return out };
            rest = found.rest;
            let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
            match item {
                Item::Year => number(&mut out, civil.year.abs() % 100, 2),
                Item::LongYear => number(&mut out, civil.year, 4),
                Item::Month => name(&mut out, &MONTHS, civil.month - 1, Some(3)),
                Item::LongMonth => name(&mut out, &MONTHS, civil.month - 1, None),
                Item::NumberMonth => number(&mut out, civil.month, 0),
                Item::ZeroMonth => number(&mut out, civil.month, 2),
                Item::Weekday => name(&mut out, &WEEKDAYS, civil.weekday, Some(3)),
                Item::LongWeekday => name(&mut out, &WEEKDAYS, civil.weekday, None),
                Item::Day => number(&mut out, civil.day, 0),
                Item::UnderDay => out.extend(format!("{:2}", civil.day).bytes()),
                Item::ZeroDay => number(&mut out, civil.day, 2),
                Item::UnderYearDay => out.extend(format!("{:3}", civil.year_day).bytes()),
                Item::ZeroYearDay => number(&mut out, civil.year_day, 3),
                Item::Hour => number(&mut out, civil.hour, 2),
                Item::Hour12 => number(&mut out, hour12, 0),
                Item::ZeroHour12 => number(&mut out, hour12, 2),
                Item::Minute => number(&mut out, civil.minute, 0),
                Item::ZeroMinute => number(&mut out, civil.minute, 2),
                Item::Second => number(&mut out, civil.second, 0),
                Item::ZeroSecond => number(&mut out, civil.second, 2),
                Item::UpperHalf => out.extend_from_slice(if civil.hour >= 12 { b"PM" } else { b"AM" }),
                Item::LowerHalf => out.extend_from_slice(if civil.hour >= 12 { b"pm" } else { b"am" }),
                Item::Offset(style) => distance(&mut out, offset, style),
                Item::ZoneName if zone.is_empty() => {
                    distance(&mut out, offset, Offset { z: false, colons: false, minutes: true, seconds: false });
                }
                Item::ZoneName => out.extend_from_slice(&zone),
                Item::Fraction { digits, separator, trim } => fraction(&mut out, self.nanos, digits, separator, trim),
            }
        }
    }
}

/// At least so many digits, the sign not counted.
fn number(out: &mut Vec<u8>, number: i64, width: usize) {
    if number < 0 {
        out.push(b'-');
    }
    out.extend(format!("{:0width$}", number.unsigned_abs()).bytes());
}

fn name(out: &mut Vec<u8>, names: &[&str], index: i64, letters: Option<usize>) {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
    out.extend_from_slice(letters.and_then(|letters| name.get(..letters)).unwrap_or(name).as_bytes());
}

fn distance(out: &mut Vec<u8>, offset: i64, style: Offset) {
    if style.z && offset == 0 {
        out.push(b'Z');
        return;
    }
    // A distance of less than a minute to the west has a plus here, as in Go.
    let minutes = offset / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let seconds = if minutes < 0 { -offset } else { offset } % 60;
    number(out, minutes.abs() / 60, 2);
    if style.minutes {
        if style.colons {
            out.push(b':');
        }
        number(out, minutes.abs() % 60, 2);
    }
    if style.seconds {
        if style.colons {
            out.push(b':');
        }
        number(out, seconds, 2);
    }
}

fn fraction(out: &mut Vec<u8>, nanos: u32, digits: usize, separator: u8, trim: bool) {
    if trim && nanos == 0 {
        return;
    }
    let all = format!("{nanos:09}");
    let kept = all.get(..digits.min(9)).unwrap_or(&all);
    let kept = if trim { kept.trim_end_matches('0') } else { kept };
    if trim && kept.is_empty() {
        return;
    }
    out.push(separator);
    out.extend_from_slice(kept.as_bytes());
}
