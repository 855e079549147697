//! Floats as Go's `strconv.FormatFloat(f, 'g', -1, bits)` prints them.

/// The exponent from which Go's shortest form is scientific.
const SCIENTIFIC_FROM: i32 = 6;

/// The shortest text that reads back as `f`, scientific below 0.0001 and from 1,000,000 on; of 32 bits where `single`.
pub fn format(f: f64, single: bool) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "Go narrows it too")]
    let narrow = f as f32;
    let (nan, infinite) = (f.is_nan(), if single { narrow.is_infinite() } else { f.is_infinite() });
    if nan {
        return "NaN".to_owned();
    }
    if infinite {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = if single { format!("{narrow:e}") } else { format!("{f:e}") };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if !(-4..SCIENTIFIC_FROM).contains(&exponent) {
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{direction}{:02}", exponent.abs());
    }
    let digits = mantissa.replace('.', "");
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    }
    let whole = usize::try_from(exponent + 1).unwrap_or(1);
    match digits.split_at_checked(whole) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits:0<whole$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn prints_as_go_does() {
        for (f, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1e100, "1e+100"),
            (685_230.15, "685230.15"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(format(f, false), text);
        }
        assert_eq!(format(685_230.15, true), "685230.1");
        assert_eq!(format(1e300, true), "+Inf");
    }
}
