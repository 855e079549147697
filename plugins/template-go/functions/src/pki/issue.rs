//! Certificates as sprig issues them: one common name, alternative names, for servers and clients.
use super::{Fault, certificate::Certificate, der, key::PrivateKey, key::Random, name};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// What is to be certified.
pub struct Subject<'a> {
    pub common_name: &'a [u8],
    pub addresses: Vec<IpAddr>,
    pub dns: Vec<Vec<u8>>,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    pub authority: bool,
}

/// Issues a certificate for `key`, signed by `signer`, or by itself.
pub fn issue<E: From<Fault>>(
    subject: &Subject<'_>,
    key: &PrivateKey,
    signer: Option<(&Certificate, &PrivateKey)>,
    random: Random<'_, E>,
) -> Result<Vec<u8>, E> {
    if std::str::from_utf8(subject.common_name).is_err() {
        return Err(Fault::new("error creating certificate: asn1: string not valid UTF-8").into());
    }
    let (algorithm, public) = key.public()?;
    let own_name = name::common(subject.common_name);
    let (issuer, signing) = match signer {
        Some((certificate, signing)) => {
            if signing.public()? != certificate.public {
                return Err(Fault::new("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey").into());
            }
            (certificate.subject.clone(), signing)
        }
        None => (own_name.clone(), key),
    };
    let mut serial = [0; 16];
    random(&mut serial)?;
    let authority_key = signer.filter(|_| issuer != own_name).and_then(|(certificate, _)| certificate.subject_key.clone());
    let content = der::sequence(&[
        &der::write(der::context(0), &der::small(2)),
        &der::unsigned(&serial),
        &signing.signature_algorithm()?,
        &issuer,
        &der::sequence(&[&time(subject.not_before), &time(subject.not_after)]),
        &own_name,
        &der::sequence(&[&algorithm, &der::bits(&public)]),
        &der::write(der::context(3), &extensions(subject, &public, authority_key.as_deref())?),
    ]);
    let signature = signing.sign(&content, random)?;
    Ok(der::sequence(&[&content, &signing.signature_algorithm()?, &der::bits(&signature)]))
}

fn extensions(subject: &Subject<'_>, public: &[u8], authority_key: Option<&[u8]>) -> Result<Vec<u8>, Fault> {
    let extension = |number: u8, critical: bool, value: &[u8]| {
        let critical: &[u8] = if critical { &[der::BOOLEAN, 1, 0xff] } else { &[] };
        der::sequence(&[&der::write(der::OID, &[0x55, 0x1d, number]), critical, &der::write(der::OCTET_STRING, value)])
    };
    let usage = |number: u8| der::write(der::OID, &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, number]);
    // Digital signature and key encipherment; an authority signs certificates too.
    let bits: &[u8] = if subject.authority { &[2, 0b1010_0100] } else { &[5, 0b1010_0000] };
    let constraints = if subject.authority { der::sequence(&[&[der::BOOLEAN, 1, 0xff]]) } else { der::sequence(&[]) };
    let mut list = vec![
        extension(15, true, &der::write(der::BIT_STRING, bits)),
        extension(37, false, &der::sequence(&[&usage(1), &usage(2)])),
        extension(19, true, &constraints),
    ];
    if subject.authority {
        let digest = Sha256::digest(public);
        list.push(extension(14, false, &der::write(der::OCTET_STRING, digest.get(..20).unwrap_or_default())));
    }
    if let Some(key) = authority_key.filter(|key| !key.is_empty()) {
        list.push(extension(35, false, &der::sequence(&[&der::write(der::context_primitive(0), key)])));
    }
    if !subject.dns.is_empty() || !subject.addresses.is_empty() {
        let mut names = Vec::new();
        for name in &subject.dns {
            if !name.is_ascii() {
                return Err(Fault::new("error creating certificate: x509: a DNS name cannot be encoded as an IA5String"));
            }
            names.extend(der::write(der::context_primitive(2), name));
        }
        for address in &subject.addresses {
            names.extend(match address.to_canonical() {
                IpAddr::V4(four) => der::write(der::context_primitive(7), &four.octets()),
                IpAddr::V6(six) => der::write(der::context_primitive(7), &six.octets()),
            });
        }
        list.push(extension(17, subject.common_name.is_empty(), &der::write(der::SEQUENCE, &names)));
    }
    Ok(der::write(der::SEQUENCE, &list.concat()))
}

/// Two digits of the year until 2049, four from then on.
fn time(seconds: i64) -> Vec<u8> {
    let text = go_yaml::Timestamp { seconds, nanoseconds: 0, offset: 0 }.rfc3339();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.get(..4).and_then(|year| year.parse::<u16>().ok()) {
        Some(1950..=2049) => der::write(der::UTC_TIME, format!("{}Z", digits.get(2..).unwrap_or_default()).as_bytes()),
        _ => der::write(der::GENERALIZED_TIME, format!("{digits}Z").as_bytes()),
    }
}
