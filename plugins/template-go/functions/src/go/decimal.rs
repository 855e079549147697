//! Decimal numbers as shopspring/decimal 1.4 computes with them: exact sums and products, quotients of 16 digits.

use num_bigint::{BigInt, Sign};

/// `mantissa × 10^exponent`.
pub struct Decimal {
    mantissa: BigInt,
    exponent: i64,
}

/// Digits of a quotient behind the point.
const PRECISION: i64 = 16;

impl Decimal {
    /// The shortest decimal that reads back as this number; `None` for infinities and NaN.
    pub fn new(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e')?;
        let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
        let mantissa = digits.replace('.', "").parse().ok()?;
        Some(Self { mantissa, exponent: exponent.parse::<i64>().ok()? - i64::try_from(places).ok()? })
    }

    fn scaled(&self, exponent: i64) -> BigInt {
        &self.mantissa * power(self.exponent - exponent)
    }

    pub fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { mantissa: self.scaled(exponent) + other.scaled(exponent), exponent }
    }

    pub fn sub(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { mantissa: self.scaled(exponent) - other.scaled(exponent), exponent }
    }

    pub fn mul(&self, other: &Self) -> Self {
        Self { mantissa: &self.mantissa * &other.mantissa, exponent: self.exponent + other.exponent }
    }

    /// Rounded half away from zero; `None` for a division by zero.
    pub fn div(&self, other: &Self) -> Option<Self> {
        if other.mantissa.sign() == Sign::NoSign {
            return None;
        }
        let shift = self.exponent - other.exponent + PRECISION;
        let (over, under) = if shift < 0 {
            (self.mantissa.clone(), &other.mantissa * power(-shift))
        } else {
            (&self.mantissa * power(shift), other.mantissa.clone())
        };
        let mut quotient = &over / &under;
        let rest = &over % &under;
        if BigInt::from(rest.magnitude() << 1u8) >= BigInt::from(under.magnitude().clone()) {
            let up = BigInt::from(1);
            if over.sign() == under.sign() || rest.sign() == Sign::NoSign { quotient += up } else { quotient -= up }
        }
        Some(Self { mantissa: quotient, exponent: -PRECISION })
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        usize::try_from(self.mantissa.bits() / 8).unwrap_or(usize::MAX)
    }
}

fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}
