//! PEM blocks and certificate chains.
use crate::pki::{certificate::Certificate, chain, pem};
use go_template_engine::{Context, Error, Function, Str, Value, functions};

/// Of Infisical's operator, whose errors say where they came from.
pub static INFISICAL: &[Function] = functions! {
    "filterCertChain" => filter_cert_chain_traced, (&Str, &Str);
    "filterPEM" => filter_pem_traced, (&Str, &Str);
};

/// Of External Secrets Operator, whose filter passes over what stands before the first block in the same line.
pub static EXTERNAL: &[Function] = functions! {
    "certSANs" => cert_sans, (&Str);
    "filterCertChain" => filter_cert_chain, (&Str, &Str);
    "filterPEM" => filter_pem_behind_junk, (&Str, &Str);
};

const BEGIN: &[u8] = b"-----BEGIN";

fn filter_pem_behind_junk(context: &mut Context<'_>, label: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    let begin = text.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap_or(0);
    filter_pem(context, label, &text.get(begin..).unwrap_or_default().into())
}

fn filter_pem_traced(context: &mut Context<'_>, label: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    filter_pem(context, label, text).map_err(|error| error.prefixed("[filterPEM] Error: "))
}

fn filter_pem(_: &mut Context<'_>, label: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    let (blocks, rest) = pem::all(text);
    let wanted = label.lossy().to_lowercase();
    let mut out = Vec::new();
    for block in blocks.iter().filter(|block| String::from_utf8_lossy(&block.label).to_lowercase() == wanted) {
        let text = block.encode().ok_or_else(|| Error::new("pem: cannot encode a header key that contains a colon"))?;
        out.extend(text);
    }
    if out.is_empty() && !rest.is_empty() {
        return Err(Error::new("error filtering pem: found junk"));
    }
    Ok(out)
}

fn filter_cert_chain(_: &mut Context<'_>, kind: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    choose(kind, chain::order(chain::certificates(text)?)?)
}

fn filter_cert_chain_traced(_: &mut Context<'_>, kind: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    let certificates = chain::certificates(text).map_err(|fault| Error::from(fault).prefixed("[pemToNodes] Error: "))?;
    let traced = |error: Error| error.prefixed("[fetchX509CertChains] Error: ");
    choose(kind, chain::order(certificates).map_err(|fault| traced(fault.into()))?).map_err(traced)
}

fn choose(kind: &[u8], ordered: Vec<Certificate>) -> Result<Vec<u8>, Error> {
    let (first, rest) = ordered.split_first().ok_or_else(|| Error::new("no leaf certificate found"))?;
    let chosen = match kind {
        b"leaf" if !first.is_root() => vec![first.clone()],
        b"intermediate" => rest.iter().take_while(|certificate| !certificate.is_root()).cloned().collect(),
        b"root" => ordered.last().filter(|certificate| certificate.is_root()).cloned().into_iter().collect(),
        _ => Vec::new(),
    };
    Ok(chain::encode(&chosen))
}

fn cert_sans(_: &mut Context<'_>, text: &Str) -> Result<Value, Error> {
    let block = pem::decode(text).0.ok_or_else(|| Error::new("failed to decode PEM block"))?;
    Ok(Value::strings(Certificate::parse(&block.bytes)?.names()))
}
