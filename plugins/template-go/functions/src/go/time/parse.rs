//! A time read by a layout, in the local zone where the text names none.

use std::rc::Rc;

use super::{
    DAY, Time, Zone, days_before, days_in, duration, is_leap,
    layout::{self, Item, MONTHS, Offset, WEEKDAYS},
};
use crate::go::{error::GoError, runes};

/// A value that doesn't fit its item.
struct Bad;

/// What was read so far. Negative where nothing was.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    year_day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    /// Set: afternoon.
    half: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: Vec<u8>,
}

/// Go's `ParseInLocation` with the local zone.
pub fn parse(layout: &[u8], text: &[u8]) -> Result<Time, GoError> {
    let mut fields = Fields {
        year: 0,
        month: -1,
        day: -1,
        year_day: -1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        half: None,
        utc: false,
        offset: None,
        zone: Vec::new(),
    };
    let failed = |spelling: &[u8], at: &[u8]| {
        GoError::new("parsing time ")
            .quote(quoted(text))
            .text(" as ")
            .quote(quoted(layout))
            .text(": cannot parse ")
            .quote(quoted(at))
            .text(" as ")
            .quote(quoted(spelling))
    };
    let out_of_range = |what: &'static str| GoError::new("parsing time ").quote(quoted(text)).text(": ").text(what);
    let (mut template, mut value) = (layout, text);
    loop {
        let found = layout::next(template);
        value = skip(value, found.prefix).map_err(|rest| failed(found.prefix, rest))?;
        let Some((item, spelling)) = found.item else {
            if value.is_empty() {
                break;
            }
            return Err(GoError::new("parsing time ").quote(quoted(text)).text(": extra text: ").quote(quoted(value)));
        };
        template = found.rest;
        match fields.read(item, value, template) {
            Ok((rest, None)) => value = rest,
            Ok((_, Some(range))) => return Err(out_of_range(range)),
            Err(Bad) => return Err(failed(spelling, value)),
        }
    }
    fields.date().map_err(out_of_range)?;
    Ok(fields.time())
}

type Step<'t> = Result<(&'t [u8], Option<&'static str>), Bad>;

impl Fields {
    /// Reads one item; the rest, and what is out of range.
    fn read<'t>(&mut self, item: Item, value: &'t [u8], template: &[u8]) -> Step<'t> {
        let check = |wrong: bool, what: &'static str| wrong.then_some(what);
        match item {
            Item::Year => {
                let (digits, rest) = value.split_at_checked(2).ok_or(Bad)?;
                let year = signed(digits)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                Ok((rest, None))
            }
            Item::LongYear => {
                let (digits, rest) = value.split_at_checked(4).filter(|_| starts_with_digit(value)).ok_or(Bad)?;
                self.year = signed(digits)?;
                Ok((rest, None))
            }
            Item::Month | Item::LongMonth => {
                let (index, rest) = lookup(&MONTHS, value, item == Item::Month)?;
                self.month = index + 1;
                Ok((rest, None))
            }
            Item::NumberMonth | Item::ZeroMonth => {
                let (month, rest) = two(value, item == Item::ZeroMonth)?;
                self.month = month;
                Ok((rest, check(!(1..=12).contains(&month), "month out of range")))
            }
            Item::Weekday | Item::LongWeekday => {
                let (_, rest) = lookup(&WEEKDAYS, value, item == Item::Weekday)?;
                Ok((rest, None))
            }
            Item::Day | Item::UnderDay | Item::ZeroDay => {
                let value = if item == Item::UnderDay { value.strip_prefix(b" ").unwrap_or(value) } else { value };
                let (day, rest) = two(value, item == Item::ZeroDay)?;
                self.day = day;
                Ok((rest, None))
            }
            Item::UnderYearDay | Item::ZeroYearDay => {
                let mut value = value;
                if item == Item::UnderYearDay {
                    value = value.strip_prefix(b" ").unwrap_or(value);
                    value = value.strip_prefix(b" ").unwrap_or(value);
                }
                let length = value.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
                if length == 0 || (item == Item::ZeroYearDay && length != 3) {
                    return Err(Bad);
                }
                let (digits, rest) = value.split_at_checked(length).ok_or(Bad)?;
                self.year_day = signed(digits)?;
                Ok((rest, None))
            }
            Item::Hour => {
                let (hour, rest) = two(value, false)?;
                self.hour = hour;
                Ok((rest, check(hour >= 24, "hour out of range")))
            }
            Item::Hour12 | Item::ZeroHour12 => {
                let (hour, rest) = two(value, item == Item::ZeroHour12)?;
                self.hour = hour;
                Ok((rest, check(hour > 12, "hour out of range")))
            }
            Item::Minute | Item::ZeroMinute => {
                let (minute, rest) = two(value, item == Item::ZeroMinute)?;
                self.minute = minute;
                Ok((rest, check(minute >= 60, "minute out of range")))
            }
            Item::Second | Item::ZeroSecond => {
                let (second, rest) = two(value, item == Item::ZeroSecond)?;
                self.second = second;
                if second >= 60 {
                    return Ok((rest, Some("second out of range")));
                }
                // A fraction is read even where the layout has none.
                let fraction = fraction_length(rest);
                let follows = matches!(layout::next(template).item, Some((Item::Fraction { .. }, _)));
                if fraction == 0 || follows { Ok((rest, None)) } else { self.fraction(rest, fraction) }
            }
            Item::UpperHalf | Item::LowerHalf => {
                let (half, rest) = value.split_at_checked(2).ok_or(Bad)?;
                self.half = match (item, half) {
                    (Item::UpperHalf, b"PM") | (Item::LowerHalf, b"pm") => Some(true),
                    (Item::UpperHalf, b"AM") | (Item::LowerHalf, b"am") if self.half.is_none() => Some(false),
                    (Item::UpperHalf, b"AM") | (Item::LowerHalf, b"am") => self.half,
                    _ => return Err(Bad),
                };
                Ok((rest, None))
            }
            Item::Offset(style) => self.distance(style, value),
            Item::ZoneName => {
                if let Some(rest) = value.strip_prefix(b"UTC") {
                    self.utc = true;
                    return Ok((rest, None));
                }
                let length = zone_length(value).ok_or(Bad)?;
                let (name, rest) = value.split_at_checked(length).ok_or(Bad)?;
                self.zone = name.to_vec();
                Ok((rest, None))
            }
            Item::Fraction { digits, trim: false, .. } => self.fraction(value, digits + 1),
            Item::Fraction { .. } => match fraction_length(value) {
                0 => Ok((value, None)),
                length => self.fraction(value, length),
            },
        }
    }

    /// A separator and digits, `length` bytes together.
    fn fraction<'t>(&mut self, value: &'t [u8], length: usize) -> Step<'t> {
        let (text, rest) = value.split_at_checked(length).ok_or(Bad)?;
        let (b'.' | b',', digits) = text.split_first().ok_or(Bad)? else { return Err(Bad) };
        let digits = digits.get(..9).unwrap_or(digits);
        let number = signed(digits)?;
        if number < 0 {
            return Ok((rest, Some("fractional second out of range")));
        }
        self.nanos = (digits.len()..9).fold(number, |number, _| number * 10);
        Ok((rest, None))
    }

    fn distance<'t>(&mut self, style: Offset, value: &'t [u8]) -> Step<'t> {
        if style.z
            && let Some(rest) = value.strip_prefix(b"Z")
        {
            self.utc = true;
            return Ok((rest, None));
        }
        let width = match (style.minutes, style.seconds, style.colons) {
            (false, ..) => 3,
            (_, false, false) => 5,
            (_, false, true) => 6,
            (_, true, false) => 7,
            (_, true, true) => 9,
        };
        let (text, rest) = value.split_at_checked(width).ok_or(Bad)?;
        let (sign, mut digits) = text.split_first().ok_or(Bad)?;
        let mut parts = [0; 3];
        for (place, part) in parts.iter_mut().enumerate() {
            if digits.is_empty() {
                break;
            }
            if place > 0 && style.colons {
                digits = digits.strip_prefix(b":").ok_or(Bad)?;
            }
            (*part, digits) = two(digits, true)?;
        }
        let [hours, minutes, seconds] = parts;
        let offset = (hours * 60 + minutes) * 60 + seconds;
        let range = if seconds > 60 {
            Some("time zone offset second out of range")
        } else if minutes > 60 {
            Some("time zone offset minute out of range")
        } else if hours > 24 {
            Some("time zone offset hour out of range")
        } else {
            None
        };
        self.offset = Some(match sign {
            b'+' => offset,
            b'-' => -offset,
            _ if range.is_some() => offset,
            _ => return Err(Bad),
        });
        Ok((rest, range))
    }

    /// Puts month and day right, also out of the day of the year.
    fn date(&mut self) -> Result<(), &'static str> {
        match self.half {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        if self.year_day >= 0 {
            if !(1..=365 + i64::from(is_leap(self.year))).contains(&self.year_day) {
                return Err("day-of-year out of range");
            }
            let (mut month, mut day) = (1, self.year_day);
            while day > days_in(self.year, month) {
                day -= days_in(self.year, month);
                month += 1;
            }
            if self.month >= 0 && self.month != month {
                return Err("day-of-year does not match month");
            }
            if self.day >= 0 && self.day != day {
                return Err("day-of-year does not match day");
            }
            (self.month, self.day) = (month, day);
        }
        if self.month < 0 {
            self.month = 1;
        }
        if self.day < 0 {
            self.day = 1;
        }
        if self.day < 1 || self.day > days_in(self.year, self.month) {
            return Err("day out of range");
        }
        Ok(())
    }

    fn time(self) -> Time {
        let days = days_before(self.year, self.month, self.day);
        let seconds = days * DAY + self.hour * 3600 + self.minute * 60 + self.second;
        let (zone, offset) = if self.utc {
            (Zone::Utc, 0)
        } else if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let local = offset == 0 && (self.zone.is_empty() || self.zone == b"UTC");
            (if local { Zone::Local } else { Zone::Fixed(Rc::from(self.zone), offset) }, offset)
        } else if self.zone.is_empty() {
            (Zone::Local, 0)
        } else {
            // A name alone says nothing of the distance, but for `GMT-3` and its like; the time of day stays as it stood.
            let offset = self.zone.strip_prefix(b"GMT").and_then(|hours| signed(hours).ok()).unwrap_or(0) * 3600;
            return Time { seconds, nanos: u32::try_from(self.nanos).unwrap_or(0), zone: Zone::Fixed(Rc::from(self.zone), offset) };
        };
        Time { seconds: seconds - offset, nanos: u32::try_from(self.nanos).unwrap_or(0), zone }
    }
}

/// Cuts a layout's text off; a space there is any number of spaces.
fn skip<'t>(mut value: &'t [u8], mut prefix: &[u8]) -> Result<&'t [u8], &'t [u8]> {
    while let Some((first, rest)) = prefix.split_first() {
        if *first == b' ' {
            if value.first().is_some_and(|byte| *byte != b' ') {
                return Err(value);
            }
            prefix = prefix.trim_ascii_start_spaces();
            value = value.trim_ascii_start_spaces();
            continue;
        }
        match value.split_first() {
            Some((byte, after)) if byte == first => value = after,
            _ => return Err(value),
        }
        prefix = rest;
    }
    Ok(value)
}

trait Spaces {
    fn trim_ascii_start_spaces(&self) -> &Self;
}

impl Spaces for [u8] {
    fn trim_ascii_start_spaces(&self) -> &Self {
        let start = self.iter().position(|byte| *byte != b' ').unwrap_or(self.len());
        self.get(start..).unwrap_or_default()
    }
}

fn starts_with_digit(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit)
}

/// Digits with a sign or without.
fn signed(text: &[u8]) -> Result<i64, Bad> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    match duration::leading(digits) {
        Some((number, [])) => {
            let number = i64::try_from(number).map_err(|_| Bad)?;
            Ok(if negative { -number } else { number })
        }
        _ => Err(Bad),
    }
}

/// One or two digits, two with `fixed`.
fn two(text: &[u8], fixed: bool) -> Result<(i64, &[u8]), Bad> {
    let digit = |place: usize| text.get(place).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    match (digit(0), digit(1)) {
        (Some(tens), Some(ones)) => Ok((tens * 10 + ones, text.get(2..).unwrap_or_default())),
        (Some(ones), None) if !fixed => Ok((ones, text.get(1..).unwrap_or_default())),
        _ => Err(Bad),
    }
}

/// A name in any case of its letters; its first three with `short`.
fn lookup<'t>(names: &[&str], text: &'t [u8], short: bool) -> Result<(i64, &'t [u8]), Bad> {
    for (index, name) in (0..).zip(names) {
        let name = if short { name.get(..3).unwrap_or(name) } else { name };
        if let Some((front, rest)) = text.split_at_checked(name.len())
            && front.eq_ignore_ascii_case(name.as_bytes())
        {
            return Ok((index, rest));
        }
    }
    Err(Bad)
}

/// A separator and the digits behind it; 0 where there are none.
fn fraction_length(text: &[u8]) -> usize {
    match text {
        [b'.' | b',', rest @ ..] if starts_with_digit(rest) => 1 + rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    }
}

/// How long the name of a zone at the front is.
fn zone_length(text: &[u8]) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix(b"GMT") {
        return Some(3 + offset_length(rest));
    }
    if matches!(text.first(), Some(b'+' | b'-')) {
        return Some(offset_length(text)).filter(|length| *length > 0);
    }
    let capitals = text.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
    let fits = match capitals {
        5 => text.get(4) == Some(&b'T'),
        4 => text.get(3) == Some(&b'T') || text.starts_with(b"WITA"),
        3 => true,
        _ => false,
    };
    fits.then_some(capitals)
}

/// A sign and hours up to 23; 0 where there are none.
fn offset_length(text: &[u8]) -> usize {
    let Some((b'+' | b'-', digits)) = text.split_first() else { return 0 };
    match duration::leading(digits) {
        Some((hours, rest)) if rest.len() < digits.len() && hours <= 23 => text.len() - rest.len(),
        _ => 0,
    }
}

/// The quoting of Go's `time` package: bytes that are not printable ASCII as `\x`.
pub fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for (rune, width) in runes::runes(text) {
        if rune.is_ascii() && rune >= ' ' {
            if matches!(rune, '"' | '\\') {
                out.push(b'\\');
            }
            runes::push(&mut out, rune);
        } else if rune == runes::ERROR && width == 1 {
            // Which byte it was is of no use to a reader.
            out.extend_from_slice(b"\\x??");
        } else {
            for byte in rune.encode_utf8(&mut [0; 4]).bytes() {
                out.extend(format!("\\x{byte:02x}").bytes());
            }
        }
    }
    out.push(b'"');
    out
}
