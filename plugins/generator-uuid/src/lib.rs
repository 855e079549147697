//! Random UUIDs (version 4 of RFC 9562), in lower case with hyphens.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Need, NoSettings, Plugin,
    generator::{Generated, Generator, Output, Request},
    random,
};

/// The plugin.
pub struct Uuid;

impl Plugin for Uuid {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("uuid", env!("CARGO_PKG_VERSION"), "Generates a random UUID.").need(Need::required("random", "makes the UUID"))
    }
}

impl Generator for Uuid {
    fn generate(_: Request<NoSettings>) -> Result<Generated, Error> {
        let mut bytes = [0; 16];
        random::fill(&mut bytes)?;
        Ok(Generated { outputs: vec![Output { key: "value".into(), value: text(bytes).into_bytes() }], notices: vec![] })
    }
}

fn text(random: [u8; 16]) -> String {
    // Version 4, variant of the RFC.
    let number = u128::from_be_bytes(random) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

plugin_sdk::export_generator!(Uuid);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};

    #[test]
    fn version_and_variant_are_set_and_all_other_bits_are_random() {
        assert_eq!(text([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let counted: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(text(counted), "00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn makes_one_value_from_the_random_numbers_of_the_host() {
        let generated = Host::new().generate::<Uuid>("{}").unwrap();
        let [output] = generated.outputs.as_slice() else { panic!() };
        assert_eq!((output.key.as_str(), output.value.len()), ("value", 36));
        assert_ne!(output.value, text([0; 16]).into_bytes());
    }

    #[test]
    fn has_no_settings_and_needs_random_numbers() {
        assert!(matches!(Host::new().generate::<Uuid>(r#"{"version": 7}"#).err(), Some(Failure::Settings(_))));
        assert!(matches!(Host::new().withhold("random").generate::<Uuid>("{}").err(), Some(Failure::Denied(_))));
    }
}
