//! Integers and decimals. What is no number counts as 0.
use go_template_engine::{Context, Error, Function, Int, Ints, Kind, List, Type, Value, functions};

use crate::{
    cast::{V1_7, V1_10, float, integer, truncate},
    go::decimal::Decimal,
    random,
    values::Floats,
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "randInt" => rand_int, (Int, Int);
    "seq" => seq, (; Ints<'_>);
    "until" => until, (Int);
    "untilStep" => until_step, (Int, Int, Int);
};

/// Those that make numbers of anything, by the library's release.
macro_rules! released {
    ($name:ident, $release:ident, $doc:literal) => {
        #[doc = $doc]
        pub static $name: &[Function] = functions! {
            "add" => add::<$release>, (; &[Value]);
            "add1" => add1::<$release>, (&Value);
            "add1f" => add1f::<$release>, (&Value);
            "addf" => addf::<$release>, (; &[Value]);
            "biggest" => max::<$release>, (&Value; &[Value]);
            "ceil" => ceil::<$release>, (&Value);
            "div" => div::<$release>, (&Value, &Value);
            "divf" => divf::<$release>, (&Value; &[Value]);
            "floor" => floor::<$release>, (&Value);
            "max" => max::<$release>, (&Value; &[Value]);
            "maxf" => maxf::<$release>, (&Value; &[Value]);
            "min" => min::<$release>, (&Value; &[Value]);
            "minf" => minf::<$release>, (&Value; &[Value]);
            "mod" => modulo::<$release>, (&Value, &Value);
            "mul" => mul::<$release>, (&Value; &[Value]);
            "mulf" => mulf::<$release>, (&Value; &[Value]);
            "round" => round::<$release>, (&Value, Int; Floats<'_>);
            "sub" => sub::<$release>, (&Value, &Value);
            "subf" => subf::<$release>, (&Value; &[Value]);
        };
    };
}

released!(FUNCTIONS_1_7, V1_7, "With conversions as Infisical's operator makes them.");
released!(FUNCTIONS_1_10, V1_10, "With conversions as External Secrets Operator makes them.");

type Integer = Result<i64, Error>;
type Float = Result<f64, Error>;

fn add<const R: bool>(_: &mut Context<'_>, numbers: &[Value]) -> Integer {
    Ok(numbers.iter().map(integer::<R>).fold(0, i64::wrapping_add))
}

fn add1<const R: bool>(_: &mut Context<'_>, number: &Value) -> Integer {
    Ok(integer::<R>(number).wrapping_add(1))
}

fn sub<const R: bool>(_: &mut Context<'_>, a: &Value, b: &Value) -> Integer {
    Ok(integer::<R>(a).wrapping_sub(integer::<R>(b)))
}

fn mul<const R: bool>(_: &mut Context<'_>, first: &Value, others: &[Value]) -> Integer {
    Ok(others.iter().map(integer::<R>).fold(integer::<R>(first), i64::wrapping_mul))
}

fn divisor<const R: bool>(value: &Value) -> Integer {
    match integer::<R>(value) {
        0 => Err(Error::panic("runtime error: integer divide by zero")),
        number => Ok(number),
    }
}

fn div<const R: bool>(_: &mut Context<'_>, a: &Value, b: &Value) -> Integer {
    Ok(integer::<R>(a).wrapping_div(divisor::<R>(b)?))
}

fn modulo<const R: bool>(_: &mut Context<'_>, a: &Value, b: &Value) -> Integer {
    Ok(integer::<R>(a).wrapping_rem(divisor::<R>(b)?))
}

fn max<const R: bool>(_: &mut Context<'_>, first: &Value, others: &[Value]) -> Integer {
    Ok(others.iter().map(integer::<R>).fold(integer::<R>(first), i64::max))
}

fn min<const R: bool>(_: &mut Context<'_>, first: &Value, others: &[Value]) -> Integer {
    Ok(others.iter().map(integer::<R>).fold(integer::<R>(first), i64::min))
}

/// Go's `math.Max`: NaN wins but over infinity, and 0 over -0.
fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

fn maxf<const R: bool>(_: &mut Context<'_>, first: &Value, others: &[Value]) -> Float {
    Ok(others.iter().map(float::<R>).fold(float::<R>(first), larger))
}

fn minf<const R: bool>(_: &mut Context<'_>, first: &Value, others: &[Value]) -> Float {
    Ok(others.iter().map(float::<R>).fold(float::<R>(first), |a, b| -larger(-a, -b)))
}

fn decimal(number: f64) -> Result<Decimal, Error> {
    Decimal::new(number).ok_or_else(|| {
        Error::panic(format!(
            "Cannot create a Decimal from {}",
            match number {
                f64::INFINITY => "+Inf",
                f64::NEG_INFINITY => "-Inf",
                _ => "NaN",
            }
        ))
    })
}

/// Computes with decimals from the first number over the others.
fn decimals<const R: bool>(
    context: &mut Context<'_>,
    first: f64,
    others: &[Value],
    step: impl Fn(&Decimal, &Decimal) -> Option<Decimal>,
) -> Float {
    let mut sum = decimal(first)?;
    for other in others {
        sum = step(&sum, &decimal(float::<R>(other))?).ok_or_else(|| Error::panic("decimal division by 0"))?;
        context.allocate(sum.size())?;
        context.step(u64::try_from(sum.size()).unwrap_or(u64::MAX))?;
    }
    Ok(sum.to_f64())
}

fn add1f<const R: bool>(context: &mut Context<'_>, number: &Value) -> Float {
    decimals::<R>(context, float::<R>(number), &[Value::int(1)], |a, b| Some(a.add(b)))
}

fn addf<const R: bool>(context: &mut Context<'_>, numbers: &[Value]) -> Float {
    decimals::<R>(context, 0.0, numbers, |a, b| Some(a.add(b)))
}

fn subf<const R: bool>(context: &mut Context<'_>, first: &Value, others: &[Value]) -> Float {
    decimals::<R>(context, float::<R>(first), others, |a, b| Some(a.sub(b)))
}

fn mulf<const R: bool>(context: &mut Context<'_>, first: &Value, others: &[Value]) -> Float {
    decimals::<R>(context, float::<R>(first), others, |a, b| Some(a.mul(b)))
}

fn divf<const R: bool>(context: &mut Context<'_>, first: &Value, others: &[Value]) -> Float {
    decimals::<R>(context, float::<R>(first), others, Decimal::div)
}

fn ceil<const R: bool>(_: &mut Context<'_>, number: &Value) -> Float {
    Ok(float::<R>(number).ceil())
}

fn floor<const R: bool>(_: &mut Context<'_>, number: &Value) -> Float {
    Ok(float::<R>(number).floor())
}

/// To so many places; a fraction from `on` (one half) on goes up, also below zero.
fn round<const R: bool>(_: &mut Context<'_>, number: &Value, places: Int, on: Floats<'_>) -> Float {
    let power = power_of_ten(places.0);
    let shifted = power * float::<R>(number);
    let fraction = if shifted.is_infinite() { f64::NAN } else { shifted.fract() };
    let whole = if fraction >= on.first().unwrap_or(0.5) { shifted.ceil() } else { shifted.floor() };
    Ok(whole / power)
}

/// Go's `math.Pow(10, places)`, step by step as Go takes it: a power that is a bit off shows in a rounded number.
fn power_of_ten(places: i64) -> f64 {
    // Beyond what a double holds in either direction.
    let mut left = places.unsigned_abs().min(1000);
    let (mut power, mut power_exponent) = (1.0_f64, 0_i32);
    // Ten is 0.625 × 2^4.
    let (mut base, mut base_exponent) = (0.625_f64, 4_i32);
    while left > 0 {
        if left & 1 == 1 {
            power *= base;
            power_exponent += base_exponent;
        }
        base *= base;
        base_exponent *= 2;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if places < 0 {
        power = 1.0 / power;
        power_exponent = -power_exponent;
    }
    // In two steps, since one alone may be beyond a double; the second is exact but where the result is subnormal.
    let half = power_exponent / 2;
    power * 2_f64.powi(half) * 2_f64.powi(power_exponent - half)
}

/// How many numbers lie between.
fn count(start: i64, stop: i64, step: i64) -> usize {
    let distance = i128::from(stop) - i128::from(start);
    let step = i128::from(step);
    let count = match (distance < 0, step) {
        (true, ..0) | (false, 1..) => (distance.abs() + step.abs() - 1) / step.abs(),
        _ => 0,
    };
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn range(context: &mut Context<'_>, start: i64, stop: i64, step: i64) -> Result<impl Iterator<Item = i64>, Error> {
    let count = count(start, stop, step);
    context.allocate(count.saturating_mul(size_of::<Value>()))?;
    let mut next = start;
    Ok((0..count).map(move |_| {
        let number = next;
        next = next.wrapping_add(step);
        number
    }))
}

fn until(context: &mut Context<'_>, count: Int) -> Result<List, Error> {
    until_step(context, Int(0), count, Int(if count.0 < 0 { -1 } else { 1 }))
}

fn until_step(context: &mut Context<'_>, start: Int, stop: Int, step: Int) -> Result<List, Error> {
    let numbers = range(context, start.0, stop.0, step.0)?;
    Ok(List::new(&Type::INT, numbers.map(|number| Value::Int(Kind::Int, number)).collect()))
}

/// The numbers from 1 or a start to an end, which is among them, as one text.
fn seq(context: &mut Context<'_>, params: Ints<'_>) -> Result<String, Error> {
    let params: Vec<i64> = params.iter().collect();
    let (start, step, end) = match *params.as_slice() {
        [end] => (1, if end < 1 { -1 } else { 1 }, end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] if end < start && step > 0 => return Ok(String::new()),
        [start, step, end] => (start, step, end),
        _ => return Ok(String::new()),
    };
    let beyond = end.wrapping_add(if end < start { -1 } else { 1 });
    let mut out = String::new();
    for number in range(context, start, beyond, step)? {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&number.to_string());
    }
    Ok(out)
}

fn rand_int(context: &mut Context<'_>, min: Int, max: Int) -> Result<Int, Error> {
    let width = max.0.wrapping_sub(min.0);
    if width <= 0 {
        return Err(Error::panic("invalid argument to Intn"));
    }
    let number = random::below(context, width.unsigned_abs())?;
    Ok(Int(min.0.wrapping_add_unsigned(number)))
}

/// How [`crate::lists`] computes with counts.
pub fn floor_to_integer(number: f64) -> i64 {
    truncate(number.floor())
}
