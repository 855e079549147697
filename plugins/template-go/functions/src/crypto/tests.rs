use super::*;
use crate::pki::{certificate::Certificate, key::PrivateKey, pem, pkcs12};
use go_template_engine::{Host, Limits};
use proptest::prelude::*;
use std::time::Duration;

/// Numbers that count up.
struct Counting(u8);

impl Host for Counting {
    fn random(&mut self, out: &mut [u8]) -> Result<(), Error> {
        for byte in out {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Ok(Duration::from_secs(1_700_000_000))
    }

    fn key(&mut self, kind: &str) -> Result<Vec<u8>, Error> {
        Ok(match kind {
            "p256" => include_bytes!("../../tests/keys/p256.pem").to_vec(),
            "ed25519" => include_bytes!("../../tests/keys/ed25519.pem").to_vec(),
            _ => include_bytes!("../../tests/keys/rsa2048.pem").to_vec(),
        })
    }
}

fn within<T>(work: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let limits = Limits::default();
    let mut host = Counting(0);
    work(&mut Context::new(&mut host, &limits))
}

#[test]
fn bcrypt_is_go_s() {
    // Of golang.org/x/crypto/bcrypt, with the salt that stands in it.
    let key = b"allmine\0";
    let salt: [u8; 16] = BCRYPT_BASE64.decode("XajjQvNhvvRt5GSeFk1xFe").unwrap().try_into().unwrap();
    let hash = ::bcrypt::bcrypt(10, salt, key);
    assert_eq!(BCRYPT_BASE64.encode(&hash[..23]), "yqRrsxkhBkUiQeg0dt.wU1qD4aFDcga");
    let made = within(|context| bcrypt(context, &"x".into())).unwrap();
    assert_eq!((made.len(), made.starts_with("$2a$10$")), (60, true));
}

#[test]
fn every_kind_of_key_certifies_and_is_archived() {
    for kind in ["rsa2048", "p256", "ed25519"] {
        within(|context| {
            let text = context.host.key(kind).unwrap();
            let key = PrivateKey::pkcs8(&pem::decode(&text).0.unwrap().bytes).unwrap();
            assert_eq!(pem::encode("PRIVATE KEY", &key.to_pkcs8().unwrap()), text, "{kind}");
            let made = certificates::ca_with_key(context, &"here".into(), Int(3), &text.as_slice().into()).unwrap();
            let Value::Struct(made) = made else { panic!("no struct") };
            let Some(Value::String(cert)) = made.field("Cert") else { panic!("no certificate") };
            let certificate = Certificate::parse(&pem::decode(cert).0.unwrap().bytes).unwrap();
            assert_eq!((certificate.subject_text.as_str(), certificate.is_root()), ("CN=here", true));
            let host = &mut context.host;
            let mut random = |out: &mut [u8]| host.random(out);
            let archive = pkcs12::encode::<Error>(&key, std::slice::from_ref(&certificate), "pässwörd".as_bytes(), &mut random).unwrap();
            let (back, certificates) = pkcs12::decode(&archive, "pässwörd".as_bytes()).unwrap();
            assert_eq!(back.to_pkcs8().unwrap(), key.to_pkcs8().unwrap());
            assert_eq!(certificates[0].raw, certificate.raw);
            assert!(pkcs12::decode(&archive, b"wrong").is_err());
        });
    }
}

#[test]
fn faults_quote_no_argument() {
    within(|context| {
        let canary: Str = "canary".into();
        let faults = [
            decrypt_aes(context, &canary, &canary).err(),
            certificates::build(context, &canary, &canary).err(),
            certificates::ca_with_key(context, &canary, Int(1), &canary).err(),
        ];
        for fault in faults.into_iter().flatten() {
            assert!(!fault.text().contains("canary"), "{}", fault.text());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encrypted_decrypts(password in "[ -~é]{0,40}", text in proptest::collection::vec(0_u8.., 0..100)) {
        within(|context| {
            let (password, text) = (Str::from(password), Str::from(text));
            let encrypted = encrypt_aes(context, &password, &text).unwrap();
            prop_assert_eq!(decrypt_aes(context, &password, &encrypted.into()).unwrap(), text.to_vec());
            Ok(())
        })?;
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
        let _ = Certificate::parse(&bytes);
        let _ = PrivateKey::any(&bytes);
        let _ = pkcs12::decode(&bytes, b"");
        let _ = crate::pki::jwk::public(&bytes);
        let _ = pem::all(&bytes);
    }
}
