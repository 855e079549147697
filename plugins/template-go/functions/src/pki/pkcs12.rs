//! PKCS#12 as `go-pkcs12` 0.6 and 0.7 read and write it; the two differ in nothing that a template can reach.
use super::{Fault, certificate::Certificate, der, key::PrivateKey, key::Random};
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit, block_padding::NoPadding, block_padding::Pkcs7};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

const OID_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const OID_ENCRYPTED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const OID_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01];
const OID_SHROUDED_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
const OID_CERT_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
const OID_X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const OID_FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];
const OID_LOCAL_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x15];
/// Java's mark of a trusted certificate, and what it is trusted for: anything.
const OID_TRUSTED: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 0x01, 0x01];
const OID_ANY_USE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
const OID_3DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03];
const OID_RC2_128: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x05];
const OID_RC2_40: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x06];
const OID_PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const OID_PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const OID_PBMAC1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e];
const OID_HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07];
const OID_HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const OID_HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b];
const OID_AES_128: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
const OID_AES_192: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16];
const OID_AES_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
const OID_SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const OID_SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const OID_SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// Rounds of the writer, as Go's "modern" encoder has them.
const ROUNDS: u32 = 2048;
/// More rounds than this are refused: a file could hold a render for its whole time.
const MOST_ROUNDS: i64 = 1_000_000;

fn broken() -> Fault {
    Fault::new("pkcs12: error reading P12 data: malformed")
}

/// A password in both of its forms.
#[derive(Clone)]
struct Password {
    /// UTF-16, big end first, with a zero at the end; empty for none at all.
    bmp: Vec<u8>,
    text: Vec<u8>,
}

impl Password {
    fn new(password: &[u8]) -> Result<Self, Fault> {
        let text = String::from_utf8_lossy(password);
        let units = text.chars().map(|c| u16::try_from(u32::from(c)));
        let units: Vec<u16> = units
            .collect::<Result<_, _>>()
            .map_err(|_| Fault::new("pkcs12: string contains characters that cannot be encoded in UCS-2"))?;
        let bmp = units.iter().chain(&[0]).flat_map(|unit| unit.to_be_bytes()).collect();
        Ok(Self { bmp, text: text.trim_end_matches('\0').as_bytes().to_vec() })
    }
}

/// The private key and the certificates of an archive, the first of them its own.
pub fn decode(archive: &[u8], password: &[u8]) -> Result<(PrivateKey, Vec<Certificate>), Fault> {
    let mut password = Password::new(password)?;
    let safe = open(archive, &mut password)?;
    let mut key = None;
    let mut certificates = Vec::new();
    for (kind, value) in bags(&safe, &password)? {
        match kind.as_slice() {
            OID_CERT_BAG => {
                let certificate = certificate_bag(&value)?;
                let mut reader = der::Reader(&certificate);
                certificates.push(Certificate::read(&mut reader)?);
                if !reader.is_empty() {
                    return Err(Fault::new("pkcs12: expected exactly one certificate in the certBag"));
                }
            }
            OID_KEY_BAG | OID_SHROUDED_BAG if key.is_some() => return Err(Fault::new("pkcs12: expected exactly one key bag")),
            OID_KEY_BAG => key = Some(PrivateKey::pkcs8(&value)?),
            OID_SHROUDED_BAG => {
                let mut info = whole(&value)?;
                let algorithm = info.read(der::SEQUENCE).ok_or_else(broken)?;
                let text = info.read(der::OCTET_STRING).ok_or_else(broken)?;
                let plain = decrypt(algorithm, text, &password)?;
                let mut reader = der::Reader(&plain);
                if reader.any().is_none() || !reader.is_empty() {
                    return Err(Fault::new("pkcs12: error unmarshaling decrypted private key"));
                }
                key = Some(PrivateKey::pkcs8(&plain)?);
            }
            _ => {}
        }
    }
    if certificates.is_empty() {
        return Err(Fault::new("pkcs12: certificate missing"));
    }
    Ok((key.ok_or_else(|| Fault::new("pkcs12: private key missing"))?, certificates))
}

/// The only sequence there.
fn whole(bytes: &[u8]) -> Result<der::Reader<'_>, Fault> {
    let mut reader = der::Reader(bytes);
    let sequence = reader.sequence().ok_or_else(broken)?;
    if reader.is_empty() { Ok(sequence) } else { Err(Fault::new("pkcs12: trailing data found")) }
}

/// The only octet string there.
fn octets(bytes: &[u8]) -> Result<&[u8], Fault> {
    let mut reader = der::Reader(bytes);
    let octets = reader.read(der::OCTET_STRING).ok_or_else(broken)?;
    if reader.is_empty() { Ok(octets) } else { Err(Fault::new("pkcs12: trailing data found")) }
}

/// The content, its code checked. An empty password may turn out to be none at all.
fn open(archive: &[u8], password: &mut Password) -> Result<Vec<u8>, Fault> {
    let mut outer = der::Reader(archive);
    let mut pfx = outer.sequence().ok_or_else(broken)?;
    if !outer.is_empty() {
        return Err(Fault::new("pkcs12: error reading P12 data: pkcs12: trailing data found"));
    }
    if pfx.small().ok_or_else(broken)? != 3 {
        return Err(Fault::new("pkcs12: can only decode v3 PFX PDU's"));
    }
    let mut info = pfx.sequence().ok_or_else(broken)?;
    if info.oid().ok_or_else(broken)? != OID_DATA {
        return Err(Fault::new("pkcs12: only password-protected PFX is implemented"));
    }
    let content = octets(info.read(der::context(0)).ok_or_else(broken)?)?.to_vec();
    let empty = password.bmp == [0, 0];
    if pfx.is_empty() {
        return if empty { Ok(content) } else { Err(Fault::new("pkcs12: no MAC in data")) };
    }
    let mut mac = pfx.sequence().ok_or_else(broken)?;
    let mut digest = mac.sequence().ok_or_else(broken)?;
    let algorithm = digest.read(der::SEQUENCE).ok_or_else(broken)?;
    let expected = digest.read(der::OCTET_STRING).ok_or_else(broken)?;
    let salt = mac.read(der::OCTET_STRING).ok_or_else(broken)?;
    let rounds = if mac.peek(der::INTEGER) { rounds(mac.small())? } else { 1 };
    if code(algorithm, salt, rounds, &content, password)? == expected {
        return Ok(content);
    }
    if empty {
        *password = Password { bmp: Vec::new(), text: Vec::new() };
        if code(algorithm, salt, rounds, &content, password)? == expected {
            return Ok(content);
        }
    }
    Err(Fault::new("pkcs12: decryption password incorrect"))
}

fn rounds(number: Option<i64>) -> Result<u32, Fault> {
    let number = number.ok_or_else(broken)?;
    if number > MOST_ROUNDS {
        return Err(Fault::new(format!("pkcs12: {number} rounds are more than the {MOST_ROUNDS} allowed here")));
    }
    // Go runs its first round whatever the number.
    Ok(u32::try_from(number).unwrap_or(1).max(1))
}

/// The authentication code of the content.
fn code(algorithm: &[u8], salt: &[u8], rounds: u32, content: &[u8], password: &Password) -> Result<Vec<u8>, Fault> {
    let mut reader = der::Reader(algorithm);
    let oid = reader.oid().ok_or_else(broken)?;
    Ok(match oid {
        OID_SHA1 => hmac::<Hmac<Sha1>>(&derive::<Sha1>(salt, &password.bmp, rounds, 3, 20), content),
        OID_SHA256 => hmac::<Hmac<Sha256>>(&derive::<Sha256>(salt, &password.bmp, rounds, 3, 32), content),
        OID_SHA512 => hmac::<Hmac<Sha512>>(&derive::<Sha512>(salt, &password.bmp, rounds, 3, 64), content),
        OID_PBMAC1 => {
            let mut parameters = reader.sequence().ok_or_else(broken)?;
            let kdf = Pbkdf2::parse(parameters.read(der::SEQUENCE).ok_or_else(broken)?)?;
            let mut mac = parameters.sequence().ok_or_else(broken)?;
            let length = kdf.length.ok_or_else(|| Fault::new("pkcs12: PBMAC1 requires explicit KeyLength parameter"))?;
            let key = kdf.key(&password.text, length)?;
            match mac.oid().ok_or_else(broken)? {
                OID_HMAC_SHA1 => hmac::<Hmac<Sha1>>(&key, content),
                OID_HMAC_SHA256 => hmac::<Hmac<Sha256>>(&key, content),
                OID_HMAC_SHA512 => hmac::<Hmac<Sha512>>(&key, content),
                _ => return Err(Fault::new("pkcs12: PBMAC1 MAC algorithm is not supported")),
            }
        }
        _ => return Err(Fault::new("pkcs12: MAC digest algorithm not supported")),
    })
}

fn hmac<M: Mac + hmac::digest::KeyInit>(key: &[u8], content: &[u8]) -> Vec<u8> {
    // A key of any length will do.
    <M as Mac>::new_from_slice(key).map(|mac| mac.chain_update(content).finalize().into_bytes().to_vec()).unwrap_or_default()
}

/// The kind of a bag, and its value.
type Bag = (Vec<u8>, Vec<u8>);

/// The bags of all parts.
fn bags(safe: &[u8], password: &Password) -> Result<Vec<Bag>, Fault> {
    let mut parts = whole(safe)?;
    let mut bags = Vec::new();
    let mut count = 0;
    while !parts.is_empty() {
        count += 1;
        if count > 2 {
            return Err(Fault::new("pkcs12: expected between 1 and 2 items in the authenticated safe"));
        }
        let mut part = parts.sequence().ok_or_else(broken)?;
        let kind = part.oid().ok_or_else(broken)?;
        let content = part.read(der::context(0)).ok_or_else(broken)?;
        let data = match kind {
            OID_DATA => octets(content)?.to_vec(),
            OID_ENCRYPTED => {
                let mut outer = whole(content)?;
                if outer.small().ok_or_else(broken)? != 0 {
                    return Err(Fault::new("pkcs12: only version 0 of EncryptedData is supported"));
                }
                let mut info = outer.sequence().ok_or_else(broken)?;
                info.oid().ok_or_else(broken)?;
                let algorithm = info.read(der::SEQUENCE).ok_or_else(broken)?;
                let text = info.optional(der::context_primitive(0)).ok_or_else(broken)?;
                decrypt(algorithm, text.unwrap_or_default(), password)?
            }
            _ => return Err(Fault::new("pkcs12: only data and encryptedData content types are supported in authenticated safe")),
        };
        let mut list = whole(&data)?;
        while !list.is_empty() {
            let mut bag = list.sequence().ok_or_else(broken)?;
            let kind = bag.oid().ok_or_else(broken)?.to_vec();
            bags.push((kind, bag.read(der::context(0)).ok_or_else(broken)?.to_vec()));
        }
    }
    if count == 0 {
        return Err(Fault::new("pkcs12: expected between 1 and 2 items in the authenticated safe"));
    }
    Ok(bags)
}

fn certificate_bag(value: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bag = whole(value)?;
    let kind = bag.oid().ok_or_else(broken)?;
    let data = octets(bag.read(der::context(0)).ok_or_else(broken)?)?;
    if kind == OID_X509 { Ok(data.to_vec()) } else { Err(Fault::new("pkcs12: only X509 certificates are supported in cert bags")) }
}

struct Pbkdf2<'a> {
    salt: &'a [u8],
    rounds: u32,
    length: Option<usize>,
    prf: &'a [u8],
}

impl<'a> Pbkdf2<'a> {
    fn parse(algorithm: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = der::Reader(algorithm);
        if reader.oid().ok_or_else(broken)? != OID_PBKDF2 {
            return Err(Fault::new("pkcs12: key derivation is not supported"));
        }
        let mut parameters = reader.sequence().ok_or_else(broken)?;
        let salt = parameters.any().ok_or_else(broken)?;
        if salt.tag != der::OCTET_STRING {
            return Err(Fault::new("pkcs12: only octet string salts are supported for pbes2/pbkdf2"));
        }
        let rounds = rounds(parameters.small())?;
        let length = if parameters.peek(der::INTEGER) {
            // No cipher and no code takes a longer key.
            let length = parameters.small().and_then(|length| usize::try_from(length).ok());
            Some(length.filter(|length| (1..=1024).contains(length)).ok_or_else(broken)?)
        } else {
            None
        };
        let prf = match parameters.sequence() {
            Some(mut prf) => prf.oid().ok_or_else(broken)?,
            None => OID_HMAC_SHA1,
        };
        Ok(Self { salt: salt.content, rounds, length, prf })
    }

    fn key(&self, password: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
        let mut key = vec![0; length];
        match self.prf {
            OID_HMAC_SHA1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, self.salt, self.rounds, &mut key),
            OID_HMAC_SHA256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, self.salt, self.rounds, &mut key),
            OID_HMAC_SHA512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, self.salt, self.rounds, &mut key),
            _ => return Err(Fault::new("pkcs12: pbes2 prf is not supported")),
        }
        Ok(key)
    }
}

fn decrypt(algorithm: &[u8], text: &[u8], password: &Password) -> Result<Vec<u8>, Fault> {
    let mut reader = der::Reader(algorithm);
    let oid = reader.oid().ok_or_else(broken)?;
    let wrong = || Fault::new("pkcs12: decryption error, incorrect padding");
    if text.is_empty() {
        return Err(Fault::new("pkcs12: empty encrypted data"));
    }
    if oid == OID_PBES2 {
        let mut parameters = reader.sequence().ok_or_else(broken)?;
        let kdf = Pbkdf2::parse(parameters.read(der::SEQUENCE).ok_or_else(broken)?)?;
        let mut scheme = parameters.sequence().ok_or_else(broken)?;
        let cipher = scheme.oid().ok_or_else(broken)?;
        let iv = scheme.any().ok_or_else(broken)?.content;
        let length = match cipher {
            OID_AES_128 => 16,
            OID_AES_192 => 24,
            OID_AES_256 => 32,
            _ => return Err(Fault::new("pkcs12: pbes2 algorithm is not supported")),
        };
        let key = kdf.key(&password.text, length)?;
        return match cipher {
            OID_AES_128 => unpad::<cbc::Decryptor<aes::Aes128>>(&key, iv, text, 16),
            OID_AES_192 => unpad::<cbc::Decryptor<aes::Aes192>>(&key, iv, text, 16),
            _ => unpad::<cbc::Decryptor<aes::Aes256>>(&key, iv, text, 16),
        }
        .ok_or_else(wrong);
    }
    let length = match oid {
        OID_3DES => 24,
        OID_RC2_128 => 16,
        OID_RC2_40 => 5,
        _ => return Err(Fault::new("pkcs12: pbe algorithm is not supported")),
    };
    let mut parameters = reader.sequence().ok_or_else(broken)?;
    let salt = parameters.read(der::OCTET_STRING).ok_or_else(broken)?;
    let rounds = rounds(parameters.small())?;
    let key = derive::<Sha1>(salt, &password.bmp, rounds, 1, length);
    let iv = derive::<Sha1>(salt, &password.bmp, rounds, 2, 8);
    match oid {
        OID_3DES => unpad::<cbc::Decryptor<des::TdesEde3>>(&key, &iv, text, 8),
        _ => rc2_cbc(&key, &iv, text),
    }
    .ok_or_else(wrong)
}

fn unpad<D: BlockDecryptMut + KeyIvInit>(key: &[u8], iv: &[u8], text: &[u8], block: usize) -> Option<Vec<u8>> {
    let mut plain = text.to_vec();
    D::new_from_slices(key, iv).ok()?.decrypt_padded_mut::<NoPadding>(&mut plain).ok()?;
    strip(plain, block)
}

/// RC2, whose effective key length is that of the key.
fn rc2_cbc(key: &[u8], iv: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    use aes::cipher::InnerIvInit;
    let cipher = rc2::Rc2::new_with_eff_key_len(key, key.len() * 8);
    let mut plain = text.to_vec();
    cbc::Decryptor::inner_iv_slice_init(cipher, iv).ok()?.decrypt_padded_mut::<NoPadding>(&mut plain).ok()?;
    strip(plain, 8)
}

fn strip(mut plain: Vec<u8>, block: usize) -> Option<Vec<u8>> {
    let last = *plain.last()?;
    let padding = usize::from(last);
    let length = plain.len().checked_sub(padding).filter(|_| padding > 0 && padding <= block)?;
    plain.get(length..)?.iter().all(|byte| *byte == last).then_some(())?;
    plain.truncate(length);
    Some(plain)
}

/// Keys as PKCS#12 derives them (RFC 7292, appendix B.2). `purpose`: 1 for a key, 2 for an initial vector, 3 for a code.
fn derive<D: Digest + hmac::digest::core_api::BlockSizeUser>(
    salt: &[u8],
    password: &[u8],
    rounds: u32,
    purpose: u8,
    length: usize,
) -> Vec<u8> {
    let block = <D as hmac::digest::core_api::BlockSizeUser>::block_size();
    let filled = |pattern: &[u8]| -> Vec<u8> { pattern.iter().copied().cycle().take(pattern.len().div_ceil(block) * block).collect() };
    let mut input = [filled(salt), filled(password)].concat();
    let mut key = Vec::with_capacity(length);
    loop {
        let mut digest = D::new().chain_update(vec![purpose; block]).chain_update(&input).finalize();
        for _ in 1..rounds {
            digest = D::digest(&digest);
        }
        key.extend_from_slice(&digest);
        if key.len() >= length {
            key.truncate(length);
            return key;
        }
        let addend: Vec<u8> = digest.iter().copied().cycle().take(block).collect();
        for chunk in input.chunks_mut(block) {
            let mut carry = 1_u16;
            for (byte, add) in chunk.iter_mut().zip(&addend).rev() {
                carry += u16::from(*byte) + u16::from(*add);
                *byte = carry.to_le_bytes()[0];
                carry >>= 8;
            }
        }
    }
}

/// An archive of a key, its certificate and those above it.
pub fn encode<E: From<Fault>>(
    key: &PrivateKey,
    certificates: &[Certificate],
    password: &[u8],
    random: Random<'_, E>,
) -> Result<Vec<u8>, E> {
    let password = Password::new(password)?;
    let own = certificates.first().ok_or_else(|| Fault::new("pkcs12: certificate missing"))?;
    let local_key = attribute(OID_LOCAL_KEY, &der::write(der::OCTET_STRING, &Sha1::digest(&own.raw)));
    let mut list = Vec::new();
    for (at, certificate) in certificates.iter().enumerate() {
        let attributes: &[&[u8]] = if at == 0 { &[&local_key] } else { &[] };
        list.extend(certificate_bag_of(certificate, attributes));
    }
    let (algorithm, text) = encrypt(&key.to_pkcs8()?, &password, random)?;
    let shrouded = der::sequence(&[&algorithm, &der::write(der::OCTET_STRING, &text)]);
    let key_bag = bag(OID_SHROUDED_BAG, &shrouded, &[&local_key]);
    let certificates = encrypted_part(&der::write(der::SEQUENCE, &list), &password, random)?;
    let key = part(OID_DATA, &der::write(der::OCTET_STRING, &der::sequence(&[&key_bag])));
    seal(&der::sequence(&[&certificates, &key]), &password, random)
}

/// An archive of certificates that Java trusts.
pub fn encode_trust<E: From<Fault>>(certificates: &[Certificate], password: &[u8], random: Random<'_, E>) -> Result<Vec<u8>, E> {
    let password = Password::new(password)?;
    let trusted = attribute(OID_TRUSTED, &der::write(der::OID, OID_ANY_USE));
    let mut list = Vec::new();
    for certificate in certificates {
        let name = Password::new(certificate.subject_text.as_bytes())?.bmp;
        // Without the zero that ends a password.
        let name = der::write(der::BMP_STRING, name.strip_suffix(&[0, 0]).unwrap_or_default());
        list.extend(certificate_bag_of(certificate, &[&trusted, &attribute(OID_FRIENDLY_NAME, &name)]));
    }
    let part = encrypted_part(&der::write(der::SEQUENCE, &list), &password, random)?;
    seal(&der::sequence(&[&part]), &password, random)
}

fn attribute(oid: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::write(der::OID, oid), &der::write(der::SET, value)])
}

fn bag(kind: &[u8], value: &[u8], attributes: &[&[u8]]) -> Vec<u8> {
    let mut attributes = attributes.to_vec();
    // A set is written in the order of its elements' bytes.
    attributes.sort_unstable();
    let set = if attributes.is_empty() { Vec::new() } else { der::write(der::SET, &attributes.concat()) };
    der::sequence(&[&der::write(der::OID, kind), &der::write(der::context(0), value), &set])
}

fn certificate_bag_of(certificate: &Certificate, attributes: &[&[u8]]) -> Vec<u8> {
    let data = der::write(der::context(0), &der::write(der::OCTET_STRING, &certificate.raw));
    bag(OID_CERT_BAG, &der::sequence(&[&der::write(der::OID, OID_X509), &data]), attributes)
}

fn part(kind: &[u8], content: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::write(der::OID, kind), &der::write(der::context(0), content)])
}

fn encrypted_part<E: From<Fault>>(data: &[u8], password: &Password, random: Random<'_, E>) -> Result<Vec<u8>, E> {
    let (algorithm, text) = encrypt(data, password, random)?;
    let info = der::sequence(&[&der::write(der::OID, OID_DATA), &algorithm, &der::write(der::context_primitive(0), &text)]);
    Ok(part(OID_ENCRYPTED, &der::sequence(&[&der::small(0), &info])))
}

/// PBES2 of PBKDF2 with HMAC-SHA-256 and AES-256-CBC: the algorithm's identifier, and the text.
fn encrypt<E: From<Fault>>(data: &[u8], password: &Password, random: Random<'_, E>) -> Result<(Vec<u8>, Vec<u8>), E> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    random(&mut salt)?;
    random(&mut iv)?;
    let prf = der::sequence(&[&der::write(der::OID, OID_HMAC_SHA256)]);
    let parameters = der::sequence(&[&der::write(der::OCTET_STRING, &salt), &der::small(i64::from(ROUNDS)), &prf]);
    let kdf = der::sequence(&[&der::write(der::OID, OID_PBKDF2), &parameters]);
    let scheme = der::sequence(&[&der::write(der::OID, OID_AES_256), &der::write(der::OCTET_STRING, &iv)]);
    let algorithm = der::sequence(&[&der::write(der::OID, OID_PBES2), &der::sequence(&[&kdf, &scheme])]);
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&password.text, &salt, ROUNDS, &mut key);
    let text = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into()).encrypt_padded_vec_mut::<Pkcs7>(data);
    Ok((algorithm, text))
}

/// The archive around its content, with its code.
fn seal<E: From<Fault>>(content: &[u8], password: &Password, random: Random<'_, E>) -> Result<Vec<u8>, E> {
    let mut salt = [0; 16];
    random(&mut salt)?;
    let algorithm = der::write(der::OID, OID_SHA256);
    let code = code(&algorithm, &salt, ROUNDS, content, password)?;
    let digest = der::sequence(&[&der::write(der::SEQUENCE, &algorithm), &der::write(der::OCTET_STRING, &code)]);
    let mac = der::sequence(&[&digest, &der::write(der::OCTET_STRING, &salt), &der::small(i64::from(ROUNDS))]);
    Ok(der::sequence(&[&der::small(3), &part(OID_DATA, &der::write(der::OCTET_STRING, content)), &mac]))
}
