//! Floating-point numbers as text.

/// `strconv.FormatFloat`. Formats: `b e E f g G x X`; without precision the fewest digits that give the same number back.
/// `bits` is 32 or 64: the size that the number had.
pub fn format_float(number: f64, format: u8, precision: Option<usize>, bits: u8) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    match format {
        b'b' => binary(number, bits),
        b'x' | b'X' => hexadecimal(number, format, precision, bits),
        b'e' | b'E' | b'f' | b'g' | b'G' => decimal(number, format, precision, bits),
        other => format!("%{}", char::from(other)),
    }
}

/// Sign, mantissa and exponent, with the number = mantissa × 2^(exponent − mantissa bits).
fn parts(number: f64, bits: u8) -> (bool, u64, i32, u32) {
    let (raw, mantissa_bits, exponent_bits, bias) =
        if bits == 32 { (u64::from((number as f32).to_bits()), 23, 8, -127) } else { (number.to_bits(), 52, 11, -1023) };
    let negative = raw >> (mantissa_bits + exponent_bits) != 0;
    let exponent = i32::try_from((raw >> mantissa_bits) & ((1 << exponent_bits) - 1)).unwrap_or(0);
    let mantissa = raw & ((1 << mantissa_bits) - 1);
    let (mantissa, exponent) = if exponent == 0 { (mantissa, 1) } else { (mantissa | 1 << mantissa_bits, exponent) };
    (negative, mantissa, exponent + bias, mantissa_bits)
}

/// `-4503599627370496p-52`
fn binary(number: f64, bits: u8) -> String {
    let (negative, mantissa, exponent, mantissa_bits) = parts(number, bits);
    let exponent = exponent - mantissa_bits as i32;
    format!("{}{mantissa}p{exponent:+}", if negative { "-" } else { "" })
}

/// `-0x1.8p+01`
fn hexadecimal(number: f64, format: u8, precision: Option<usize>, bits: u8) -> String {
    const TOP: u64 = 1 << 60;
    let (negative, mantissa, exponent, mantissa_bits) = parts(number, bits);
    let mut exponent = if mantissa == 0 { 0 } else { exponent };
    let mut mantissa = mantissa << (60 - mantissa_bits);
    while mantissa != 0 && mantissa & TOP == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let shift = precision * 4;
        let extra = (mantissa << shift) & (TOP - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("{}0x{}", if negative { "-" } else { "" }, (mantissa >> 60) & 1);
    let mut rest = mantissa << 4;
    let mut digit = |text: &mut String| {
        text.extend(char::from_digit(((rest >> 60) & 15) as u32, 16));
        rest <<= 4;
        rest
    };
    match precision {
        None if mantissa << 4 != 0 => {
            text.push('.');
            while digit(&mut text) != 0 {}
        }
        Some(precision) if precision > 0 => {
            text.push('.');
            for _ in 0..precision {
                digit(&mut text);
            }
        }
        _ => {}
    }
    text += &format!("p{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    if format == b'X' { text.to_ascii_uppercase() } else { text }
}

/// Digits without point or sign, without zeros at the end, and where the point stands: 0.DIGITS × 10^point.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// No number has more digits than this behind its point; the formatter's own bound is 65,535.
const EXACT: usize = 1_100;

impl Digits {
    fn read(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() { 0 } else { exponent.parse::<i32>().unwrap_or(0) + 1 };
        Self { digits, point }
    }

    fn shortest(number: f64, bits: u8) -> Self {
        Self::read(&if bits == 32 { format!("{:e}", number as f32) } else { format!("{number:e}") })
    }

    /// Rounded to that many digits in all.
    fn significant(number: f64, count: usize) -> Self {
        Self::read(&format!("{number:.*e}", count.saturating_sub(1).min(EXACT)))
    }

    /// Rounded to that many digits behind the point.
    fn fixed(number: f64, behind: usize) -> Self {
        let text = format!("{number:.*}", behind.min(EXACT));
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.trim_start_matches('0');
        let zeros = fraction.len() - fraction.trim_start_matches('0').len();
        let point = if whole.is_empty() { -i32::try_from(zeros).unwrap_or(0) } else { i32::try_from(whole.len()).unwrap_or(0) };
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if whole.is_empty() {
            digits.drain(..zeros.min(digits.len()));
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { point: if digits.is_empty() { 0 } else { point }, digits }
    }

    fn at(&self, place: usize) -> char {
        self.digits.get(place).copied().map_or('0', char::from)
    }

    /// `d.ddde±dd`
    fn exponential(&self, out: &mut String, precision: usize, letter: char) {
        out.push(self.at(0));
        if precision > 0 {
            out.push('.');
            out.extend((1..=precision).map(|place| self.at(place)));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        out.push(letter);
        *out += &format!("{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    }

    /// `ddd.ddd`
    fn plain(&self, out: &mut String, precision: usize) {
        match usize::try_from(self.point) {
            Ok(point) if point > 0 => out.extend((0..point).map(|place| self.at(place))),
            _ => out.push('0'),
        }
        if precision > 0 {
            out.push('.');
            for place in 0..precision {
                let place = i64::from(self.point) + i64::try_from(place).unwrap_or(i64::MAX);
                out.push(usize::try_from(place).map_or('0', |place| self.at(place)));
            }
        }
    }
}

fn decimal(number: f64, format: u8, precision: Option<usize>, bits: u8) -> String {
    let mut text = String::new();
    if number.is_sign_negative() {
        text.push('-');
    }
    let number = number.abs();
    let letter = if format.is_ascii_uppercase() { 'E' } else { 'e' };
    match (format, precision) {
        (b'e' | b'E', None) => {
            let digits = Digits::shortest(number, bits);
            digits.exponential(&mut text, digits.digits.len().saturating_sub(1), letter);
        }
        (b'e' | b'E', Some(precision)) => Digits::significant(number, precision + 1).exponential(&mut text, precision, letter),
        (b'f', None) => {
            let digits = Digits::shortest(number, bits);
            let behind = i32::try_from(digits.digits.len()).unwrap_or(0) - digits.point;
            digits.plain(&mut text, usize::try_from(behind).unwrap_or(0));
        }
        (b'f', Some(precision)) => Digits::fixed(number, precision).plain(&mut text, precision),
        (_, precision) => general(&mut text, number, precision, bits, letter),
    }
    text
}

/// `%g`: exponential where the exponent is below −4, or not below the precision (6 for the shortest).
fn general(text: &mut String, number: f64, precision: Option<usize>, bits: u8, letter: char) {
    let digits = match precision {
        None => Digits::shortest(number, bits),
        Some(precision) => Digits::significant(number, precision.max(1)),
    };
    let count = digits.digits.len();
    let wanted = precision.map_or(count, |precision| precision.max(1));
    let point = digits.point;
    let mut threshold = i32::try_from(wanted).unwrap_or(i32::MAX);
    if wanted > count && i32::try_from(count).is_ok_and(|count| count >= point) {
        threshold = i32::try_from(count).unwrap_or(i32::MAX);
    }
    if precision.is_none() {
        threshold = 6;
    }
    let exponent = point - 1;
    // The shortest form keeps whole numbers up to twenty-one digits only in JSON; `fmt` doesn't.
    if exponent < -4 || exponent >= threshold {
        digits.exponential(text, wanted.min(count).saturating_sub(1), letter);
    } else {
        let behind = if i32::try_from(wanted).is_ok_and(|wanted| wanted > point) { count } else { wanted };
        let behind = i64::try_from(behind).unwrap_or(0) - i64::from(point);
        digits.plain(text, usize::try_from(behind).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_go_writes_them() {
        for (number, format, precision, wanted) in [
            (0.0, b'g', None, "0"),
            (-0.0, b'g', None, "-0"),
            (1.0, b'g', None, "1"),
            (1e6, b'g', None, "1e+06"),
            (100_000.0, b'g', None, "100000"),
            (12_345_678.0, b'g', None, "1.2345678e+07"),
            (0.0001, b'g', None, "0.0001"),
            (0.00001, b'g', None, "1e-05"),
            (123_456.789, b'g', Some(3), "1.23e+05"),
            (100.0, b'g', Some(5), "100"),
            (0.0, b'e', Some(3), "0.000e+00"),
            (1.5, b'E', Some(0), "2E+00"),
            (2.5, b'f', Some(0), "2"),
            (3.5, b'f', Some(0), "4"),
            (1e21, b'f', None, "1000000000000000000000"),
            (0.05, b'f', Some(1), "0.1"),
            (9.96, b'f', Some(1), "10.0"),
            (1e-7, b'f', Some(3), "0.000"),
            (1.5, b'x', None, "0x1.8p+00"),
            (-1.0, b'X', Some(2), "-0X1.00P+00"),
            (1.0, b'b', None, "4503599627370496p-52"),
            (5e-324, b'g', None, "5e-324"),
            (f64::INFINITY, b'f', Some(1), "+Inf"),
        ] {
            assert_eq!(format_float(number, format, precision, 64), wanted);
        }
        assert_eq!(format_float(f64::from(0.1_f32), b'g', None, 32), "0.1");
        assert_eq!(format_float(1.0, b'f', Some(70_000), 64).len(), 70_002);
    }
}
