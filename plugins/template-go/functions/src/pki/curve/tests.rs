//! Against the crates that implement a curve each.
use super::*;
use ecdsa::hazmat::{SignPrimitive, bits2field};
use p256::elliptic_curve::{FieldBytes, SecretKey, sec1::ToEncodedPoint};
use proptest::{array::uniform, prelude::*};

/// What the crate of that curve says.
macro_rules! on {
    ($curve:expr, $module:ident => $body:expr) => {
        match $curve {
            Curve::P224 => {
                use p224 as $module;
                $body
            }
            Curve::P256 => {
                use p256 as $module;
                $body
            }
            Curve::P384 => {
                use p384 as $module;
                $body
            }
            Curve::P521 => {
                use p521 as $module;
                $body
            }
        }
    };
}

fn public(curve: Curve, key: &[u8]) -> Option<Vec<u8>> {
    on!(curve, module => Some(module::SecretKey::from_slice(key).ok()?.public_key().to_encoded_point(false).as_bytes().to_vec()))
}

fn has(curve: Curve, point: &[u8]) -> bool {
    on!(curve, module => module::PublicKey::from_sec1_bytes(point).is_ok())
}

fn field<C: ecdsa::PrimeCurve>(_: &SecretKey<C>, digest: &[u8]) -> Option<FieldBytes<C>> {
    bits2field::<C>(digest).ok()
}

fn signature(curve: Curve, key: &[u8], digest: &[u8], nonce: &[u8]) -> Option<Vec<u8>> {
    on!(curve, module => {
        let key = module::SecretKey::from_slice(key).ok()?;
        let nonce = *module::SecretKey::from_slice(nonce).ok()?.to_nonzero_scalar();
        let (signature, _) = key.to_nonzero_scalar().try_sign_prehashed(nonce, &field(&key, digest)?).ok()?;
        let (r, s) = signature.split_bytes();
        Some(der::sequence(&[&der::unsigned(&r), &der::unsigned(&s)]))
    })
}

/// The least scalars, half the order, and the numbers around the order.
fn edges(curve: Curve) -> Vec<Vec<u8>> {
    let domain = curve.domain();
    let order = &domain.order;
    let numbers =
        [BigUint::ZERO, 1_u8.into(), 2_u8.into(), 3_u8.into(), order - 2_u8, order - 1_u8, order.clone(), order + 1_u8, order >> 1_u8];
    numbers.iter().map(|number| padded(number, curve.size())).collect()
}

fn agree(curve: Curve, key: &[u8], digest: &[u8], nonce: &[u8]) {
    let point = curve.public(key).ok();
    assert_eq!(point, public(curve, key), "{curve:?} {key:?}");
    let signed = curve.sign(key, digest, &mut |out: &mut [u8]| -> Result<(), Fault> {
        out.copy_from_slice(nonce);
        Ok(())
    });
    assert_eq!(signed.ok(), signature(curve, key, digest, nonce), "{curve:?} {key:?} {digest:?} {nonce:?}");
    let Some(point) = point else { return };
    assert!(curve.has(&point));
    for at in [0, 1, curve.size(), 2 * curve.size()] {
        let mut off = point.clone();
        off[at] ^= 1;
        assert_eq!(curve.has(&off), at != 0 && has(curve, &off), "{curve:?} {off:?}");
    }
}

#[test]
fn numbers_at_the_edges_are_as_of_the_crates() {
    for curve in Curve::ALL {
        let edges = edges(curve);
        for key in &edges {
            for nonce in &edges {
                agree(curve, key, &[0xff; 64], nonce);
            }
        }
    }
}

#[test]
fn a_point_is_two_coordinates_below_the_prime() {
    for curve in Curve::ALL {
        let point = curve.public(&padded(&7_u8.into(), curve.size())).unwrap();
        assert!(curve.has(&point));
        assert!(
            !curve.has(&[]) && !curve.has(&[0]) && !curve.has(&point[..point.len() - 1]) && !curve.has(&[point.as_slice(), &[0]].concat())
        );
        let size = curve.size();
        let (all, zeros) = (vec![0xff; size], vec![0; size]);
        for (x, y) in [(&all, &all), (&zeros, &zeros), (&point[1..=size].to_vec(), &all), (&all, &point[1 + size..].to_vec())] {
            let other = [&[4], x.as_slice(), y].concat();
            assert_eq!(curve.has(&other), has(curve, &other), "{curve:?} {other:?}");
            assert!(!curve.has(&other));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn keys_and_signatures_are_as_of_the_crates(key in uniform::<_, 66>(any::<u8>()), nonce in uniform::<_, 66>(any::<u8>()), digest in uniform::<_, 64>(any::<u8>())) {
        for curve in Curve::ALL {
            let fit = |bytes: &[u8; 66]| {
                let mut bytes = bytes[..curve.size()].to_vec();
                if curve == Curve::P521 {
                    bytes[0] &= 1;
                }
                bytes
            };
            agree(curve, &fit(&key), &digest, &fit(&nonce));
        }
    }
}
