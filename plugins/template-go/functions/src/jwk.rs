//! JSON Web Keys.
use crate::pki::{jwk, pem};
use go_template_engine::{Context, Error, Function, Str, functions};

/// Of External Secrets Operator.
pub static EXTERNAL: &[Function] = functions! {
    "jwkPrivateKeyPem" => private, (&Str);
    "jwkPublicKeyPem" => public, (&Str);
};

/// Of Infisical's operator, whose errors say where they came from.
pub static INFISICAL: &[Function] = functions! {
    "jwkPrivateKeyPem" => private_traced, (&Str);
    "jwkPublicKeyPem" => public_traced, (&Str);
};

fn public_traced(context: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    public(context, json).map_err(|error| error.prefixed("[jwkPublicKeyPem] Error: "))
}

fn private_traced(context: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    private(context, json).map_err(|error| error.prefixed("[jwkPrivateKeyPem] Error: "))
}

fn public(_: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    Ok(pem::encode("PUBLIC KEY", &jwk::public(json)?))
}

fn private(_: &mut Context<'_>, json: &Str) -> Result<Vec<u8>, Error> {
    Ok(pem::encode("PRIVATE KEY", &jwk::private(json)?))
}
