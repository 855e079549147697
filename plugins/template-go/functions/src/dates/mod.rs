//! Times, durations and time zones.
//!
//! The local zone is UTC. A date that is no time and no number is the present, and so is `now`: an entry that uses one is
//! volatile.
use go_template_engine::{Context, Error, Function, Str, Value, functions};

use crate::{
    convert::clamped,
    go::{
        error::GoError,
        time::{self, Time, Zone},
    },
};

mod types;

pub use types::json;
use types::{At, value};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "ago" => ago, (&Value);
    "date" => date, (&Str, &Value);
    "dateInZone" => date_in_zone, (&Str, &Value, &Str);
    "dateModify" => date_modify, (&Str, At);
    "date_in_zone" => date_in_zone, (&Str, &Value, &Str);
    "date_modify" => date_modify, (&Str, At);
    "duration" => duration, (&Value);
    "durationRound" => duration_round, (&Value);
    "htmlDate" => html_date, (&Value);
    "htmlDateInZone" => html_date_in_zone, (&Value, &Str);
    "mustDateModify" => must_date_modify, (&Str, At);
    "mustToDate" => must_to_date, (&Str, &Str);
    "must_date_modify" => must_date_modify, (&Str, At);
    "now" => now, ();
    "toDate" => to_date, (&Str, &Str);
    "unixEpoch" => unix_epoch, (At);
};

const SECOND: i64 = 1_000_000_000;
const HTML: &[u8] = b"2006-01-02";

fn present(context: &mut Context<'_>) -> Result<Time, Error> {
    let since = context.host.now()?;
    Ok(Time { nanos: since.subsec_nanos(), ..Time::unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)) })
}

/// A time, seconds since 1970, or else the present.
fn instant(context: &mut Context<'_>, date: &Value) -> Result<Time, Error> {
    use go_template_engine::Kind;
    match date {
        Value::Int(Kind::Int | Kind::Int32 | Kind::Int64, seconds) => Ok(Time::unix(*seconds)),
        other => match types::time(other) {
            Some(time) => Ok(time.clone()),
            None => present(context),
        },
    }
}

fn shown(context: &mut Context<'_>, layout: &[u8], date: &Value, zone: &[u8]) -> Result<Vec<u8>, Error> {
    let zone = time::zone(zone).unwrap_or(Zone::Utc);
    // An item of a layout gives at most ten times its length.
    context.allocate(layout.len().saturating_mul(10))?;
    Ok(instant(context, date)?.within(zone).format(layout))
}

fn date(context: &mut Context<'_>, layout: &Str, date: &Value) -> Result<Vec<u8>, Error> {
    shown(context, layout, date, b"Local")
}

fn date_in_zone(context: &mut Context<'_>, layout: &Str, date: &Value, zone: &Str) -> Result<Vec<u8>, Error> {
    shown(context, layout, date, zone)
}

fn html_date(context: &mut Context<'_>, date: &Value) -> Result<Vec<u8>, Error> {
    shown(context, HTML, date, b"Local")
}

fn html_date_in_zone(context: &mut Context<'_>, date: &Value, zone: &Str) -> Result<Vec<u8>, Error> {
    shown(context, HTML, date, zone)
}

fn now(context: &mut Context<'_>) -> Result<Value, Error> {
    Ok(value(present(context)?))
}

/// What has passed since, in whole seconds.
fn ago(context: &mut Context<'_>, date: &Value) -> Result<String, Error> {
    use go_template_engine::Kind;
    let then = match date {
        // This one function doesn't take an int32.
        Value::Int(Kind::Int32, _) => present(context)?,
        other => instant(context, other)?,
    };
    let passed = present(context)?.since(&then);
    Ok(time::duration_text(time::round_duration(passed, SECOND)))
}

/// The date itself where the duration can't be read.
fn date_modify(_: &mut Context<'_>, duration: &Str, date: At<'_>) -> Result<Value, Error> {
    Ok(value(time::parse_duration(duration).map_or_else(|_| date.0.clone(), |nanos| date.0.add(nanos))))
}

fn must_date_modify(_: &mut Context<'_>, duration: &Str, date: At<'_>) -> Result<Value, Error> {
    Ok(value(date.0.add(time::parse_duration(duration).map_err(GoError::error)?)))
}

/// Of seconds: an int64, or a text; anything else is none.
fn duration(_: &mut Context<'_>, seconds: &Value) -> Result<String, Error> {
    use go_template_engine::Kind;
    let seconds = match seconds {
        Value::String(text) => clamped(text),
        Value::Int(Kind::Int64, seconds) => *seconds,
        _ => 0,
    };
    Ok(time::duration_text(seconds.wrapping_mul(SECOND)))
}

/// In the largest unit that fits more than once, rounded down.
fn duration_round(context: &mut Context<'_>, duration: &Value) -> Result<String, Error> {
    use go_template_engine::Kind;
    let nanos = match duration {
        Value::String(text) => time::parse_duration(text).unwrap_or(0),
        Value::Int(Kind::Int64, nanos) => *nanos,
        other => match types::time(other) {
            Some(then) => present(context)?.since(then),
            None => 0,
        },
    };
    const UNITS: [(u64, &str); 6] = [(365 * 24 * 3600, "y"), (30 * 24 * 3600, "mo"), (24 * 3600, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let size = nanos.unsigned_abs();
    let found = UNITS.iter().map(|(seconds, name)| (seconds * SECOND.unsigned_abs(), name)).find(|(unit, _)| size > *unit);
    Ok(found.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", size / unit)))
}

/// Go's zero time where the text can't be read.
fn to_date(_: &mut Context<'_>, layout: &Str, text: &Str) -> Result<Value, Error> {
    Ok(value(time::parse(layout, text).unwrap_or_default()))
}

/// `mustToDate`, by which YAML makes its times.
pub fn must_to_date(_: &mut Context<'_>, layout: &Str, text: &Str) -> Result<Value, Error> {
    time::parse(layout, text).map(value).map_err(GoError::error)
}

fn unix_epoch(_: &mut Context<'_>, date: At<'_>) -> Result<String, Error> {
    Ok(date.0.seconds.to_string())
}
