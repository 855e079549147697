//! Reading objects whose spec is missing or null. A list of resources decodes as a whole or not at all, so one user's odd
//! object must not hide those of all others; the peer's schema takes objects without a spec.

use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// For a spec that derives with `#[serde(remote = "Self")]`: what is missing or null is the default.
macro_rules! absent_is_default {
    ($spec:ty) => {
        impl<'de> serde::Deserialize<'de> for $spec {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                struct Given($spec);

                impl<'de> serde::Deserialize<'de> for Given {
                    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                        <$spec>::deserialize(source).map(Given)
                    }
                }

                Ok(Option::<Given>::deserialize(source)?.map(|Given(spec)| spec).unwrap_or_default())
            }
        }

        impl serde::Serialize for $spec {
            fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, target)
            }
        }
    };
}

pub(crate) use absent_is_default;

/// The peer's schema takes integers of any size; beyond 64 bits they come as floating point.
pub(crate) fn any_integer<'de, D: Deserializer<'de>>(source: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<Number>::deserialize(source)?;
    // The cast saturates.
    Ok(number.and_then(|number| number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))))
}
