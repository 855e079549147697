//! RSA keys: the checks that Go makes, the values it derives, signing and OAEP.
use super::{Fault, der};
use num_bigint::BigUint;
use sha2::digest::DynDigest;

/// Go refuses to use shorter keys.
const SHORTEST: u64 = 1024;

/// A private key of two primes or more.
#[derive(Clone)]
pub struct RsaKey {
    pub n: BigUint,
    pub e: i64,
    d: BigUint,
    primes: Vec<BigUint>,
    /// `d mod p-1`, `d mod q-1`, `1/q mod p`.
    crt: [BigUint; 3],
}

fn number(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

fn one() -> BigUint {
    BigUint::from(1_u8)
}

impl RsaKey {
    /// Out of its numbers; `crt` where they came with it.
    pub fn new(n: BigUint, e: i64, d: BigUint, primes: Vec<BigUint>, crt: Option<[BigUint; 3]>) -> Result<Self, Fault> {
        let refused = |what| Err(Fault::new(format!("crypto/rsa: {what}")));
        let (Ok(exponent), [p, q, ..]) = (u64::try_from(e), primes.as_slice()) else { return refused("missing primes") };
        let exponent = BigUint::from(exponent);
        if exponent <= one() || !exponent.bit(0) || !n.bit(0) {
            return refused("invalid exponents");
        }
        if primes.iter().any(|prime| *prime <= one()) || primes.iter().product::<BigUint>() != n {
            return refused("invalid primes");
        }
        for prime in &primes {
            if (&exponent * &d) % (prime - 1_u8) != one() % (prime - 1_u8) {
                return refused("invalid exponents");
            }
        }
        let Some(inverse) = q.modinv(p) else { return refused("invalid primes") };
        let derived = [&d % (p - 1_u8), &d % (q - 1_u8), inverse];
        if crt.is_some_and(|given| primes.len() == 2 && given != derived) {
            return refused("invalid CRT values");
        }
        Ok(Self { n, e, d, primes, crt: derived })
    }

    /// PKCS#1.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut outer = der::Reader(bytes);
        let malformed = || Fault::new("x509: malformed PKCS#1 private key");
        let mut reader = outer.sequence().ok_or_else(malformed)?;
        if !outer.is_empty() {
            return Err(Fault::new("asn1: syntax error: trailing data"));
        }
        if reader.small().ok_or_else(malformed)? > 1 {
            return Err(Fault::new("x509: unsupported private key version"));
        }
        let positive = |bytes: &[u8]| match number(bytes) {
            zero if zero == BigUint::ZERO => Err(Fault::new("x509: private key contains zero or negative value")),
            number => Ok(number),
        };
        let n = positive(reader.unsigned().ok_or_else(malformed)?)?;
        let e = reader.small().ok_or_else(malformed)?;
        let mut next = || positive(reader.unsigned().ok_or_else(malformed)?);
        let (d, mut primes) = (next()?, vec![next()?, next()?]);
        let mut crt = None;
        if reader.peek(der::INTEGER) {
            let mut next = || positive(reader.unsigned().ok_or_else(malformed)?);
            crt = Some([next()?, next()?, next()?]);
        }
        if let Some(mut more) = reader.sequence() {
            while !more.is_empty() {
                let mut prime = more.sequence().ok_or_else(malformed)?;
                primes.push(positive(prime.unsigned().ok_or_else(malformed)?)?);
            }
        }
        Self::new(n, e, d, primes, crt)
    }

    /// PKCS#1.
    pub fn encode(&self) -> Vec<u8> {
        let whole = |number: &BigUint| der::unsigned(&number.to_bytes_be());
        let [p, q, more @ ..] = self.primes.as_slice() else { return Vec::new() };
        let version = der::small(i64::from(!more.is_empty()));
        let [dp, dq, inverse] = &self.crt;
        let mut parts = vec![version, whole(&self.n), der::small(self.e)];
        parts.extend([&self.d, p, q, dp, dq, inverse].map(whole));
        let mut product = p * q;
        let mut others = Vec::new();
        for prime in more {
            let exponent = &self.d % (prime - 1_u8);
            let coefficient = product.modinv(prime).unwrap_or_default();
            others.push(der::sequence(&[&whole(prime), &whole(&exponent), &whole(&coefficient)]));
            product *= prime;
        }
        if !others.is_empty() {
            parts.push(der::sequence(&others.iter().map(Vec::as_slice).collect::<Vec<_>>()));
        }
        der::sequence(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The public half, PKCS#1.
    pub fn public(&self) -> Vec<u8> {
        der::sequence(&[&der::unsigned(&self.n.to_bytes_be()), &der::small(self.e)])
    }

    fn size(&self) -> Result<usize, Fault> {
        if self.n.bits() < SHORTEST {
            return Err(Fault::new(format!("crypto/rsa: {}-bit keys are insecure", self.n.bits())));
        }
        usize::try_from(self.n.bits().div_ceil(8)).map_err(|_| Fault::new("crypto/rsa: key too large"))
    }

    /// `input ^ d mod n`, by the Chinese remainders.
    fn private(&self, input: &BigUint) -> BigUint {
        match (self.primes.as_slice(), &self.crt) {
            ([p, q], [dp, dq, inverse]) => {
                let (by_p, by_q) = (input.modpow(dp, p), input.modpow(dq, q));
                let difference = (by_p + p - &by_q % p) % p;
                by_q + (difference * inverse % p) * q
            }
            _ => input.modpow(&self.d, &self.n),
        }
    }

    fn padded(number: &BigUint, size: usize) -> Vec<u8> {
        let bytes = number.to_bytes_be();
        [vec![0; size.saturating_sub(bytes.len())], bytes].concat()
    }

    /// PKCS#1 v1.5 over a SHA-256 digest.
    pub fn sign_sha256(&self, digest: &[u8]) -> Result<Vec<u8>, Fault> {
        const PREFIX: &[u8] =
            &[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
        let size = self.size()?;
        let info = [PREFIX, digest].concat();
        let padding = size.checked_sub(info.len() + 3).ok_or_else(|| Fault::new("crypto/rsa: message too long for RSA key size"))?;
        let message = [&[0, 1][..], &vec![0xff; padding], &[0], &info].concat();
        let signature = self.private(&number(&message));
        // A fault in the arithmetic would give the key away.
        if signature.modpow(&BigUint::from(self.e.unsigned_abs()), &self.n) != number(&message) {
            return Err(Fault::new("crypto/rsa: internal error: rsa signature is wrong"));
        }
        Ok(Self::padded(&signature, size))
    }

    /// OAEP without a label; the same hash for the mask.
    pub fn decrypt_oaep(&self, hash: &mut dyn DynDigest, text: &[u8]) -> Result<Vec<u8>, Fault> {
        let refused = || Fault::new("crypto/rsa: decryption error");
        let size = self.size()?;
        let width = hash.output_size();
        let input = number(text);
        if text.len() > size || size < 2 * width + 2 || input >= self.n {
            return Err(refused());
        }
        hash.reset();
        let of_label = hash.finalize_reset();
        let message = Self::padded(&self.private(&input), size);
        let (&first, rest) = message.split_first().ok_or_else(refused)?;
        let (seed, block) = rest.split_at_checked(width).ok_or_else(refused)?;
        let seed = masked(seed, block, hash);
        let block = masked(block, &seed, hash);
        let (label, rest) = block.split_at_checked(width).ok_or_else(refused)?;
        // All of it is looked at before the answer, so that its time tells nothing.
        let mut good = u8::from(first == 0) & u8::from(label == of_label.as_ref());
        let mut looking = 1;
        let mut begin = 0;
        for (at, byte) in rest.iter().enumerate() {
            let (one, zero) = (u8::from(*byte == 1), u8::from(*byte == 0));
            begin |= if looking & one == 1 { at + 1 } else { 0 };
            good &= 1 - (looking & (1 - one) & (1 - zero));
            looking &= 1 - one;
        }
        if good & (1 - looking) == 1 { rest.get(begin..).map(<[u8]>::to_vec).ok_or_else(refused) } else { Err(refused()) }
    }
}

/// `text` under the mask that MGF1 makes of `seed`.
fn masked(text: &[u8], seed: &[u8], hash: &mut dyn DynDigest) -> Vec<u8> {
    let mut mask = Vec::with_capacity(text.len() + hash.output_size());
    let mut counter = 0_u32;
    while mask.len() < text.len() {
        hash.update(seed);
        hash.update(&counter.to_be_bytes());
        mask.extend_from_slice(&hash.finalize_reset());
        counter += 1;
    }
    text.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
}
