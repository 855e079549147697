//! PEM that OpenSSL itself encrypts: the headers `Proc-Type: 4,ENCRYPTED` and `DEK-Info`, as `openssl genrsa -aes128` wrote
//! it before version 3.
//!
//! The key of the cipher is made from the passphrase by one round of MD5 for each 16 bytes, which costs whoever stole the
//! file nothing to guess: such keys are read, never written. The padding alone tells a wrong passphrase, so one in some 256
//! is found out only by what comes out.
use super::SignError;
use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::{BlockDecryptMut, KeyIvInit, KeySizeUser, block_padding::Pkcs7};
use des::TdesEde3;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// Bytes of the initialisation vector that also salt the key.
const SALT: usize = 8;

/// Opens the content of a PEM block. `dek_info` is the header's value: the cipher's name, a comma, the initialisation vector
/// in hexadecimal.
///
/// # Errors
/// [`SignError::Encryption`] where the header or its cipher is not known, [`SignError::Passphrase`].
pub(super) fn open(dek_info: &str, content: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let (cipher, vector) = dek_info.split_once(',').ok_or(SignError::Encryption)?;
    let vector = hex::decode(vector.trim()).map_err(|_| SignError::Encryption)?;
    match cipher.trim().to_ascii_uppercase().as_str() {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<Aes128>>(&vector, content, passphrase),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<Aes192>>(&vector, content, passphrase),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<Aes256>>(&vector, content, passphrase),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<TdesEde3>>(&vector, content, passphrase),
        _ => Err(SignError::Encryption),
    }
}

fn decrypt<C>(vector: &[u8], content: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, SignError>
where
    C: KeyIvInit + BlockDecryptMut + KeySizeUser,
{
    let salt = vector.get(..SALT).ok_or(SignError::Encryption)?;
    let key = derive(C::key_size(), salt, passphrase);
    let cipher = C::new_from_slices(&key, vector).map_err(|_| SignError::Encryption)?;
    let mut buffer = Zeroizing::new(content.to_vec());
    let length = cipher.decrypt_padded_mut::<Pkcs7>(&mut buffer).map_err(|_| SignError::Passphrase)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round.
fn derive(length: usize, salt: &[u8], passphrase: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut last = Zeroizing::new(Vec::new());
    while key.len() < length {
        let digest: [u8; 16] = Md5::new().chain_update(&*last).chain_update(passphrase).chain_update(salt).finalize().into();
        *last = digest.to_vec();
        key.extend_from_slice(&digest);
    }
    key.truncate(length);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_none_is_told_from_a_wrong_passphrase() {
        let vector = "00112233445566778899AABBCCDDEEFF";
        for header in ["", "AES-128-CBC", "AES-128-CBC,", "AES-128-CBC,0011", "AES-128-CBC,zz", "DES-CBC,0011223344556677", "ROT13,00"] {
            assert_eq!(open(header, &[0; 32], b"x").map(drop), Err(SignError::Encryption), "{header}");
        }
        for content in [&[][..], &[0; 15], &[0; 32]] {
            assert_eq!(open(&format!("AES-128-CBC,{vector}"), content, b"x").map(drop), Err(SignError::Passphrase));
        }
    }

    #[test]
    fn the_cipher_key_is_that_of_openssl() {
        // openssl enc -aes-256-cbc -md md5 -S 0011223344556677 -pass pass:open-sesame -P
        let key = derive(32, &[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77], b"open-sesame");
        assert_eq!(hex::encode(&*key), "070514454b51f4d667be9dbd2f206fad72205a4410c06e96c8d7c0e1d392fe4a");
    }
}
