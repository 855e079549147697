//! How long a token lives: the server announces the configured life, but may have issued less.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

/// The sooner of what was announced and what the token itself says; 0 announces nothing.
pub(crate) fn of(token: &str, announced: Option<f64>) -> Option<Duration> {
    let announced = announced.filter(|seconds| *seconds > 0.0).and_then(seconds);
    match (announced, own(token)) {
        (Some(announced), Some(own)) => Some(announced.min(own)),
        (announced, own) => announced.or(own),
    }
}

/// From the claims of a JWT, which is not verified: only its issuer has the key. Counted from `iat` where it is given, so that
/// clocks need not agree.
fn own(token: &str) -> Option<Duration> {
    let mut parts = token.split('.');
    let (_, Some(claims), Some(_), None) = (parts.next()?, parts.next(), parts.next(), parts.next()) else { return None };
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    seconds((claims.exp? - claims.iat.unwrap_or_else(now)).max(0.0))
}

/// None for what is no length of time; a century at most.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(3.2e9)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_sooner_of_both_lives_counts() {
        let secs = |token: &str, announced| of(token, announced).map(|life| life.as_secs());
        assert_eq!(secs(&jwt(r#"{"iat":1000,"exp":1060}"#), Some(7200.0)), Some(60));
        assert_eq!(secs(&jwt(r#"{"iat":1000,"exp":9000}"#), Some(60.0)), Some(60));
        assert_eq!(secs(&jwt(r#"{"iat":1000,"exp":1060}"#), Some(0.0)), Some(60));
        assert_eq!(secs("opaque", Some(60.0)), Some(60));
        assert_eq!(secs("opaque", Some(0.0)), None);
        assert_eq!(secs(&jwt(r#"{"exp":1000}"#), None), Some(0));
        for odd in ["a.b", "a.b.c.d", "a.!.c", &jwt("[]"), &jwt(r#"{"exp":"soon"}"#), &jwt(r#"{"iat":1}"#)] {
            assert_eq!(secs(odd, None), None, "{odd}");
        }
        assert!(of("opaque", Some(f64::MAX)).is_some());
        assert_eq!(of("opaque", Some(f64::NAN)), None);
    }
}
