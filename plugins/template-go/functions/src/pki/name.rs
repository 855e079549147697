//! Distinguished names.
use super::{Fault, der};

/// One attribute: its type, and its text.
pub struct Attribute {
    pub oid: Vec<u8>,
    pub text: String,
}

/// The attributes of a name, in order.
pub fn parse(content: &[u8]) -> Result<Vec<Attribute>, Fault> {
    let invalid = || Fault::new("x509: invalid RDNSequence");
    let mut names = der::Reader(content);
    let mut attributes = Vec::new();
    while !names.is_empty() {
        let mut set = der::Reader(names.read(der::SET).ok_or_else(invalid)?);
        while !set.is_empty() {
            let mut pair = set.sequence().ok_or_else(invalid)?;
            let oid = pair.oid().ok_or_else(invalid)?.to_vec();
            let value = pair.any().ok_or_else(invalid)?;
            let text = text(value.tag, value.content).ok_or_else(|| Fault::new("x509: invalid RDNSequence: invalid attribute value"))?;
            attributes.push(Attribute { oid, text });
        }
    }
    Ok(attributes)
}

fn text(tag: u8, bytes: &[u8]) -> Option<String> {
    const T61: u8 = 0x14;
    const IA5: u8 = 0x16;
    const NUMERIC: u8 = 0x12;
    let ascii = |allowed: fn(u8) -> bool| bytes.iter().all(|c| allowed(*c)).then(|| String::from_utf8_lossy(bytes).into_owned());
    match tag {
        T61 => Some(bytes.iter().map(|c| char::from(*c)).collect()),
        der::PRINTABLE_STRING => ascii(is_printable),
        der::UTF8_STRING => String::from_utf8(bytes.to_vec()).ok(),
        IA5 => ascii(|c| c.is_ascii()),
        NUMERIC => ascii(|c| c.is_ascii_digit() || c == b' '),
        der::BMP_STRING => {
            let (units, odd) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            let units = units.strip_suffix(&[0]).unwrap_or(&units);
            let allowed = |unit: &u16| !matches!(unit, 0xfffe | 0xffff | 0xfdd0..=0xfdef | 0xd800..=0xdfff);
            (odd.is_empty() && units.iter().all(allowed)).then(|| String::from_utf16_lossy(units))
        }
        _ => None,
    }
}

/// What certificates hold in a printable string, two signs more than they may.
pub fn is_printable(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&c)
}

/// A name of a common name alone; empty without one.
pub fn common(name: &[u8]) -> Vec<u8> {
    if name.is_empty() {
        return der::sequence(&[]);
    }
    // Go takes the narrower type where every character fits it.
    let printable = name.iter().all(|c| is_printable(*c) && !matches!(c, b'*' | b'&'));
    let tag = if printable { der::PRINTABLE_STRING } else { der::UTF8_STRING };
    let pair = der::sequence(&[&der::write(der::OID, &[0x55, 0x04, 0x03]), &der::write(tag, name)]);
    der::sequence(&[&der::write(der::SET, &pair)])
}

/// A name as `pkix.Name.String` prints it: the usual attributes in a fixed order, backwards, others behind them.
pub fn print(attributes: &[Attribute]) -> String {
    // Country, province, locality, street, postal code, organisation, unit; then common name and serial number, the last of each.
    const MANY: [(u8, &str); 7] = [(6, "C"), (8, "ST"), (7, "L"), (9, "STREET"), (17, "POSTALCODE"), (10, "O"), (11, "OU")];
    const LAST: [(u8, &str); 2] = [(3, "CN"), (5, "SERIALNUMBER")];
    let of = |number: u8| attributes.iter().filter(move |attribute| attribute.oid == [0x55, 0x04, number]);
    let usual = |attribute: &&Attribute| MANY.iter().chain(&LAST).any(|(number, _)| attribute.oid == [0x55, 0x04, *number]);
    let mut parts: Vec<String> = attributes
        .iter()
        .filter(|attribute| !usual(attribute))
        .map(|attribute| {
            let bytes = attribute.text.as_bytes();
            let printable = bytes.iter().all(|c| is_printable(*c) && !matches!(c, b'*' | b'&'));
            let value = der::write(if printable { der::PRINTABLE_STRING } else { der::UTF8_STRING }, bytes);
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}=#{hex}", der::oid_text(&attribute.oid))
        })
        .collect();
    for (number, label) in MANY {
        let values: Vec<String> = of(number).map(|attribute| format!("{label}={}", escaped(&attribute.text))).collect();
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    for (number, label) in LAST {
        if let Some(attribute) = of(number).next_back().filter(|attribute| !attribute.text.is_empty()) {
            parts.push(format!("{label}={}", escaped(&attribute.text)));
        }
    }
    parts.reverse();
    parts.join(",")
}

fn escaped(text: &str) -> String {
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let escape = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if escape {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
