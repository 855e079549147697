//! Private keys in the forms that Go reads: PKCS#8, PKCS#1, SEC 1, and DSA's own.
use super::{Fault, curve::Curve, der, pem, rsa::RsaKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

pub const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub const OID_X25519: &[u8] = &[0x2b, 0x65, 0x6e];
pub const OID_DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];

/// A private key.
pub enum PrivateKey {
    Rsa(RsaKey),
    /// The curve and the number, as long as the order.
    Ec(Curve, Vec<u8>),
    /// The seed.
    Ed25519([u8; 32]),
    X25519([u8; 32]),
    /// As it came.
    Dsa(Vec<u8>),
}

/// Draws random bytes.
pub type Random<'a, E> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), E>;

impl PrivateKey {
    /// PKCS#8. What stands behind it is passed over, as Go does.
    pub fn pkcs8(bytes: &[u8]) -> Result<Self, Fault> {
        let malformed = || Fault::new("x509: malformed PKCS#8 private key");
        let mut reader = der::Reader(bytes).sequence().ok_or_else(malformed)?;
        reader.small().ok_or_else(malformed)?;
        let mut algorithm = reader.sequence().ok_or_else(malformed)?;
        let oid = algorithm.oid().ok_or_else(malformed)?;
        let parameters = algorithm.0;
        let key = reader.read(der::OCTET_STRING).ok_or_else(malformed)?;
        let seed = || -> Result<[u8; 32], Fault> {
            if !parameters.is_empty() {
                return Err(Fault::new("x509: invalid private key parameters"));
            }
            let seed = der::Reader(key).read(der::OCTET_STRING).ok_or_else(malformed)?;
            seed.try_into().map_err(|_| Fault::new(format!("x509: invalid private key length: {}", seed.len())))
        };
        match oid {
            OID_RSA => RsaKey::parse(key).map(Self::Rsa),
            OID_EC => Self::sec1(key, der::Reader(parameters).oid()),
            OID_ED25519 => seed().map(Self::Ed25519),
            OID_X25519 => seed().map(Self::X25519),
            other => {
                let oid = der::oid_text(other);
                Err(Fault::new(format!("x509: PKCS#8 wrapping contained private key with unknown algorithm: {oid}")))
            }
        }
    }

    /// SEC 1, whose curve may come from around it.
    pub fn sec1(bytes: &[u8], curve: Option<&[u8]>) -> Result<Self, Fault> {
        let malformed = || Fault::new("x509: failed to parse EC private key");
        let mut reader = der::Reader(bytes).sequence().ok_or_else(malformed)?;
        let version = reader.small().ok_or_else(malformed)?;
        if version != 1 {
            return Err(Fault::new(format!("x509: unknown EC private key version {version}")));
        }
        let key = reader.read(der::OCTET_STRING).ok_or_else(malformed)?;
        let own = match reader.optional(der::context(0)).ok_or_else(malformed)? {
            Some(parameters) => Some(der::Reader(parameters).oid().ok_or_else(malformed)?),
            None => None,
        };
        if let Some(public) = reader.optional(der::context(1)).ok_or_else(malformed)? {
            der::Reader(public).bits().ok_or_else(malformed)?;
        }
        let curve = curve.or(own).and_then(Curve::of_oid).ok_or_else(|| Fault::new("x509: unknown elliptic curve"))?;
        let excess = key.len().saturating_sub(curve.size());
        let (zeros, digits) = key.split_at_checked(excess).ok_or_else(malformed)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(Fault::new("x509: invalid private key length"));
        }
        let key = [vec![0; curve.size().saturating_sub(digits.len())], digits.to_vec()].concat();
        curve.public(&key)?;
        Ok(Self::Ec(curve, key))
    }

    /// Whichever of the three forms it is in.
    pub fn any(bytes: &[u8]) -> Result<Self, Fault> {
        RsaKey::parse(bytes)
            .map(Self::Rsa)
            .or_else(|_| Self::pkcs8(bytes))
            .or_else(|_| Self::sec1(bytes, None))
            .map_err(|_| Fault::new("unable to parse private key type"))
    }

    /// The first block of PEM, by its label.
    pub fn of_pem(text: &[u8]) -> Result<Self, Fault> {
        let Some(block) = pem::decode(text).0 else { return Err(Fault::new("no PEM data in input")) };
        match block.label.as_slice() {
            b"PRIVATE KEY" => Self::pkcs8(&block.bytes).map_err(|fault| Fault::new(format!("decoding PEM as PKCS#8: {}", fault.0))),
            b"RSA PRIVATE KEY" => match RsaKey::parse(&block.bytes) {
                Ok(key) => Ok(Self::Rsa(key)),
                Err(fault) => Err(Fault::new(format!("parsing RSA private key from PEM: {}", fault.0))),
            },
            b"EC PRIVATE KEY" => {
                Self::sec1(&block.bytes, None).map_err(|fault| Fault::new(format!("parsing EC private key from PEM: {}", fault.0)))
            }
            b"DSA PRIVATE KEY" => {
                let mut reader = der::Reader(&block.bytes).sequence();
                let numbers = (0..6).all(|_| reader.as_mut().is_some_and(|reader| reader.integer().is_some()));
                if numbers { Ok(Self::Dsa(block.bytes)) } else { Err(Fault::new("parsing DSA private key from PEM: malformed")) }
            }
            label if label.ends_with(b" PRIVATE KEY") => Err(Fault::new("invalid private key type")),
            _ => Err(Fault::new("no private key data in PEM block")),
        }
    }

    /// PKCS#8.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Fault> {
        let wrap = |algorithm: &[&[u8]], key: &[u8]| {
            der::sequence(&[&der::small(0), &der::sequence(algorithm), &der::write(der::OCTET_STRING, key)])
        };
        let oid = |oid| der::write(der::OID, oid);
        Ok(match self {
            Self::Rsa(key) => wrap(&[&oid(OID_RSA), &der::write(der::NULL, &[])], &key.encode()),
            Self::Ec(curve, key) => wrap(&[&oid(OID_EC), &oid(curve.oid())], &ec(key, &curve.public(key)?, None)),
            Self::Ed25519(seed) => wrap(&[&oid(OID_ED25519)], &der::write(der::OCTET_STRING, seed)),
            Self::X25519(key) => wrap(&[&oid(OID_X25519)], &der::write(der::OCTET_STRING, key)),
            Self::Dsa(_) => return Err(Fault::new("x509: unknown key type while marshaling PKCS#8: *dsa.PrivateKey")),
        })
    }

    /// PEM in the form that sprig writes for this kind.
    pub fn to_pem(&self) -> Result<Vec<u8>, Fault> {
        Ok(match self {
            Self::Rsa(key) => pem::encode("RSA PRIVATE KEY", &key.encode()),
            Self::Ec(curve, key) => pem::encode("EC PRIVATE KEY", &ec(key, &curve.public(key)?, Some(*curve))),
            Self::Dsa(bytes) => pem::encode("DSA PRIVATE KEY", bytes),
            Self::Ed25519(_) | Self::X25519(_) => pem::encode("PRIVATE KEY", &self.to_pkcs8()?),
        })
    }

    /// The algorithm's identifier and the public key, as both stand in a certificate.
    pub fn public(&self) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let oid = |oid| der::write(der::OID, oid);
        Ok(match self {
            Self::Rsa(key) => (der::sequence(&[&oid(OID_RSA), &der::write(der::NULL, &[])]), key.public()),
            Self::Ec(curve, key) => (der::sequence(&[&oid(OID_EC), &oid(curve.oid())]), curve.public(key)?),
            Self::Ed25519(seed) => {
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                (der::sequence(&[&oid(OID_ED25519)]), key.verifying_key().to_bytes().to_vec())
            }
            Self::X25519(_) | Self::Dsa(_) => return Err(Fault::new("x509: only RSA, ECDSA and Ed25519 keys supported")),
        })
    }

    /// The signature of a certificate's content.
    pub fn sign<E: From<Fault>>(&self, content: &[u8], random: Random<'_, E>) -> Result<Vec<u8>, E> {
        Ok(match self {
            Self::Rsa(key) => key.sign_sha256(&Sha256::digest(content))?,
            Self::Ec(curve, key) => {
                let digest = match curve {
                    Curve::P224 | Curve::P256 => Sha256::digest(content).to_vec(),
                    Curve::P384 => Sha384::digest(content).to_vec(),
                    Curve::P521 => Sha512::digest(content).to_vec(),
                };
                curve.sign(key, &digest, random)?
            }
            Self::Ed25519(seed) => {
                use ed25519_dalek::Signer;
                ed25519_dalek::SigningKey::from_bytes(seed).sign(content).to_bytes().to_vec()
            }
            Self::X25519(_) | Self::Dsa(_) => {
                return Err(Fault::new("x509: only RSA, ECDSA and Ed25519 keys supported").into());
            }
        })
    }

    /// Of the signatures that [`PrivateKey::sign`] makes.
    pub fn signature_algorithm(&self) -> Result<Vec<u8>, Fault> {
        let ecdsa = |hash| der::sequence(&[&der::write(der::OID, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, hash])]);
        Ok(match self {
            Self::Rsa(_) => {
                let oid = der::write(der::OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]);
                der::sequence(&[&oid, &der::write(der::NULL, &[])])
            }
            Self::Ec(Curve::P224 | Curve::P256, _) => ecdsa(2),
            Self::Ec(Curve::P384, _) => ecdsa(3),
            Self::Ec(Curve::P521, _) => ecdsa(4),
            Self::Ed25519(_) => der::sequence(&[&der::write(der::OID, OID_ED25519)]),
            Self::X25519(_) | Self::Dsa(_) => return Err(Fault::new("x509: only RSA, ECDSA and Ed25519 keys supported")),
        })
    }
}

/// SEC 1; the curve stands in it where nothing around it names it.
pub fn ec(key: &[u8], public: &[u8], curve: Option<Curve>) -> Vec<u8> {
    let named = curve.map(|curve| der::write(der::context(0), &der::write(der::OID, curve.oid()))).unwrap_or_default();
    let public = der::write(der::context(1), &der::bits(public));
    der::sequence(&[&der::small(1), &der::write(der::OCTET_STRING, key), &named, &public])
}
