//! PKCS#12 archives.
//!
//! The two operators differ where the certificates of an archive form no single chain: Infisical's fails, External Secrets'
//! gives them in the order of the archive.
use crate::pki::{certificate::Certificate, chain, key::PrivateKey, pem, pkcs12};
use base64::{Engine, engine::general_purpose::STANDARD};
use go_template_engine::{Context, Error, Function, Str, functions};

/// Of Infisical's operator.
pub static INFISICAL: &[Function] = functions! {
    "fullPemToPkcs12" => full_pem_to_pkcs12_traced, (&Str, &Str);
    "fullPemToPkcs12Pass" => full_pem_to_pkcs12_pass_traced, (&Str, &Str, &Str);
    "pemToPkcs12" => pem_to_pkcs12_traced, (&Str, &Str);
    "pemToPkcs12Pass" => pem_to_pkcs12_pass_traced, (&Str, &Str, &Str);
    "pkcs12cert" => cert_strict, (&Str);
    "pkcs12certPass" => cert_strict_pass, (&Str, &Str);
    "pkcs12key" => key_traced, (&Str);
    "pkcs12keyPass" => key_pass_traced, (&Str, &Str);
};

/// Of External Secrets Operator.
pub static EXTERNAL: &[Function] = functions! {
    "fullPemToPkcs12" => full_pem_to_pkcs12, (&Str, &Str);
    "fullPemToPkcs12Pass" => full_pem_to_pkcs12_pass, (&Str, &Str, &Str);
    "pemToPkcs12" => pem_to_pkcs12, (&Str, &Str);
    "pemToPkcs12Pass" => pem_to_pkcs12_pass, (&Str, &Str, &Str);
    "pemTruststoreToPKCS12" => truststore, (&Str);
    "pemTruststoreToPKCS12Pass" => truststore_pass, (&Str, &Str);
    "pkcs12cert" => cert, (&Str);
    "pkcs12certPass" => cert_pass, (&Str, &Str);
    "pkcs12key" => key, (&Str);
    "pkcs12keyPass" => key_pass, (&Str, &Str);
};

fn traced(error: Error) -> Error {
    error.prefixed("Error: ")
}

/// Steps charged for opening or sealing an archive: some thousand rounds of a hash.
const STEPS: u64 = 200_000;

fn open(context: &mut Context<'_>, password: &[u8], archive: &Str) -> Result<(PrivateKey, Vec<Certificate>), Error> {
    context.step(STEPS)?;
    Ok(pkcs12::decode(archive, password)?)
}

fn key_pem(context: &mut Context<'_>, password: &Str, archive: &Str) -> Result<Vec<u8>, Error> {
    let (key, _) = open(context, password, archive)?;
    Ok(pem::encode("PRIVATE KEY", &key.to_pkcs8()?))
}

fn key(context: &mut Context<'_>, archive: &Str) -> Result<Vec<u8>, Error> {
    key_pass(context, &Str::default(), archive)
}

fn key_pass(context: &mut Context<'_>, password: &Str, archive: &Str) -> Result<Vec<u8>, Error> {
    key_pem(context, password, archive).map_err(|error| error.prefixed("unable to decode pkcs12 with password: "))
}

fn key_traced(context: &mut Context<'_>, archive: &Str) -> Result<Vec<u8>, Error> {
    key_pass_traced(context, &Str::default(), archive)
}

fn key_pass_traced(context: &mut Context<'_>, password: &Str, archive: &Str) -> Result<Vec<u8>, Error> {
    key_pem(context, password, archive).map_err(traced)
}

fn cert(context: &mut Context<'_>, archive: &Str) -> Result<Vec<u8>, Error> {
    cert_pass(context, &Str::default(), archive)
}

fn cert_pass(context: &mut Context<'_>, password: &Str, archive: &Str) -> Result<Vec<u8>, Error> {
    let opened = open(context, password, archive);
    let (_, certificates) = opened.map_err(|error| error.prefixed("unable to decode pkcs12 certificate with password: "))?;
    let plain = chain::encode(&certificates);
    Ok(chain::order(certificates).map_or(plain, |ordered| chain::encode(&ordered)))
}

fn cert_strict(context: &mut Context<'_>, archive: &Str) -> Result<Vec<u8>, Error> {
    cert_strict_pass(context, &Str::default(), archive)
}

fn cert_strict_pass(context: &mut Context<'_>, password: &Str, archive: &Str) -> Result<Vec<u8>, Error> {
    let (_, certificates) = open(context, password, archive).map_err(traced)?;
    let ordered = chain::order(certificates).map_err(|fault| Error::from(fault).prefixed("[fetchX509CertChains] Error: "))?;
    Ok(chain::encode(&ordered))
}

fn pem_to_pkcs12_traced(context: &mut Context<'_>, cert: &Str, key: &Str) -> Result<String, Error> {
    pem_to_pkcs12(context, cert, key).map_err(traced)
}

fn pem_to_pkcs12_pass_traced(context: &mut Context<'_>, cert: &Str, key: &Str, password: &Str) -> Result<String, Error> {
    pem_to_pkcs12_pass(context, cert, key, password).map_err(traced)
}

fn full_pem_to_pkcs12_traced(context: &mut Context<'_>, certs: &Str, key: &Str) -> Result<String, Error> {
    full_pem_to_pkcs12(context, certs, key).map_err(traced)
}

fn full_pem_to_pkcs12_pass_traced(context: &mut Context<'_>, certs: &Str, key: &Str, password: &Str) -> Result<String, Error> {
    full_pem_to_pkcs12_pass(context, certs, key, password).map_err(traced)
}

fn pem_to_pkcs12(context: &mut Context<'_>, cert: &Str, key: &Str) -> Result<String, Error> {
    pem_to_pkcs12_pass(context, cert, key, &Str::default())
}

fn pem_to_pkcs12_pass(context: &mut Context<'_>, cert: &Str, key: &Str, password: &Str) -> Result<String, Error> {
    let (first, _) = first(cert)?;
    seal(context, &[first], key, password)
}

fn full_pem_to_pkcs12(context: &mut Context<'_>, certs: &Str, key: &Str) -> Result<String, Error> {
    full_pem_to_pkcs12_pass(context, certs, key, &Str::default())
}

fn full_pem_to_pkcs12_pass(context: &mut Context<'_>, certs: &Str, key: &Str, password: &Str) -> Result<String, Error> {
    let (first, rest) = first(certs)?;
    let mut certificates = vec![first];
    certificates.extend(all(rest)?);
    seal(context, &certificates, key, password)
}

/// The first certificate, and what is behind it. Go ends in a panic without one.
fn first(text: &[u8]) -> Result<(Certificate, &[u8]), Error> {
    let (block, rest) = pem::decode(text);
    let block = block.ok_or_else(|| Error::panic("no PEM block in place of a certificate"))?;
    Ok((Certificate::parse(&block.bytes)?, rest))
}

/// Certificates to the very end: anything else behind them is refused.
fn all(mut text: &[u8]) -> Result<Vec<Certificate>, Error> {
    let mut certificates = Vec::new();
    while !text.is_empty() {
        let (certificate, rest) = first(text)?;
        certificates.push(certificate);
        text = rest;
    }
    Ok(certificates)
}

fn seal(context: &mut Context<'_>, certificates: &[Certificate], key: &Str, password: &Str) -> Result<String, Error> {
    let block = pem::decode(key).0.ok_or_else(|| Error::panic("no PEM block in place of a private key"))?;
    let key = PrivateKey::any(&block.bytes)?;
    context.step(STEPS)?;
    let host = &mut context.host;
    let archive = pkcs12::encode::<Error>(&key, certificates, password, &mut |out| host.random(out))?;
    Ok(STANDARD.encode(archive))
}

fn truststore(context: &mut Context<'_>, certs: &Str) -> Result<String, Error> {
    truststore_pass(context, certs, &Str::default())
}

fn truststore_pass(context: &mut Context<'_>, certs: &Str, password: &Str) -> Result<String, Error> {
    let certificates = all(certs)?;
    context.step(STEPS)?;
    let host = &mut context.host;
    Ok(STANDARD.encode(pkcs12::encode_trust::<Error>(&certificates, password, &mut |out| host.random(out))?))
}
