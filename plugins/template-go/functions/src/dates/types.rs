//! `time.Time` and the types that its methods give.
use std::rc::Rc;

use go_template_engine::{Arg, Context, Error, Field, Function, Int, Kind, Named, NamedValue, Str, Structure, Type, Value, functions};

use crate::go::{
    error::GoError,
    time::{self, MONTHS, Time, WEEKDAYS, Zone},
};

/// An instant.
static TIME: Named = Named {
    fields: &[Field::new("wall", Type::Basic(Kind::Uint64)), Field::new("ext", Type::INT64), Field::new("loc", Type::Pointer(&LOCATION))],
    methods: time_methods,
    text: Some(|value| time(value).map_or_else(Str::default, |time| time.text().into())),
    equal: Some(|a, b| match (a.inner::<Time>(), b.inner::<Time>()) {
        (Some(a), Some(b)) => (a.seconds, a.nanos) == (b.seconds, b.nanos) && same_zone(&a.zone, &b.zone),
        _ => false,
    }),
    ..Named::new("time.Time", Kind::Struct)
};

/// Nanoseconds.
static DURATION: Named = Named {
    methods: || {
        functions! {
            "Abs" => abs, (Span);
            "Hours" => hours, (Span);
            "Microseconds" => microseconds, (Span);
            "Milliseconds" => milliseconds, (Span);
            "Minutes" => minutes, (Span);
            "Nanoseconds" => nanoseconds, (Span);
            "Round" => round_span, (Span, Span);
            "Seconds" => seconds, (Span);
            "String" => span_text, (Span);
            "Truncate" => truncate_span, (Span, Span);
        }
    },
    text: Some(|value| Span::take(value).map_or_else(Str::default, |span| time::duration_text(span.0).into())),
    ..Named::new("time.Duration", Kind::Int64)
};

/// From 1.
static MONTH: Named = Named {
    methods: || functions! { "String" => month_text, (MonthOf) },
    text: Some(|value| MonthOf::take(value).map_or_else(Str::default, |month| name(&MONTHS, month.0 - 1, "Month", month.0).into())),
    ..Named::new("time.Month", Kind::Int)
};

/// From Sunday, which is 0.
static WEEKDAY: Named = Named {
    methods: || functions! { "String" => weekday_text, (WeekdayOf) },
    text: Some(|value| WeekdayOf::take(value).map_or_else(Str::default, |day| name(&WEEKDAYS, day.0, "Weekday", day.0).into())),
    ..Named::new("time.Weekday", Kind::Int)
};

static LOCATION: Named = Named {
    pointer_methods: || functions! { "String" => location_text, (Place) },
    pointer_text: Some(|value| Place::take(value).map_or_else(Str::default, |place| place.name().into())),
    equal: Some(|a, b| match (a.inner::<Zone>(), b.inner::<Zone>()) {
        (Some(a), Some(b)) => same_zone(a, b),
        _ => false,
    }),
    ..Named::new("time.Location", Kind::Struct)
};

/// A value of a time.
pub fn value(time: Time) -> Value {
    Value::Struct(Rc::new(Structure::opaque(&TIME, time)))
}

/// The time that a value is, or points to.
pub fn time(value: &Value) -> Option<&Time> {
    match value {
        Value::Struct(structure) | Value::Pointer(structure) => structure.inner(),
        _ => None,
    }
}

/// In JSON a time is its text in RFC 3339.
pub fn json(structure: &Structure) -> Option<Result<Vec<u8>, GoError>> {
    let time = structure.inner::<Time>()?;
    Some(
        rfc3339(time).map_err(|reason| GoError::new("json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: ").text(reason)),
    )
}

fn rfc3339(time: &Time) -> Result<Vec<u8>, &'static str> {
    if !(0..10_000).contains(&time.civil().year) {
        return Err("year outside of range [0,9999]");
    }
    if time.zone_at().1.abs() >= 24 * 3600 {
        return Err("timezone hour outside of range [0,23]");
    }
    Ok(time.format(b"2006-01-02T15:04:05.999999999Z07:00"))
}

/// `time.Time` as a parameter.
pub struct At<'a>(pub &'a Time);

impl<'a> Arg<'a> for At<'a> {
    const TYPE: Type = Type::Named(&TIME);

    fn take(value: &'a Value) -> Option<Self> {
        time(value).map(Self)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $named:ident) => {
        $(#[$doc])*
        struct $name(i64);

        impl Arg<'_> for $name {
            const TYPE: Type = Type::Named(&$named);

            fn take(value: &Value) -> Option<Self> {
                match value.underlying() {
                    Value::Int(_, number) => Some(Self(*number)),
                    _ => None,
                }
            }
        }
    };
}

number!(
    /// `time.Duration` as a parameter.
    Span, DURATION
);
number!(
    /// `time.Month`.
    MonthOf, MONTH
);
number!(
    /// `time.Weekday`.
    WeekdayOf, WEEKDAY
);

/// `*time.Location`.
struct Place<'a>(&'a Zone);

impl<'a> Arg<'a> for Place<'a> {
    const TYPE: Type = Type::Pointer(&LOCATION);

    fn take(value: &'a Value) -> Option<Self> {
        match value {
            Value::Struct(structure) | Value::Pointer(structure) => structure.inner().map(Self),
            _ => None,
        }
    }
}

impl Place<'_> {
    fn name(&self) -> Vec<u8> {
        zone_name(self.0)
    }
}

fn zone_name(zone: &Zone) -> Vec<u8> {
    match zone {
        // The local zone bears the name of what it was read from.
        Zone::Utc | Zone::Local => b"UTC".to_vec(),
        Zone::Fixed(name, _) => name.to_vec(),
        Zone::Named(name, _) => name.as_bytes().to_vec(),
    }
}

/// Go compares pointers here: the local zone is another than UTC.
fn same_zone(a: &Zone, b: &Zone) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b) && zone_name(a) == zone_name(b)
}

fn name(names: &[&str], index: i64, kind: &str, number: i64) -> String {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index));
    name.map_or_else(|| format!("%!{kind}({number})"), |name| (*name).to_owned())
}

fn named(named: &'static Named, kind: Kind, number: i64) -> Value {
    Value::Named(Rc::new(NamedValue { named, value: Value::Int(kind, number) }))
}

fn span(nanos: i64) -> Value {
    named(&DURATION, Kind::Int64, nanos)
}

type Any = Result<Value, Error>;

fn time_methods() -> &'static [Function] {
    functions! {
        "Add" => add, (At, Span);
        "AddDate" => add_date, (At, Int, Int, Int);
        "After" => after, (At, At);
        "Before" => before, (At, At);
        "Compare" => compare, (At, At);
        "Day" => day, (At);
        "Equal" => equal, (At, At);
        "Format" => format, (At, &Str);
        "GoString" => go_string, (At);
        "Hour" => hour, (At);
        "In" => within, (At, Place);
        "IsDST" => is_dst, (At);
        "IsZero" => is_zero, (At);
        "Local" => local, (At);
        "Location" => location, (At);
        "MarshalJSON" => marshal_json, (At);
        "MarshalText" => marshal_text, (At);
        "Minute" => minute, (At);
        "Month" => month, (At);
        "Nanosecond" => nanosecond, (At);
        "Round" => round, (At, Span);
        "Second" => second, (At);
        "String" => text, (At);
        "Sub" => sub, (At, At);
        "Truncate" => truncate, (At, Span);
        "UTC" => utc, (At);
        "Unix" => unix, (At);
        "UnixMicro" => unix_micro, (At);
        "UnixMilli" => unix_milli, (At);
        "UnixNano" => unix_nano, (At);
        "Weekday" => weekday, (At);
        "Year" => year, (At);
        "YearDay" => year_day, (At);
    }
}

fn add(_: &mut Context<'_>, at: At<'_>, span: Span) -> Any {
    Ok(value(at.0.add(span.0)))
}

fn add_date(_: &mut Context<'_>, at: At<'_>, years: Int, months: Int, days: Int) -> Any {
    Ok(value(at.0.add_date(years.0, months.0, days.0)))
}

fn order(a: &Time, b: &Time) -> std::cmp::Ordering {
    (a.seconds, a.nanos).cmp(&(b.seconds, b.nanos))
}

fn after(_: &mut Context<'_>, at: At<'_>, other: At<'_>) -> Result<bool, Error> {
    Ok(order(at.0, other.0).is_gt())
}

fn before(_: &mut Context<'_>, at: At<'_>, other: At<'_>) -> Result<bool, Error> {
    Ok(order(at.0, other.0).is_lt())
}

fn compare(_: &mut Context<'_>, at: At<'_>, other: At<'_>) -> Result<Int, Error> {
    Ok(Int(order(at.0, other.0) as i64))
}

fn equal(_: &mut Context<'_>, at: At<'_>, other: At<'_>) -> Result<bool, Error> {
    Ok(order(at.0, other.0).is_eq())
}

fn day(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().day))
}

fn hour(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().hour))
}

fn minute(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().minute))
}

fn second(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().second))
}

fn nanosecond(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.nanos.into()))
}

fn year(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().year))
}

fn year_day(_: &mut Context<'_>, at: At<'_>) -> Result<Int, Error> {
    Ok(Int(at.0.civil().year_day))
}

fn month(_: &mut Context<'_>, at: At<'_>) -> Any {
    Ok(named(&MONTH, Kind::Int, at.0.civil().month))
}

fn weekday(_: &mut Context<'_>, at: At<'_>) -> Any {
    Ok(named(&WEEKDAY, Kind::Int, at.0.civil().weekday))
}

fn format(context: &mut Context<'_>, at: At<'_>, layout: &Str) -> Result<Vec<u8>, Error> {
    context.allocate(layout.len().saturating_mul(10))?;
    Ok(at.0.format(layout))
}

fn text(_: &mut Context<'_>, at: At<'_>) -> Result<Vec<u8>, Error> {
    Ok(at.0.text())
}

fn go_string(_: &mut Context<'_>, at: At<'_>) -> Result<Vec<u8>, Error> {
    let civil = at.0.civil();
    let month = name(&MONTHS, civil.month - 1, "Month", civil.month);
    let mut out = format!(
        "time.Date({}, time.{month}, {}, {}, {}, {}, {}, ",
        civil.year, civil.day, civil.hour, civil.minute, civil.second, at.0.nanos
    )
    .into_bytes();
    match &at.0.zone {
        Zone::Utc => out.extend_from_slice(b"time.UTC"),
        Zone::Local => out.extend_from_slice(b"time.Local"),
        zone => {
            out.extend_from_slice(b"time.Location(");
            out.extend(time::quoted(&zone_name(zone)));
            out.push(b')');
        }
    }
    out.push(b')');
    Ok(out)
}

fn is_zero(_: &mut Context<'_>, at: At<'_>) -> Result<bool, Error> {
    Ok(order(at.0, &Time::default()).is_eq())
}

fn is_dst(_: &mut Context<'_>, at: At<'_>) -> Result<bool, Error> {
    Ok(at.0.is_daylight_saving())
}

fn utc(_: &mut Context<'_>, at: At<'_>) -> Any {
    Ok(value(at.0.within(Zone::Utc)))
}

fn local(_: &mut Context<'_>, at: At<'_>) -> Any {
    Ok(value(at.0.within(Zone::Local)))
}

fn within(_: &mut Context<'_>, at: At<'_>, place: Place<'_>) -> Any {
    Ok(value(at.0.within(place.0.clone())))
}

fn location(_: &mut Context<'_>, at: At<'_>) -> Any {
    Ok(Value::Pointer(Rc::new(Structure::opaque(&LOCATION, at.0.zone.clone()))))
}

fn sub(_: &mut Context<'_>, at: At<'_>, other: At<'_>) -> Any {
    Ok(span(at.0.since(other.0)))
}

fn unix(_: &mut Context<'_>, at: At<'_>) -> Result<i64, Error> {
    Ok(at.0.seconds)
}

/// So many parts of a second since 1970, wrapped where they don't fit, as in Go.
fn since_epoch(time: &Time, parts: i64) -> i64 {
    time.seconds.wrapping_mul(parts).wrapping_add(i64::from(time.nanos) / (1_000_000_000 / parts))
}

fn unix_milli(_: &mut Context<'_>, at: At<'_>) -> Result<i64, Error> {
    Ok(since_epoch(at.0, 1_000))
}

fn unix_micro(_: &mut Context<'_>, at: At<'_>) -> Result<i64, Error> {
    Ok(since_epoch(at.0, 1_000_000))
}

fn unix_nano(_: &mut Context<'_>, at: At<'_>) -> Result<i64, Error> {
    Ok(since_epoch(at.0, 1_000_000_000))
}

/// What is left beyond a multiple of `unit` since Go's zero time.
fn remainder(time: &Time, unit: i64) -> i64 {
    let zero = Time::default();
    let nanos = (i128::from(time.seconds) - i128::from(zero.seconds)) * 1_000_000_000 + i128::from(time.nanos);
    i64::try_from(nanos.rem_euclid(i128::from(unit))).unwrap_or(0)
}

fn truncate(_: &mut Context<'_>, at: At<'_>, unit: Span) -> Any {
    Ok(value(if unit.0 <= 0 { at.0.clone() } else { at.0.add(-remainder(at.0, unit.0)) }))
}

fn round(_: &mut Context<'_>, at: At<'_>, unit: Span) -> Any {
    if unit.0 <= 0 {
        return Ok(value(at.0.clone()));
    }
    let rest = remainder(at.0, unit.0);
    Ok(value(at.0.add(if rest < unit.0 - rest { -rest } else { unit.0 - rest })))
}

fn marshal_text(_: &mut Context<'_>, at: At<'_>) -> Any {
    let text = rfc3339(at.0).map_err(|reason| Error::new(format!("Time.MarshalText: {reason}")))?;
    Ok(Value::bytes(text))
}

fn marshal_json(_: &mut Context<'_>, at: At<'_>) -> Any {
    let text = rfc3339(at.0).map_err(|reason| Error::new(format!("Time.MarshalJSON: {reason}")))?;
    Ok(Value::bytes([b"\"", text.as_slice(), b"\""].concat()))
}

#[allow(clippy::cast_precision_loss, reason = "as Go divides durations")]
fn parts(nanos: i64, unit: i64) -> f64 {
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

fn hours(_: &mut Context<'_>, span: Span) -> Result<f64, Error> {
    Ok(parts(span.0, 3_600_000_000_000))
}

fn minutes(_: &mut Context<'_>, span: Span) -> Result<f64, Error> {
    Ok(parts(span.0, 60_000_000_000))
}

fn seconds(_: &mut Context<'_>, span: Span) -> Result<f64, Error> {
    Ok(parts(span.0, 1_000_000_000))
}

fn milliseconds(_: &mut Context<'_>, span: Span) -> Result<i64, Error> {
    Ok(span.0 / 1_000_000)
}

fn microseconds(_: &mut Context<'_>, span: Span) -> Result<i64, Error> {
    Ok(span.0 / 1_000)
}

fn nanoseconds(_: &mut Context<'_>, span: Span) -> Result<i64, Error> {
    Ok(span.0)
}

fn abs(_: &mut Context<'_>, of: Span) -> Any {
    Ok(span(of.0.saturating_abs()))
}

fn span_text(_: &mut Context<'_>, span: Span) -> Result<String, Error> {
    Ok(time::duration_text(span.0))
}

fn round_span(_: &mut Context<'_>, of: Span, unit: Span) -> Any {
    Ok(span(time::round_duration(of.0, unit.0)))
}

fn truncate_span(_: &mut Context<'_>, of: Span, unit: Span) -> Any {
    Ok(span(if unit.0 <= 0 { of.0 } else { of.0 - of.0 % unit.0 }))
}

fn month_text(_: &mut Context<'_>, month: MonthOf) -> Result<String, Error> {
    Ok(name(&MONTHS, month.0 - 1, "Month", month.0))
}

fn weekday_text(_: &mut Context<'_>, day: WeekdayOf) -> Result<String, Error> {
    Ok(name(&WEEKDAYS, day.0, "Weekday", day.0))
}

fn location_text(_: &mut Context<'_>, place: Place<'_>) -> Result<Vec<u8>, Error> {
    Ok(place.name())
}
