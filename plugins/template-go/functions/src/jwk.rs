//! JSON Web Keys.
use crate::pki::{jwk, pem};
use go_template_engine::{Context, Error, Function, Str, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "jwkPrivateKeyPem" => private, (&Str);
    "jwkPublicKeyPem" => public, (&Str);
};

fn public(_: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    Ok(pem::encode("PUBLIC KEY", &jwk::public(json)?))
}

fn private(_: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    Ok(pem::encode("PRIVATE KEY", &jwk::private(json)?))
}
