//! Hashes, keys, certificates, and the functions that one dialect alone has.
use super::{Entry, Section, entry};

/// Of this file, in the order of the page.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Hashes, passwords, keys and certificates",
        note: "What makes keys, salts or random bytes is volatile. Keys are made by the operator, not in the sandbox.",
        entries: CRYPTO,
    },
    Section {
        title: "PEM, certificates and PKCS#12",
        note: "Functions of the operators' own. A PKCS#12 file is bytes: decode it first. Making one is volatile.",
        entries: PEM,
    },
    Section { title: "Of Infisical's dialects alone", note: "", entries: INFISICAL },
    Section { title: "Of External Secrets' dialect alone", note: "", entries: ESO },
];

static CRYPTO: &[Entry] = &[
    entry("adler32sum", "Adler-32 checksum, as a decimal number.", r#"{{ adler32sum "hello" }}"#, "103547413"),
    entry("bcrypt", "A bcrypt hash. Volatile.", r#"{{ bcrypt "pass" | trunc 7 }}"#, "$2a$10$"),
    entry(
        "buildCustomCert",
        "A certificate and a key for `genSignedCert`, both PEM in base64.",
        r#"{{ $c := genCAWithKey "ca" 1 (genPrivateKey "ecdsa") }}{{ (buildCustomCert (b64enc $c.Cert) (b64enc $c.Key)).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry("decryptAES", "Decrypts what `encryptAES` gave.", r#"{{ encryptAES "key" "text" | decryptAES "key" }}"#, "text"),
    entry(
        "derivePassword",
        "A password of a master password, a user and a site.",
        r#"{{ derivePassword 1 "long" "master" "user" "example.com" }}"#,
        "BusaHoze7!Cohg",
    ),
    entry("encryptAES", "AES-256-CBC in base64, the nonce before the text. Volatile.", r#"{{ encryptAES "key" "text" | len }}"#, "44"),
    entry(
        "genCA",
        "A certificate authority: its name and days of life. Volatile.",
        r#"{{ (genCA "ca" 1).Key | trunc 31 }}"#,
        "-----BEGIN RSA PRIVATE KEY-----",
    ),
    entry(
        "genCAWithKey",
        "The same with a key of one's own. Volatile.",
        r#"{{ (genCAWithKey "ca" 1 (genPrivateKey "ecdsa")).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "genPrivateKey",
        "A private key: `rsa`, `ecdsa`, `ed25519` or `dsa`. Volatile.",
        r#"{{ genPrivateKey "ed25519" | trunc 27 }}"#,
        "-----BEGIN PRIVATE KEY-----",
    ),
    entry(
        "genSelfSignedCert",
        "A certificate for names and addresses, signed by itself. Volatile.",
        r#"{{ (genSelfSignedCert "db" nil (list "db.local") 1).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "genSelfSignedCertWithKey",
        "The same with a key of one's own. Volatile.",
        r#"{{ (genSelfSignedCertWithKey "db" nil nil 1 (genPrivateKey "ecdsa")).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "genSignedCert",
        "A certificate signed by an authority. Volatile.",
        r#"{{ $ca := genCA "ca" 1 }}{{ (genSignedCert "db" nil nil 1 $ca).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "genSignedCertWithKey",
        "The same with a key of one's own. Volatile.",
        r#"{{ $ca := genCAWithKey "ca" 1 (genPrivateKey "ecdsa") }}{{ (genSignedCertWithKey "db" nil nil 1 $ca (genPrivateKey "ecdsa")).Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "htpasswd",
        "A line of a htpasswd file. Takes an algorithm as third argument in External Secrets' dialect. Volatile.",
        r#"{{ htpasswd "user" "pass" | trunc 12 }}"#,
        "user:$2a$10$",
    ),
    entry("randBytes", "So many random bytes, in base64. Volatile.", "{{ randBytes 16 | len }}", "24"),
    entry("sha1sum", "SHA-1, in hexadecimal digits.", r#"{{ sha1sum "hello" }}"#, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
    entry(
        "sha256sum",
        "SHA-256, in hexadecimal digits.",
        r#"{{ sha256sum "hello" }}"#,
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    ),
    entry("sha512sum", "SHA-512, in hexadecimal digits.", r#"{{ sha512sum "hello" | trunc 16 }}"#, "9b71d224bd62f378"),
];

static PEM: &[Entry] = &[
    entry(
        "filterCertChain",
        "The part of a certificate chain: `leaf`, `intermediate` or `root`.",
        r#"{{ $c := genCA "ca" 1 }}{{ filterCertChain "root" $c.Cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "filterPEM",
        "The PEM blocks of one type.",
        r#"{{ $c := genCA "ca" 1 }}{{ print $c.Cert $c.Key | filterPEM "CERTIFICATE" | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "fullPemToPkcs12",
        "A PKCS#12 file of a chain and a key, in base64. Volatile.",
        r#"{{ $c := genCA "ca" 1 }}{{ fullPemToPkcs12 $c.Cert $c.Key | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "fullPemToPkcs12Pass",
        "The same with a password. Volatile.",
        r#"{{ $c := genCA "ca" 1 }}{{ fullPemToPkcs12Pass $c.Cert $c.Key "pw" | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "jwkPrivateKeyPem",
        "A private key in JWK form, as PEM.",
        r#"{{ jwkPrivateKeyPem "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}" | trunc 27 }}"#,
        "-----BEGIN PRIVATE KEY-----",
    ),
    entry(
        "jwkPublicKeyPem",
        "A public key in JWK form, as PEM.",
        r#"{{ jwkPublicKeyPem "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}" | trunc 26 }}"#,
        "-----BEGIN PUBLIC KEY-----",
    ),
    entry(
        "pemToPkcs12",
        "A PKCS#12 file of a certificate and a key, in base64. Volatile.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12 $c.Cert $c.Key | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "pemToPkcs12Pass",
        "The same with a password. Volatile.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12Pass $c.Cert $c.Key "pw" | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "pkcs12cert",
        "The certificates of a PKCS#12 file, as PEM.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12 $c.Cert $c.Key | b64dec | pkcs12cert | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "pkcs12certPass",
        "The same with a password.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12Pass $c.Cert $c.Key "pw" | b64dec | pkcs12certPass "pw" | trunc 27 }}"#,
        "-----BEGIN CERTIFICATE-----",
    ),
    entry(
        "pkcs12key",
        "The key of a PKCS#12 file, as PEM.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12 $c.Cert $c.Key | b64dec | pkcs12key | trunc 27 }}"#,
        "-----BEGIN PRIVATE KEY-----",
    ),
    entry(
        "pkcs12keyPass",
        "The same with a password.",
        r#"{{ $c := genCA "ca" 1 }}{{ pemToPkcs12Pass $c.Cert $c.Key "pw" | b64dec | pkcs12keyPass "pw" | trunc 27 }}"#,
        "-----BEGIN PRIVATE KEY-----",
    ),
];

static INFISICAL: &[Entry] = &[
    entry("decodeBase64ToBytes", "Decodes base64, and fails the template where it is none.", r#"{{ decodeBase64ToBytes "aGk=" }}"#, "hi"),
    entry("encodeBase64", "Encodes in base64.", r#"{{ encodeBase64 "hi" }}"#, "aGk="),
    entry(
        "secretFrom",
        "A secret of a folder, by path and key. In InfisicalStaticSecret alone.",
        r#"{{ (secretFrom "/db" "HOST").Value }}"#,
        "db.local",
    ),
];

static ESO: &[Entry] = &[
    entry(
        "certSANs",
        "The names and addresses that a certificate is for.",
        r#"{{ certSANs (genSelfSignedCert "db" nil (list "db.local") 1).Cert }}"#,
        "[db.local]",
    ),
    entry("hexdec", "Decodes hexadecimal digits; where it can't, the error's text.", r#"{{ hexdec "6869" }}"#, "hi"),
    entry(
        "pemTruststoreToPKCS12",
        "A trust store of certificates, in base64. Volatile.",
        r#"{{ pemTruststoreToPKCS12 (genCA "ca" 1).Cert | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "pemTruststoreToPKCS12Pass",
        "The same with a password. Volatile.",
        r#"{{ pemTruststoreToPKCS12Pass (genCA "ca" 1).Cert "pw" | trunc 2 }}"#,
        "MI",
    ),
    entry(
        "rsaDecrypt",
        "Decrypts RSA: scheme, hash, text, key. The scheme `None` gives the text back.",
        r#"{{ rsaDecrypt "None" "SHA256" "text" "" }}"#,
        "text",
    ),
];
