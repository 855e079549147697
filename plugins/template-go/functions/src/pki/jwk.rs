//! JSON Web Keys as `jwx` 2.1.6 reads them.
use super::{Fault, curve::Curve, der, key, key::PrivateKey, rsa::RsaKey};
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use num_bigint::BigUint;
use serde_json::{Map, Value};

/// What a key is. The bytes are those that the JSON held.
enum Jwk {
    RsaPublic { n: Vec<u8>, e: i64 },
    RsaPrivate(RsaNumbers),
    EcPublic { curve: Curve, point: Vec<u8> },
    EcPrivate { curve: Curve, point: Vec<u8>, d: Vec<u8> },
    Ed25519Public(Vec<u8>),
    Ed25519Private([u8; 32]),
    Other(&'static str),
}

struct RsaNumbers {
    n: BigUint,
    e: i64,
    d: BigUint,
    primes: Vec<BigUint>,
    crt: Option<[BigUint; 3]>,
}

/// PKIX.
pub fn public(json: &[u8]) -> Result<Vec<u8>, Fault> {
    let oid = |oid| der::write(der::OID, oid);
    Ok(match parse(json)? {
        Jwk::RsaPublic { n, e } => {
            let key = der::sequence(&[&der::unsigned(&n), &der::small(e)]);
            der::sequence(&[&der::sequence(&[&oid(key::OID_RSA), &der::write(der::NULL, &[])]), &der::bits(&key)])
        }
        Jwk::EcPublic { curve, point } => {
            if !curve.has(&point) {
                return Err(not_on(curve));
            }
            der::sequence(&[&der::sequence(&[&oid(key::OID_EC), &oid(curve.oid())]), &der::bits(&point)])
        }
        Jwk::Ed25519Public(x) => der::sequence(&[&der::sequence(&[&oid(key::OID_ED25519)]), &der::bits(&x)]),
        Jwk::RsaPrivate(_) => return unsupported("*rsa.PrivateKey"),
        Jwk::EcPrivate { .. } => return unsupported("*ecdsa.PrivateKey"),
        Jwk::Ed25519Private(_) => return unsupported("ed25519.PrivateKey"),
        Jwk::Other(kind) => return unsupported(kind),
    })
}

fn not_on(curve: Curve) -> Fault {
    Fault::new(match curve {
        Curve::P256 => "P256 point not on curve",
        Curve::P384 => "P384 point not on curve",
        _ => "P521 point not on curve",
    })
}

fn unsupported(kind: &str) -> Result<Vec<u8>, Fault> {
    Err(Fault::new(format!("x509: unsupported public key type: {kind}")))
}

/// PKCS#8.
pub fn private(json: &[u8]) -> Result<Vec<u8>, Fault> {
    let unknown = |kind: &str| Err(Fault::new(format!("x509: unknown key type while marshaling PKCS#8: {kind}")));
    match parse(json)? {
        Jwk::RsaPrivate(RsaNumbers { n, e, d, primes, crt }) => PrivateKey::Rsa(RsaKey::new(n, e, d, primes, crt)?).to_pkcs8(),
        Jwk::EcPrivate { curve, point, d } => {
            // The point is taken as it is given; only that it lies on the curve is checked, and that the number is one of its keys.
            if !curve.has(&point) {
                return Err(not_on(curve));
            }
            curve.public(&d)?;
            let oid = |oid| der::write(der::OID, oid);
            let algorithm = der::sequence(&[&oid(key::OID_EC), &oid(curve.oid())]);
            Ok(der::sequence(&[&der::small(0), &algorithm, &der::write(der::OCTET_STRING, &key::ec(&d, &point, None))]))
        }
        Jwk::Ed25519Private(seed) => PrivateKey::Ed25519(seed).to_pkcs8(),
        Jwk::RsaPublic { .. } => unknown("*rsa.PublicKey"),
        Jwk::EcPublic { .. } => unknown("*ecdsa.PublicKey"),
        Jwk::Ed25519Public(_) => unknown("ed25519.PublicKey"),
        Jwk::Other(kind) => unknown(kind),
    }
}

fn parse(json: &[u8]) -> Result<Jwk, Fault> {
    // Go decodes the first value and leaves what is behind it.
    let first = serde_json::Deserializer::from_slice(json).into_iter::<Value>().next();
    if first.is_none() {
        return Err(Fault::new("failed to unmarshal JSON into key hint: EOF"));
    }
    let Some(Ok(Value::Object(members))) = first else {
        return Err(Fault::new("failed to unmarshal JSON into key hint: no JSON object"));
    };
    let hint = |name: &str| {
        let exact = members.get(name);
        exact.or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    };
    let kind = match hint("kty") {
        Some(Value::String(kind)) => kind.as_str(),
        None | Some(Value::Null) => "",
        Some(_) => return Err(Fault::new("failed to unmarshal JSON into key hint: kty is no string")),
    };
    let is_private = hint("d").is_some();
    let fields = Fields { members: &members, is_private };
    fields.check(kind)?;
    match kind {
        "RSA" => fields.rsa(),
        "EC" => fields.ec(),
        "OKP" => fields.okp(),
        "oct" => {
            fields.bytes("k")?.ok_or_else(|| missing("k"))?;
            Ok(Jwk::Other("[]uint8"))
        }
        "" => Err(Fault::new("invalid key type from JSON ()")),
        _ => Err(Fault::new("invalid key type from JSON")),
    }
}

fn missing(name: &str) -> Fault {
    Fault::new(format!("failed to unmarshal JSON into key: required field {name} is missing"))
}

struct Fields<'a> {
    members: &'a Map<String, Value>,
    is_private: bool,
}

impl Fields<'_> {
    /// Members that every key may have are of their types.
    fn check(&self, kind: &str) -> Result<(), Fault> {
        for (name, value) in self.members {
            let good = match name.as_str() {
                "kty" => value.as_str() == Some(kind),
                "alg" | "kid" | "use" | "x5t" | "x5t#S256" | "x5u" => value.is_string() || value.is_null(),
                "key_ops" | "x5c" => {
                    value.is_null() || value.as_array().is_some_and(|list| list.iter().all(|item| item.is_string() || item.is_null()))
                }
                _ => true,
            };
            if !good {
                return Err(Fault::new(format!("failed to unmarshal JSON into key: failed to decode value for key {name}")));
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(Some("")),
            Some(_) => Err(Fault::new(format!("failed to unmarshal JSON into key: failed to decode value for key {name}"))),
        }
    }

    /// Bytes in any of the four base64 alphabets, by its look.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let url = !text.contains(['+', '/']);
        let padding = if text.ends_with('=') { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
        let alphabet = if url { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
        let packed: Vec<u8> = text.bytes().filter(|c| !matches!(c, b'\r' | b'\n')).collect();
        let bytes = GeneralPurpose::new(alphabet, config).decode(packed);
        let fault = |_| Fault::new(format!("failed to decode value for key {name}: expected base64 encoded []byte (string)"));
        bytes.map(Some).map_err(fault)
    }

    fn required(&self, name: &str) -> Result<Vec<u8>, Fault> {
        self.bytes(name)?.ok_or_else(|| missing(name))
    }

    fn rsa(&self) -> Result<Jwk, Fault> {
        let number = |name| Ok::<_, Fault>(BigUint::from_bytes_be(&self.bytes(name)?.unwrap_or_default()));
        let derived = [number("dp")?, number("dq")?, number("qi")?];
        let (p, q) = (number("p")?, number("q")?);
        let (n, e) = (self.required("n")?, self.required("e")?);
        // Go keeps the lowest 64 bits.
        let e = e.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)).cast_signed();
        if !self.is_private {
            return Ok(Jwk::RsaPublic { n, e });
        }
        let d = BigUint::from_bytes_be(&self.required("d")?);
        let crt = derived.iter().all(|number| *number != BigUint::ZERO).then_some(derived);
        Ok(Jwk::RsaPrivate(RsaNumbers { n: BigUint::from_bytes_be(&n), e, d, primes: vec![p, q], crt }))
    }

    fn ec(&self) -> Result<Jwk, Fault> {
        let name = self.text("crv")?.ok_or_else(|| missing("crv"))?;
        let (x, y) = (self.required("x")?, self.required("y")?);
        let d = if self.is_private { Some(self.required("d")?) } else { None };
        let curve = match name {
            "P-256" => Curve::P256,
            "P-384" => Curve::P384,
            "P-521" => Curve::P521,
            // A name from the list of RFC 8812 is no secret; any other text might be one.
            "secp256k1" => return Err(Fault::new("failed to build public key: invalid curve algorithm secp256k1")),
            _ => return Err(Fault::new("failed to build public key: invalid curve algorithm")),
        };
        let sized = |bytes: &[u8]| {
            let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            let zeros = curve.size().checked_sub(digits.len()).ok_or_else(|| Fault::new("ecdsa: invalid public key"))?;
            Ok::<_, Fault>([vec![0; zeros], digits].concat())
        };
        let point = [vec![4], sized(&x)?, sized(&y)?].concat();
        Ok(match d {
            Some(d) => Jwk::EcPrivate { curve, point, d: sized(&d)? },
            None => Jwk::EcPublic { curve, point },
        })
    }

    fn okp(&self) -> Result<Jwk, Fault> {
        let curve = self.text("crv")?.ok_or_else(|| missing("crv"))?;
        let x = self.required("x")?;
        if !self.is_private {
            return match curve {
                "Ed25519" => Ok(Jwk::Ed25519Public(x)),
                "X25519" => Ok(Jwk::Other("x25519.PublicKey")),
                _ => Err(Fault::new("failed to build public key: invalid curve algorithm")),
            };
        }
        let d = self.required("d")?;
        match curve {
            "Ed25519" => {
                let seed = <[u8; 32]>::try_from(d).map_err(|_| Fault::new("failed to build public key: wrong private key size"))?;
                if ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes().as_slice() != x {
                    return Err(Fault::new("failed to build public key: invalid x value given d value"));
                }
                Ok(Jwk::Ed25519Private(seed))
            }
            "X25519" => Ok(Jwk::Other("x25519.PrivateKey")),
            _ => Err(Fault::new("failed to build public key: invalid curve algorithm")),
        }
    }
}
