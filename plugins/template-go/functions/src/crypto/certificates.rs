//! Private keys and certificates.
use crate::pki::{Fault, certificate::Certificate, issue, key::PrivateKey, pem};
use go_template_engine::{Arg, Context, Error, Field, Int, Kind, Named, Str, Structure, Type, Value};
use std::{net::IpAddr, rc::Rc};

const DAY: i64 = 24 * 60 * 60;
/// What certificates are made with where the template gives no key.
const DEFAULT_KEY: &str = "rsa2048";
/// Steps charged for one signature by RSA.
const STEPS: u64 = 500_000;

/// A certificate and its key, both as PEM.
static CERTIFICATE: Named =
    Named { fields: &[Field::new("Cert", Type::STRING), Field::new("Key", Type::STRING)], ..Named::new("sprig.certificate", Kind::Struct) };

/// `sprig.certificate`.
pub struct Certified {
    cert: Str,
    key: Str,
}

impl Arg<'_> for Certified {
    const TYPE: Type = Type::Named(&CERTIFICATE);

    fn take(value: &Value) -> Option<Self> {
        let (Value::Struct(structure) | Value::Pointer(structure)) = value else { return None };
        match structure.fields() {
            [Value::String(cert), Value::String(key)] => Some(Self { cert: cert.clone(), key: key.clone() }),
            _ => None,
        }
    }
}

fn certified(cert: Vec<u8>, key: Vec<u8>) -> Value {
    Value::Struct(Rc::new(Structure::new(&CERTIFICATE, vec![Value::string(cert), Value::string(key)])))
}

/// `[]interface {}` of texts.
pub struct Texts<'a>(&'a [Value]);

impl<'a> Arg<'a> for Texts<'a> {
    const TYPE: Type = Type::LIST;

    fn take(value: &'a Value) -> Option<Self> {
        match value {
            Value::List(list) => Some(Self(list)),
            _ => None,
        }
    }
}

impl Texts<'_> {
    fn addresses(&self) -> Result<Vec<IpAddr>, Error> {
        let parse = |value: &Value| match value {
            Value::String(text) => text.utf8().and_then(address).ok_or_else(|| Error::new("error parsing ip: it is no IP address")),
            other => Err(Error::new(format!("error parsing ip: a value of type {} is not a string", other.type_name()))),
        };
        self.0.iter().map(parse).collect()
    }

    fn names(&self) -> Result<Vec<Vec<u8>>, Error> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.to_vec()),
            other => {
                let kind = other.type_name();
                // Go's message repeats the value; nil is none that could be secret.
                let what = if kind == "<nil>" { kind.to_string() } else { format!("a value of type {kind}") };
                Err(Error::new(format!("error processing alternate dns name: {what} is not a string")))
            }
        };
        self.0.iter().map(text).collect()
    }
}

/// As `net.ParseIP`, which knows no zones.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn fresh(context: &mut Context<'_>, kind: &str) -> Result<PrivateKey, Error> {
    let text = context.host.key(kind)?;
    let block = pem::decode(&text).0.ok_or_else(|| Error::new("the host gave no PEM"))?;
    Ok(PrivateKey::pkcs8(&block.bytes)?)
}

fn given(text: &Str) -> Result<PrivateKey, Error> {
    PrivateKey::of_pem(text).map_err(|fault| Error::new(format!("parsing private key: {}", fault.0)))
}

pub fn private_key(context: &mut Context<'_>, kind: &Str) -> Result<Vec<u8>, Error> {
    let kind = match &**kind {
        b"" | b"rsa" => "rsa4096",
        b"ecdsa" => "p256",
        b"ed25519" => "ed25519",
        b"dsa" => return Err(Error::new("DSA keys are obsolete and not made here; use rsa, ecdsa or ed25519")),
        other => return Ok([b"Unknown type ", other].concat()),
    };
    Ok(fresh(context, kind)?.to_pem()?)
}

/// What a certificate is for, and who signs it.
struct Request<'a> {
    name: &'a Str,
    addresses: &'a [Value],
    dns: &'a [Value],
    days: i64,
    authority: bool,
}

fn issue(context: &mut Context<'_>, request: &Request<'_>, key: &PrivateKey, signer: Option<Certified>) -> Result<Value, Error> {
    let signer = match signer {
        Some(signer) => {
            let block = pem::decode(&signer.cert).0.ok_or_else(|| Error::new("unable to decode certificate"))?;
            let certificate = Certificate::parse(&block.bytes)
                .map_err(|fault| Error::new(format!("error parsing certificate: decodedSignerCert.Bytes: {}", fault.0)))?;
            let key = PrivateKey::of_pem(&signer.key).map_err(|fault| Error::new(format!("error parsing private key: {}", fault.0)))?;
            Some((certificate, key))
        }
        None => None,
    };
    let addresses = Texts(request.addresses).addresses()?;
    let dns = Texts(request.dns).names()?;
    context.step(STEPS)?;
    let now = i64::try_from(context.host.now()?.as_secs()).map_err(|_| Error::new("the clock is beyond all certificates"))?;
    let life = request.days.checked_mul(DAY).and_then(|life| now.checked_add(life));
    // Go's dates wrap around; no certificate can hold such a date.
    let not_after = life.filter(|end| (-62_167_219_200..253_402_300_800).contains(end));
    let subject = issue::Subject {
        common_name: request.name,
        addresses,
        dns,
        not_before: now,
        not_after: not_after.ok_or_else(|| Error::new("error creating certificate: the days reach beyond the year 9999"))?,
        authority: request.authority,
    };
    let host = &mut context.host;
    let mut random = |out: &mut [u8]| host.random(out);
    let signer = signer.as_ref().map(|(certificate, key)| (certificate, key));
    let certificate = issue::issue::<Error>(&subject, key, signer, &mut random)?;
    Ok(certified(pem::encode("CERTIFICATE", &certificate), key.to_pem()?))
}

pub fn ca(context: &mut Context<'_>, name: &Str, days: Int) -> Result<Value, Error> {
    let key = fresh(context, DEFAULT_KEY)?;
    issue(context, &Request { name, addresses: &[], dns: &[], days: days.0, authority: true }, &key, None)
}

pub fn ca_with_key(context: &mut Context<'_>, name: &Str, days: Int, key: &Str) -> Result<Value, Error> {
    let key = given(key)?;
    issue(context, &Request { name, addresses: &[], dns: &[], days: days.0, authority: true }, &key, None)
}

pub fn self_signed(context: &mut Context<'_>, name: &Str, ips: Texts<'_>, dns: Texts<'_>, days: Int) -> Result<Value, Error> {
    let key = fresh(context, DEFAULT_KEY)?;
    issue(context, &Request { name, addresses: ips.0, dns: dns.0, days: days.0, authority: false }, &key, None)
}

pub fn self_signed_with_key(
    context: &mut Context<'_>,
    name: &Str,
    ips: Texts<'_>,
    dns: Texts<'_>,
    days: Int,
    key: &Str,
) -> Result<Value, Error> {
    let key = given(key)?;
    issue(context, &Request { name, addresses: ips.0, dns: dns.0, days: days.0, authority: false }, &key, None)
}

pub fn signed(context: &mut Context<'_>, name: &Str, ips: Texts<'_>, dns: Texts<'_>, days: Int, signer: Certified) -> Result<Value, Error> {
    let key = fresh(context, DEFAULT_KEY)?;
    issue(context, &Request { name, addresses: ips.0, dns: dns.0, days: days.0, authority: false }, &key, Some(signer))
}

pub fn signed_with_key(
    context: &mut Context<'_>,
    name: &Str,
    ips: Texts<'_>,
    dns: Texts<'_>,
    days: Int,
    signer: Certified,
    key: &Str,
) -> Result<Value, Error> {
    let key = given(key)?;
    issue(context, &Request { name, addresses: ips.0, dns: dns.0, days: days.0, authority: false }, &key, Some(signer))
}

pub fn build(_: &mut Context<'_>, cert: &Str, key: &Str) -> Result<Value, Error> {
    let cert = pem::decode_base64(cert).ok_or_else(|| Error::new("unable to decode base64 certificate"))?;
    let key = pem::decode_base64(key).ok_or_else(|| Error::new("unable to decode base64 private key"))?;
    let block = pem::decode(&cert).0.ok_or_else(|| Error::new("unable to decode certificate"))?;
    let parsing = |what: &'static str| move |fault: Fault| Error::new(format!("error parsing {what}: {}", fault.0));
    Certificate::parse(&block.bytes).map_err(parsing("certificate: decodedCert.Bytes"))?;
    PrivateKey::of_pem(&key).map_err(parsing("private key"))?;
    Ok(certified(cert, key))
}
