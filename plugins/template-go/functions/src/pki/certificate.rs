//! X.509 certificates, refused where `x509.ParseCertificate` refuses them.
use super::{
    Fault,
    curve::Curve,
    der,
    key::{OID_DSA, OID_EC, OID_ED25519, OID_RSA, OID_X25519},
    name,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is read of a certificate.
#[derive(Clone)]
pub struct Certificate {
    pub raw: Vec<u8>,
    /// The whole element.
    pub subject: Vec<u8>,
    /// The subject as text.
    pub subject_text: String,
    /// The algorithm's identifier and the key.
    pub public: (Vec<u8>, Vec<u8>),
    /// `None` where the extension doesn't name one.
    pub authority_key: Option<Vec<u8>>,
    pub subject_key: Option<Vec<u8>>,
    pub dns: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
}

fn malformed(what: &str) -> impl Fn() -> Fault + Copy + '_ {
    move || Fault::new(format!("x509: malformed {what}"))
}

impl Certificate {
    /// One certificate and nothing behind it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = der::Reader(bytes);
        let certificate = Self::read(&mut reader)?;
        if reader.is_empty() { Ok(certificate) } else { Err(Fault::new("x509: trailing data")) }
    }

    /// The next certificate.
    pub fn read(reader: &mut der::Reader<'_>) -> Result<Self, Fault> {
        let whole = reader.element(der::SEQUENCE).ok_or_else(malformed("certificate"))?;
        let mut outer = der::Reader(whole.content);
        let mut content = outer.sequence().ok_or_else(malformed("tbs certificate"))?;

        let version = match content.optional(der::context(0)).ok_or_else(malformed("version"))? {
            Some(version) => der::Reader(version).small().filter(|version| *version >= 0).ok_or_else(malformed("version"))?,
            None => 0,
        };
        if version > 2 {
            return Err(Fault::new("x509: invalid version"));
        }
        let serial = content.integer().ok_or_else(malformed("serial number"))?;
        if serial.first().is_some_and(|first| *first >= 0x80) {
            return Err(Fault::new("x509: negative serial number"));
        }
        let inner = content.read(der::SEQUENCE).ok_or_else(malformed("signature algorithm identifier"))?;
        if outer.read(der::SEQUENCE).ok_or_else(malformed("algorithm identifier"))? != inner {
            return Err(Fault::new("x509: inner and outer signature algorithm identifiers don't match"));
        }
        algorithm(inner)?;
        let issuer = content.read(der::SEQUENCE).ok_or_else(malformed("issuer"))?;
        name::parse(issuer)?;
        let mut validity = content.sequence().ok_or_else(malformed("validity"))?;
        time(&mut validity)?;
        time(&mut validity)?;
        let subject = content.element(der::SEQUENCE).ok_or_else(malformed("issuer"))?;
        let subject_text = name::print(&name::parse(subject.content)?);
        let public = public_key(&mut content)?;

        let mut certificate = Self {
            raw: whole.full.to_vec(),
            subject: subject.full.to_vec(),
            subject_text,
            public,
            authority_key: None,
            subject_key: None,
            dns: Vec::new(),
            addresses: Vec::new(),
            emails: Vec::new(),
            uris: Vec::new(),
        };
        if version > 0 {
            content.optional(der::context_primitive(1)).ok_or_else(malformed("issuerUniqueID"))?;
            content.optional(der::context_primitive(2)).ok_or_else(malformed("subjectUniqueID"))?;
        }
        if version == 2
            && let Some(extensions) = content.optional(der::context(3)).ok_or_else(malformed("extensions"))?
        {
            certificate.extensions(extensions)?;
        }
        outer.bits().ok_or_else(malformed("signature"))?;
        Ok(certificate)
    }

    fn extensions(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut list = der::Reader(bytes).sequence().ok_or_else(malformed("extensions"))?;
        let mut seen: Vec<&[u8]> = Vec::new();
        while !list.is_empty() {
            let mut extension = list.sequence().ok_or_else(malformed("extension"))?;
            let oid = extension.oid().ok_or_else(malformed("extension OID field"))?;
            let critical = match extension.optional(der::BOOLEAN).ok_or_else(malformed("extension critical field"))? {
                None | Some([0]) => false,
                Some([0xff]) => true,
                Some(_) => return Err(malformed("extension critical field")()),
            };
            let value = extension.read(der::OCTET_STRING).ok_or_else(malformed("extension value field"))?;
            if seen.contains(&oid) {
                return Err(Fault::new("x509: certificate contains duplicate extension"));
            }
            seen.push(oid);
            if let [0x55, 0x1d, number] = oid {
                self.extension(*number, critical, der::Reader(value))?;
            }
        }
        Ok(())
    }

    fn extension(&mut self, number: u8, critical: bool, mut value: der::Reader<'_>) -> Result<(), Fault> {
        let invalid = |what: &str| Fault::new(format!("x509: invalid {what}"));
        match number {
            14 if critical => return Err(Fault::new("x509: subject key identifier incorrectly marked critical")),
            14 => {
                let key = value.read(der::OCTET_STRING).ok_or_else(|| invalid("subject key identifier"))?;
                self.subject_key = Some(key.to_vec());
            }
            15 => drop(value.bits().ok_or_else(|| invalid("key usage"))?),
            17 => self.alternative_names(value)?,
            19 => {
                let broken = || invalid("basic constraints");
                let mut constraints = value.sequence().ok_or_else(broken)?;
                if !matches!(constraints.optional(der::BOOLEAN).ok_or_else(broken)?, None | Some([0 | 0xff])) {
                    return Err(broken());
                }
                if constraints.peek(der::INTEGER) {
                    constraints.small().filter(|length| *length >= 0).ok_or_else(broken)?;
                }
            }
            35 if critical => return Err(Fault::new("x509: authority key identifier incorrectly marked critical")),
            35 => {
                let broken = || invalid("authority key identifier");
                let mut identifier = value.sequence().ok_or_else(broken)?;
                let key = identifier.optional(der::context_primitive(0)).ok_or_else(broken)?;
                self.authority_key = key.map(<[u8]>::to_vec);
            }
            37 => {
                let mut usages = value.sequence().ok_or_else(|| invalid("extended key usages"))?;
                while !usages.is_empty() {
                    usages.oid().ok_or_else(|| invalid("extended key usages"))?;
                }
            }
            32 => {
                let mut policies = value.sequence().ok_or_else(|| invalid("certificate policies"))?;
                let mut seen: Vec<&[u8]> = Vec::new();
                while !policies.is_empty() {
                    let policy = policies.sequence().and_then(|mut policy| policy.oid());
                    let policy = policy.filter(|policy| !seen.contains(policy)).ok_or_else(|| invalid("certificate policies"))?;
                    seen.push(policy);
                }
            }
            31 => {
                let mut points = value.sequence().ok_or_else(|| invalid("CRL distribution points"))?;
                while !points.is_empty() {
                    points.sequence().ok_or_else(|| invalid("CRL distribution point"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alternative_names(&mut self, mut value: der::Reader<'_>) -> Result<(), Fault> {
        let mut names = value.sequence().ok_or_else(|| Fault::new("x509: invalid subject alternative names"))?;
        while !names.is_empty() {
            let name = names.any().ok_or_else(|| Fault::new("x509: invalid subject alternative name"))?;
            let ascii = |kind: &str| {
                let text = std::str::from_utf8(name.content).ok().filter(|text| text.is_ascii());
                text.map(str::to_owned).ok_or_else(|| Fault::new(format!("x509: SAN {kind} is malformed")))
            };
            match name.tag {
                0x81 => self.emails.push(ascii("rfc822Name")?),
                0x82 => self.dns.push(ascii("dNSName")?),
                0x86 => self.uris.push(ascii("uniformResourceIdentifier")?),
                0x87 => self.addresses.push(address(name.content)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Names for hosts, addresses, mail and URIs, in this order.
    pub fn names(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.dns.iter().cloned().chain(addresses).chain(self.emails.iter().cloned()).chain(self.uris.iter().cloned()).collect()
    }

    /// Whether it names no other key as its issuer's.
    pub fn is_root(&self) -> bool {
        self.authority_key.as_ref().is_none_or(|key| key.as_slice() == self.subject_key.as_deref().unwrap_or_default())
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, Fault> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => Ok(Ipv6Addr::from(sixteen).to_canonical()),
        Err(_) => Err(Fault::new(format!("x509: cannot parse IP address of length {}", bytes.len()))),
    }
}

/// An algorithm and its parameters.
fn algorithm(content: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let mut reader = der::Reader(content);
    let oid = reader.oid().ok_or_else(malformed("OID"))?;
    if reader.is_empty() {
        return Ok((oid, &[]));
    }
    let parameters = reader.any().ok_or_else(malformed("parameters"))?;
    Ok((oid, parameters.full))
}

fn time(reader: &mut der::Reader<'_>) -> Result<(), Fault> {
    let (text, year) = if reader.peek(der::UTC_TIME) {
        (reader.read(der::UTC_TIME), 2)
    } else if reader.peek(der::GENERALIZED_TIME) {
        (reader.read(der::GENERALIZED_TIME), 4)
    } else {
        return Err(Fault::new("x509: unsupported time format"));
    };
    let text = text.ok_or_else(malformed("time"))?;
    let (digits, zone) = text.split_at_checked(year + 10).ok_or_else(malformed("time"))?;
    let two = |at: usize| match digits.get(year + at..year + at + 2) {
        Some([tens @ b'0'..=b'9', units @ b'0'..=b'9']) => Some((tens - b'0') * 10 + units - b'0'),
        _ => None,
    };
    let within = |at, least, most| two(at).is_some_and(|number| (least..=most).contains(&number));
    let good = digits.iter().all(u8::is_ascii_digit)
        && zone == b"Z"
        && within(0, 1, 12)
        && within(2, 1, 31)
        && within(4, 0, 23)
        && within(6, 0, 59)
        && within(8, 0, 59);
    if good { Ok(()) } else { Err(malformed("time")()) }
}

fn public_key(content: &mut der::Reader<'_>) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let mut info = content.sequence().ok_or_else(malformed("spki"))?;
    let identifier = info.element(der::SEQUENCE).ok_or_else(malformed("public key algorithm identifier"))?;
    let (oid, parameters) = algorithm(identifier.content)?;
    let key = info.bits().ok_or_else(malformed("subjectPublicKey"))?;
    let refused = |what: &str| Err(Fault::new(format!("x509: {what}")));
    match oid {
        OID_RSA => {
            if parameters != [der::NULL, 0] {
                return refused("RSA key missing NULL parameters");
            }
            let mut reader = der::Reader(&key).sequence().ok_or_else(|| Fault::new("x509: invalid RSA public key"))?;
            let modulus = reader.unsigned().filter(|modulus| !modulus.is_empty());
            let exponent = reader.small().filter(|exponent| *exponent > 0);
            if modulus.is_none() || exponent.is_none() {
                return refused("invalid RSA public key");
            }
        }
        OID_EC => {
            let Some(curve) = der::Reader(parameters).oid().and_then(Curve::of_oid) else {
                return refused("unsupported elliptic curve");
            };
            if !curve.has(&key) {
                return refused("the public key is no point of its curve");
            }
        }
        OID_ED25519 | OID_X25519 if !parameters.is_empty() || key.len() != 32 => {
            return refused("malformed Ed25519 or X25519 public key");
        }
        OID_DSA => {
            let positive = |reader: &mut der::Reader<'_>| reader.unsigned().is_some_and(|number| !number.is_empty());
            let numbers = der::Reader(parameters).sequence().is_some_and(|mut reader| (0..3).all(|_| positive(&mut reader)));
            if !numbers || !positive(&mut der::Reader(&key)) {
                return refused("invalid DSA public key");
            }
        }
        _ => {}
    }
    Ok((identifier.full.to_vec(), key))
}
