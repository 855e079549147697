//! The four curves that Go knows by name.
use super::{
    Fault, der,
    weierstrass::{self, Domain, Point},
};
use num_bigint::BigUint;

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
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

    fn domain(self) -> Domain {
        Domain::new(match self {
            Self::P224 => &weierstrass::P224,
            Self::P256 => &weierstrass::P256,
            Self::P384 => &weierstrass::P384,
            Self::P521 => &weierstrass::P521,
        })
    }

    /// Whether `point`, `04 x y`, lies on the curve.
    pub fn has(self, point: &[u8]) -> bool {
        let Some((4, coordinates)) = point.split_first() else { return false };
        let Some((x, y)) = coordinates.split_at_checked(self.size()) else { return false };
        y.len() == self.size() && self.domain().has(&Point { x: BigUint::from_bytes_be(x), y: BigUint::from_bytes_be(y) })
    }

    /// The public point of a private key, `04 x y`.
    pub fn public(self, key: &[u8]) -> Result<Vec<u8>, Fault> {
        let refused = || Fault::new("x509: invalid elliptic curve private key value");
        let domain = self.domain();
        let key = scalar(key, &domain).ok_or_else(refused)?;
        let Point { x, y } = domain.multiple(&key).ok_or_else(refused)?;
        Ok([vec![4], padded(&x, self.size()), padded(&y, self.size())].concat())
    }

    /// The signature of a digest, in DER, with a fresh nonce out of `random`.
    pub fn sign<E: From<Fault>>(self, key: &[u8], digest: &[u8], random: &mut dyn FnMut(&mut [u8]) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let refused = || Fault::new("x509: the private key can't sign");
        let domain = self.domain();
        let key = scalar(key, &domain).ok_or_else(refused)?;
        let digest = BigUint::from_bytes_be(digest.get(..self.size()).unwrap_or(digest));
        let mut nonce = vec![0; self.size()];
        // Numbers beyond the order are refused; for P-521 the topmost byte has one bit.
        for _ in 0..MOST_NONCES {
            random(&mut nonce)?;
            if let (Self::P521, Some(top)) = (self, nonce.first_mut()) {
                *top &= 1;
            }
            let signature = scalar(&nonce, &domain).and_then(|nonce| sign_with(&domain, &key, &digest, &nonce));
            if let Some((r, s)) = signature {
                return Ok(der::sequence(&[&der::unsigned(&r.to_bytes_be()), &der::unsigned(&s.to_bytes_be())]));
            }
        }
        Err(refused().into())
    }
}

/// A number from 1 to the order less 1.
fn scalar(bytes: &[u8], domain: &Domain) -> Option<BigUint> {
    let number = BigUint::from_bytes_be(bytes);
    (number != BigUint::ZERO && number < domain.order).then_some(number)
}

/// `r` and `s` of ECDSA; `None` where one of them is 0.
fn sign_with(domain: &Domain, key: &BigUint, digest: &BigUint, nonce: &BigUint) -> Option<(BigUint, BigUint)> {
    let order = &domain.order;
    let r = domain.multiple(nonce)?.x % order;
    let s = nonce.modinv(order)? * (digest + &r * key) % order;
    (r != BigUint::ZERO && s != BigUint::ZERO).then_some((r, s))
}

/// As many bytes as a coordinate has.
fn padded(number: &BigUint, size: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; size.saturating_sub(bytes.len())], bytes].concat()
}

#[cfg(test)]
mod tests;
