//! Certificates in the order leaf, intermediates, root, linked by the identifiers of their keys.
use super::{Fault, certificate::Certificate, pem};

/// The certificates of all blocks of PEM.
pub fn certificates(text: &[u8]) -> Result<Vec<Certificate>, Fault> {
    let (blocks, _) = pem::all(text);
    blocks.iter().map(|block| Certificate::parse(&block.bytes)).collect()
}

/// In order. An identifier that is missing equals one that is missing, as in the peers.
///
/// # Errors
/// More than one leaf, none, or a circle.
pub fn order(certificates: Vec<Certificate>) -> Result<Vec<Certificate>, Fault> {
    let key = |key: &Option<Vec<u8>>| key.clone().unwrap_or_default();
    let mut parents = vec![None; certificates.len()];
    let mut is_parent = vec![false; certificates.len()];
    for ((at, child), parent) in certificates.iter().enumerate().zip(&mut parents) {
        let issuer = key(&child.authority_key);
        *parent = certificates.iter().enumerate().position(|(other, issued)| other != at && key(&issued.subject_key) == issuer);
        if let Some(flag) = parent.and_then(|parent| is_parent.get_mut(parent)) {
            *flag = true;
        }
    }
    let mut leaves = is_parent.iter().enumerate().filter(|(_, parent)| !**parent).map(|(at, _)| at);
    let leaf = leaves.next();
    if leaf.is_some() && leaves.next().is_some() {
        return Err(Fault::new("found multiple leaf or disjunct certificates"));
    }
    let Some(leaf) = leaf else { return Err(Fault::new("no leaf certificate found")) };
    let mut ordered = Vec::with_capacity(certificates.len());
    let mut next = Some(leaf);
    while let Some(at) = next {
        if ordered.len() == certificates.len() {
            return Err(Fault::new("constructing chain resulted in cycle"));
        }
        ordered.extend(certificates.get(at).cloned());
        next = parents.get(at).copied().flatten();
    }
    Ok(ordered)
}

/// As PEM, one behind the other.
pub fn encode(certificates: &[Certificate]) -> Vec<u8> {
    certificates.iter().flat_map(|certificate| pem::encode("CERTIFICATE", &certificate.raw)).collect()
}
