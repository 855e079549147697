//! The four curves that Go knows by name.
use super::{Fault, der};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
}

macro_rules! on {
    ($curve:expr, $module:ident => $body:expr) => {
        match $curve {
            Curve::P224 => {
                use p224 as $module;
                $body
            }
            Curve::P256 => {
                use p256 as $module;
                $body
            }
            Curve::P384 => {
                use p384 as $module;
                $body
            }
            Curve::P521 => {
                use p521 as $module;
                $body
            }
        }
    };
}

/// `r` and `s`, each as long as the order; `None` where key or nonce don't fit.
macro_rules! sign {
    ($module:ident, $curve:ident, $key:expr, $nonce:expr, $digest:expr) => {{
        use ecdsa::hazmat::SignPrimitive;
        let key = $module::SecretKey::from_slice($key).ok().map(|key| *key.to_nonzero_scalar());
        let nonce = $module::SecretKey::from_slice($nonce).ok().map(|nonce| *nonce.to_nonzero_scalar());
        let field = ecdsa::hazmat::bits2field::<$module::$curve>($digest).ok();
        match (key, nonce, field) {
            (Some(key), Some(nonce), Some(field)) => {
                key.try_sign_prehashed(nonce, &field).ok().map(|(signature, _)| signature.to_bytes().to_vec())
            }
            _ => None,
        }
    }};
}

/// A nonce misses the order of a curve by chance at most once in two.
const MOST_NONCES: usize = 128;

impl Curve {
    pub const ALL: [Self; 4] = [Self::P224, Self::P256, Self::P384, Self::P521];

    /// The content of its object identifier.
    pub const fn oid(self) -> &'static [u8] {
        match self {
            Self::P224 => &[0x2b, 0x81, 0x04, 0x00, 0x21],
            Self::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    pub fn of_oid(oid: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// Bytes of a coordinate and of a private key.
    pub const fn size(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// Whether `point`, `04 x y`, lies on the curve.
    pub fn has(self, point: &[u8]) -> bool {
        point.first() == Some(&4)
            && point.len() == 1 + 2 * self.size()
            && on!(self, module => module::PublicKey::from_sec1_bytes(point).is_ok())
    }

    /// The public point of a private key, `04 x y`.
    pub fn public(self, key: &[u8]) -> Result<Vec<u8>, Fault> {
        on!(self, module => {
            use module::elliptic_curve::sec1::ToEncodedPoint;
            let key = module::SecretKey::from_slice(key).map_err(|_| Fault::new("x509: invalid elliptic curve private key value"))?;
            Ok(key.public_key().to_encoded_point(false).as_bytes().to_vec())
        })
    }

    /// The signature of a digest, in DER, with a fresh nonce out of `random`.
    pub fn sign<E: From<Fault>>(self, key: &[u8], digest: &[u8], random: &mut dyn FnMut(&mut [u8]) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let mut nonce = vec![0; self.size()];
        // Numbers beyond the order are refused; for P-521 the topmost byte has one bit.
        for _ in 0..MOST_NONCES {
            random(&mut nonce)?;
            if let (Self::P521, Some(top)) = (self, nonce.first_mut()) {
                *top &= 1;
            }
            let signature = match self {
                Self::P224 => sign!(p224, NistP224, key, &nonce, digest),
                Self::P256 => sign!(p256, NistP256, key, &nonce, digest),
                Self::P384 => sign!(p384, NistP384, key, &nonce, digest),
                Self::P521 => sign!(p521, NistP521, key, &nonce, digest),
            };
            if let Some(halves) = signature {
                let (r, s) = halves.split_at(halves.len() / 2);
                return Ok(der::sequence(&[&der::unsigned(r), &der::unsigned(s)]));
            }
        }
        Err(Fault::new("x509: the private key can't sign").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_points_lie_on_their_curve() {
        for curve in Curve::ALL {
            let mut key = vec![0; curve.size()];
            key[curve.size() - 1] = 7;
            let point = curve.public(&key).unwrap();
            assert!(curve.has(&point));
            let mut off = point.clone();
            off[curve.size()] ^= 1;
            assert!(!curve.has(&off));
            assert!(curve.public(&vec![0; curve.size()]).is_err());
            let mut random = |out: &mut [u8]| -> Result<(), Fault> {
                out.fill(9);
                Ok(())
            };
            assert!(curve.sign(&key, &[1; 64], &mut random).is_ok());
        }
    }
}
