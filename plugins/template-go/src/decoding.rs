//! Decoding of rendered values, as External Secrets Operator's `valuesDecodingStrategy` names it.
use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

/// Go's decoders take what bits the last character has too many.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// By the name of a strategy: `None`, `Base64`, `Base64URL`, or `Auto`, which takes what fits. Line ends count for nothing.
///
/// # Errors
/// Another name; a value that is not what the strategy says.
pub fn decode(strategy: &str, value: Vec<u8>) -> Result<Vec<u8>, String> {
    let with = |engine: &GeneralPurpose| {
        let text: Vec<u8> = value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        engine.decode(text).ok()
    };
    match strategy {
        "" | "None" => Ok(value),
        "Base64" => with(&STANDARD).ok_or_else(|| "the value is not base64".into()),
        "Base64URL" => with(&URL).ok_or_else(|| "the value is not base64url".into()),
        "Auto" => Ok(with(&STANDARD).or_else(|| with(&URL)).unwrap_or(value)),
        other => {
            let other: String = other.chars().take(32).collect();
            Err(format!("decoding strategy {other} is not supported; write None, Base64, Base64URL or Auto"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_decode_as_the_peer_s() {
        for (strategy, value, wanted) in [
            ("", "aGk=", Ok("aGk=")),
            ("None", "aGk=", Ok("aGk=")),
            ("Base64", "aG\nk=\r\n", Ok("hi")),
            ("Base64", "aGl=", Ok("hi")),
            ("Base64", "aGk", Err(())),
            ("Base64", "Pz8_", Err(())),
            ("Base64URL", "Pz8_", Ok("???")),
            ("Auto", "Pz8_", Ok("???")),
            ("Auto", "Pz8/", Ok("???")),
            ("Auto", "plain!", Ok("plain!")),
            ("Other", "", Err(())),
        ] {
            let decoded = decode(strategy, value.into());
            assert_eq!(decoded.as_deref().map_err(|_| ()), wanted.map(str::as_bytes), "{strategy} {value}");
        }
    }
}
