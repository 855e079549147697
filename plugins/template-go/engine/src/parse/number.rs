//! Number constants: one text, as many kinds as can hold it.
use super::{lex::Kind, node::Number, quoted};
use crate::strconv::{parse_float, parse_int, parse_uint, unquote_char};

/// Out of a token.
pub fn number(at: usize, text: &str, kind: Kind) -> Result<Number, String> {
    let mut number = Number { at, text: text.into(), int: None, uint: None, float: None, complex: None };
    match kind {
        Kind::CharConstant => {
            let inner = text.as_bytes().get(1..).unwrap_or_default();
            let (code, _, length) = unquote_char(inner, b'\'').ok_or("invalid syntax")?;
            if inner.get(length..) != Some(b"'") {
                return Err(format!("malformed character constant: {text}"));
            }
            number.int = Some(code.into());
            number.uint = Some(code.into());
            number.float = Some(code.into());
            return Ok(number);
        }
        Kind::Complex => {
            let (real, imaginary) = pair(text).ok_or("syntax error scanning complex number")?;
            simplify(&mut number, real, imaginary);
            return Ok(number);
        }
        _ => {}
    }
    if let Some(Ok(imaginary)) = text.strip_suffix('i').map(|digits| parse_float(digits.as_bytes())) {
        simplify(&mut number, 0.0, imaginary);
        return Ok(number);
    }
    number.uint = parse_uint(text.as_bytes(), 0, 64).ok();
    number.int = parse_int(text.as_bytes(), 0, 64).ok();
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Ok(float) = parse_float(text.as_bytes()) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quoted(text)));
        }
        whole(&mut number, float);
    } else {
        return Err(format!("illegal number syntax: {}", quoted(text)));
    }
    Ok(number)
}

/// The float, and the integers that it is.
fn whole(number: &mut Number, float: f64) {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    number.float = Some(float);
    if float.fract() == 0.0 {
        number.int = (-TOP..TOP).contains(&float).then_some(float as i64);
        number.uint = (0.0..TOP * 2.0).contains(&float).then_some(float as u64);
    }
}

fn simplify(number: &mut Number, real: f64, imaginary: f64) {
    number.complex = Some((real, imaginary));
    if imaginary == 0.0 {
        whole(number, real);
    }
}

/// `1+2i`
fn pair(text: &str) -> Option<(f64, f64)> {
    let body = text.strip_suffix('i')?;
    let hex = body.trim_start_matches(['+', '-']).get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    let splits = |place: &usize| {
        let before = body.as_bytes().get(place.wrapping_sub(1)).map(u8::to_ascii_lowercase);
        *place > 0 && before != Some(b'p') && (hex || before != Some(b'e'))
    };
    let place = body.match_indices(['+', '-']).map(|(place, _)| place).rfind(splits)?;
    let (real, imaginary) = body.split_at(place);
    let float = |text: &str| parse_float(text.as_bytes()).ok().or_else(|| parse_int(text.as_bytes(), 0, 64).ok().map(|int| int as f64));
    Some((float(real)?, float(imaginary)?))
}
