//! Go's layouts: text in which the parts of the reference time `Mon Jan 2 15:04:05 MST 2006` stand for the parts of a time.

pub const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// How a distance to UTC is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// `Z` stands for UTC.
    pub z: bool,
    pub colons: bool,
    pub minutes: bool,
    pub seconds: bool,
}

/// A part of a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Item {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperHalf,
    LowerHalf,
    ZoneName,
    Offset(Offset),
    /// So many digits of the second behind a separator; with `trim` without zeros at the end.
    Fraction {
        digits: usize,
        separator: u8,
        trim: bool,
    },
}

/// The first item of a layout.
pub struct Found<'l> {
    pub prefix: &'l [u8],
    /// The item as the layout spells it; `None` where only text is left.
    pub item: Option<(Item, &'l [u8])>,
    pub rest: &'l [u8],
}

/// Fixed spellings, a longer one before its beginning.
const SPELLINGS: &[(&[u8], Item)] = &[
    (b"January", Item::LongMonth),
    (b"Monday", Item::LongWeekday),
    (b"MST", Item::ZoneName),
    (b"01", Item::ZeroMonth),
    (b"02", Item::ZeroDay),
    (b"03", Item::ZeroHour12),
    (b"04", Item::ZeroMinute),
    (b"05", Item::ZeroSecond),
    (b"06", Item::Year),
    (b"002", Item::ZeroYearDay),
    (b"15", Item::Hour),
    (b"1", Item::NumberMonth),
    (b"2006", Item::LongYear),
    (b"2", Item::Day),
    (b"_2", Item::UnderDay),
    (b"__2", Item::UnderYearDay),
    (b"3", Item::Hour12),
    (b"4", Item::Minute),
    (b"5", Item::Second),
    (b"PM", Item::UpperHalf),
    (b"pm", Item::LowerHalf),
];

/// Distances to UTC, behind their sign or `Z`.
const OFFSETS: &[(&[u8], Offset)] = &[
    (b"070000", Offset { z: false, colons: false, minutes: true, seconds: true }),
    (b"07:00:00", Offset { z: false, colons: true, minutes: true, seconds: true }),
    (b"0700", Offset { z: false, colons: false, minutes: true, seconds: false }),
    (b"07:00", Offset { z: false, colons: true, minutes: true, seconds: false }),
    (b"07", Offset { z: false, colons: false, minutes: false, seconds: false }),
];

/// Finds the first item.
pub fn next(layout: &[u8]) -> Found<'_> {
    for at in 0..layout.len() {
        let rest = layout.get(at..).unwrap_or_default();
        if let Some((item, skipped, width)) = item(rest) {
            let (prefix, tail) = layout.split_at_checked(at + skipped).unwrap_or((layout, &[]));
            let (spelling, rest) = tail.split_at_checked(width).unwrap_or((tail, &[]));
            return Found { prefix, item: Some((item, spelling)), rest };
        }
    }
    Found { prefix: layout, item: None, rest: &[] }
}

/// The item at the front, bytes before it that are text, and its width.
fn item(text: &[u8]) -> Option<(Item, usize, usize)> {
    // An underscore before a year is text.
    if text.starts_with(b"_2006") {
        return Some((Item::LongYear, 1, 4));
    }
    if let Some((spelling, item)) = SPELLINGS.iter().find(|(spelling, _)| text.starts_with(spelling)) {
        return Some((*item, 0, spelling.len()));
    }
    let ends = |width: usize| !text.get(width).is_some_and(u8::is_ascii_lowercase);
    match text.first()? {
        b'J' if text.starts_with(b"Jan") && ends(3) => Some((Item::Month, 0, 3)),
        b'M' if text.starts_with(b"Mon") && ends(3) => Some((Item::Weekday, 0, 3)),
        sign @ (b'-' | b'Z') => {
            let tail = text.get(1..).unwrap_or_default();
            let (spelling, offset) = OFFSETS.iter().find(|(spelling, _)| tail.starts_with(spelling))?;
            Some((Item::Offset(Offset { z: *sign == b'Z', ..*offset }), 0, spelling.len() + 1))
        }
        separator @ (b'.' | b',') => {
            let digit = *text.get(1).filter(|digit| matches!(digit, b'0' | b'9'))?;
            let digits = text.iter().skip(1).take_while(|byte| **byte == digit).count();
            let ended = !text.get(digits + 1).is_some_and(u8::is_ascii_digit);
            ended.then_some((Item::Fraction { digits, separator: *separator, trim: digit == b'9' }, 0, digits + 1))
        }
        _ => None,
    }
}
