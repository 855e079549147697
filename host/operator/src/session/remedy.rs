//! What a user can do about a login that the server refused.
//!
//! The server has words of its own for each cause and says nothing of remedies, so its words lead to them. Only a message depends
//! on that: what stands in no row gets the general answer, and a later server that words something differently too.

use infisical::Class;

/// What a refusal holds, the more telling first, and what to do.
const REMEDIES: [(&str, &str); 29] = [
    (
        "temporarily locked",
        "too many wrong tries have locked it, for five minutes unless the identity says otherwise; mend the credentials",
    ),
    (
        "Invalid credentials",
        "check the credentials: client id and client secret, or user name and password, each in its own key and as the server knows them",
    ),
    ("expired client secret", "make a new client secret at Infisical and put it into the Secret"),
    ("client secret usage limit", "the client secret was made for a number of logins, and they are used up; make one without that limit"),
    ("jwt expired", "the token has expired; put a fresh one into the Secret, or name a file that something rotates"),
    ("token has expired", "the token has expired; put a fresh one into the Secret, or name a file that something rotates"),
    ("jwt not active", "the token is not valid yet; set the clock of its issuer or of the server right"),
    ("Invalid JWT", "what the Secret or the file holds is no JSON Web Token; put the token alone there, in its three parts"),
    ("jwt malformed", "what the Secret or the file holds is no JSON Web Token; put the token alone there, in its three parts"),
    ("token is malformed", "what the Secret or the file holds is no JSON Web Token; put the token alone there, in its three parts"),
    ("The signing key", "the issuer has no such key any more; let it make a new token, or correct the address of the identity's issuer"),
    (
        "signature",
        "another key has signed the token than those that the identity trusts; compare the token's issuer with the keys or the discovery address of the identity",
    ),
    ("invalid algorithm", "the token is signed in a way that does not fit the identity's key; have it signed by RSA or an elliptic curve"),
    (
        "OIDC discovery",
        "the server can't read the discovery document; correct the address of the identity's issuer, or let the server reach it",
    ),
    ("issuer", "compare the claim iss of the token with the issuer that the identity is bound to"),
    ("audience", "compare the audience of the token with those that the identity allows"),
    ("subject", "compare the claim sub of the token with the subject that the identity is bound to"),
    ("claim", "compare the claims of the token with those that the identity is bound to"),
    (
        "token has no",
        "the token lacks a claim that the identity is bound to; have its issuer add the claim, or unbind the identity from it",
    ),
    ("K8s namespace", "add the namespace of the ServiceAccount to those that the identity allows"),
    ("K8s name", "add the ServiceAccount to those that the identity allows"),
    (
        "token not authenticated",
        "the cluster that the identity asks does not know the token; compare its address and audience with this cluster's",
    ),
    ("did you configure", "correct the id of the identity, or enable this method for it at Infisical"),
    ("ID must be a valid UUID", "correct the id of the identity: it is a UUID, as Infisical shows it"),
    ("Identity with ID", "correct the id of the identity"),
    ("auth with ID", "correct the id of the identity, or enable this method for it at Infisical"),
    ("organization", "correct --organization-slug, or add the identity to that organisation"),
    ("Route POST", "this server does not know the method; use a newer one, or correct the server's address"),
    ("from the current IP address", "add the operator's address to those that the identity trusts"),
];

/// Of everything else.
const GENERAL: &str = "check the credentials, and that the identity may log in this way";

/// What a user can do about a call that the server refused though the login succeeded. None: nothing but wait, or the error says it.
pub(super) fn of_call(error: &infisical::Error) -> Option<&'static str> {
    let infisical::Error::Refused { status, message, .. } = error else { return None };
    match (error.class(), status) {
        (_, 400) if message.contains("Missing project id or environment") => {
            Some("the service token is for several places; name the environment in secretsScope.envSlug, and the folder in secretsPath")
        }
        (Class::Unauthorized, _) => Some(
            "the server does not accept a token that it has just given: check whether the identity or its trusted addresses were \
             changed, and what stands between the operator and the server",
        ),
        (Class::Denied, _) => Some("give the identity a role in the project that has the permission"),
        (_, 404) => Some("check the names of project, environment and folder, and whether the identity is a member of the project"),
        _ => None,
    }
}

/// By the message of the refusal of a login.
pub(super) fn of(message: &str) -> &'static str {
    REMEDIES.iter().find(|(words, _)| message.contains(words)).map_or(GENERAL, |(_, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of the server.
    #[test]
    fn each_cause_has_its_remedy() {
        for (message, remedy) in [
            ("Invalid credentials", "each in its own key"),
            ("This identity auth method is temporarily locked, please try again later", "five minutes"),
            ("Access denied due to expired client secret", "a new client secret"),
            ("Access denied: jwt expired", "has expired; put a fresh one"),
            ("Your token has expired. Please re-authenticate.", "has expired; put a fresh one"),
            ("Access denied: JWT verification failed with all keys. Errors - jwt expired; invalid signature", "has expired"),
            ("Access denied: JWT verification failed with all keys. Errors - invalid signature", "another key"),
            (
                "Access denied: Unable to verify JWT signature. The signing key '1' was not found in the OIDC provider's",
                "no such key any more",
            ),
            ("Access denied: Unable to verify JWT signature with any available signing key. invalid signature", "another key"),
            ("Invalid JWT", "no JSON Web Token"),
            ("Access denied: issuer mismatch", "the claim iss"),
            ("Access denied: jwt issuer invalid. expected: https://issuer", "the claim iss"),
            ("Access denied: OIDC audience not allowed.", "the audience"),
            ("Access denied: K8s audience not allowed.", "the audience"),
            ("Access denied: OIDC subject not allowed.", "the claim sub"),
            ("Access denied: claim mismatch for field team", "the claims"),
            ("Access denied: token has no team field", "lacks a claim"),
            ("Access denied: K8s namespace not allowed.", "the namespace of the ServiceAccount"),
            ("Access denied: K8s name not allowed.", "add the ServiceAccount"),
            ("JWT auth method not found for identity, did you configure JWT auth?", "enable this method"),
            ("LDAP auth with ID 'x' not found", "the id of the identity"),
            ("Sub organization with slug x not found", "--organization-slug"),
            ("something new", "check the credentials, and that"),
        ] {
            assert!(of(message).contains(remedy), "{message}: {}", of(message));
        }
    }

    #[test]
    fn no_row_is_hidden_by_an_earlier_one() {
        for (words, remedy) in REMEDIES {
            assert_eq!(of(words), remedy, "{words}");
        }
    }
}
