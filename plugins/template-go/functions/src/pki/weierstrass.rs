//! Multiplication of a curve's base point, and whether a point lies on a curve: all that keys and signatures of Go's four curves
//! take. The curves are `y² = x³ - 3x + b` modulo a prime, and every point but the one at infinity is a multiple of the base
//! point; their numbers are those of FIPS 186-4, D.1.2.
//!
//! Written over the integers that RSA takes too, since a crate for each curve is ten times as much code. Its time depends on the
//! numbers, as that of RSA does.
use num_bigint::BigUint;

/// A point but infinity, by its coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub x: BigUint,
    pub y: BigUint,
}

/// A curve.
pub struct Domain {
    prime: BigUint,
    b: BigUint,
    /// How many multiples the base point has.
    pub order: BigUint,
    base: Point,
}

/// `x/z²`, `y/z³`; `z` is 0 at infinity.
struct Jacobian {
    x: BigUint,
    y: BigUint,
    z: BigUint,
}

impl Domain {
    pub fn new(constants: &Constants) -> Self {
        let number = |words: &[u32]| BigUint::new(words.iter().rev().copied().collect());
        Self {
            prime: number(constants.prime),
            b: number(constants.b),
            order: number(constants.order),
            base: Point { x: number(constants.x), y: number(constants.y) },
        }
    }

    /// Whether both coordinates are below the prime, and the point lies on the curve.
    pub fn has(&self, Point { x, y }: &Point) -> bool {
        *x < self.prime && *y < self.prime && self.square(y) == self.right_side(x)
    }

    /// `x³ - 3x + b`.
    fn right_side(&self, x: &BigUint) -> BigUint {
        let cube = self.times(&self.square(x), x);
        (self.minus(&cube, &(x * 3_u8 % &self.prime)) + &self.b) % &self.prime
    }

    /// That multiple of the base point; `None` is infinity, the multiple 0.
    pub fn multiple(&self, factor: &BigUint) -> Option<Point> {
        let mut sum = Jacobian { x: BigUint::ZERO, y: BigUint::ZERO, z: BigUint::ZERO };
        for bit in (0..factor.bits()).rev() {
            sum = self.double(&sum);
            if factor.bit(bit) {
                sum = self.add_base(sum);
            }
        }
        let inverse = sum.z.modinv(&self.prime)?;
        let square = self.square(&inverse);
        Some(Point { x: self.times(&sum.x, &square), y: self.times(&sum.y, &self.times(&square, &inverse)) })
    }

    fn double(&self, Jacobian { x, y, z }: &Jacobian) -> Jacobian {
        let (zz, yy) = (self.square(z), self.square(y));
        let slope = self.times(&(self.minus(x, &zz) * 3_u8), &(x + &zz));
        let beta = self.times(x, &yy) * 4_u8 % &self.prime;
        let doubled = self.minus(&self.square(&slope), &((&beta << 1_u8) % &self.prime));
        let last = (self.square(&yy) << 3_u8) % &self.prime;
        Jacobian { y: self.minus(&self.times(&slope, &self.minus(&beta, &doubled)), &last), x: doubled, z: ((y * z) << 1_u8) % &self.prime }
    }

    fn add_base(&self, sum: Jacobian) -> Jacobian {
        let Point { x, y } = &self.base;
        let Jacobian { x: x1, y: y1, z } = &sum;
        if *z == BigUint::ZERO {
            return Jacobian { x: x.clone(), y: y.clone(), z: BigUint::from(1_u8) };
        }
        let zz = self.square(z);
        let run = self.minus(&self.times(x, &zz), x1);
        let rise = self.minus(&self.times(y, &self.times(&zz, z)), y1);
        if run == BigUint::ZERO && rise == BigUint::ZERO {
            return self.double(&sum);
        }
        // Of opposite points `run` is 0, and so is the new `z`.
        let run_square = self.square(&run);
        let cube = self.times(&run_square, &run);
        let x_square = self.times(x1, &run_square);
        let x3 = self.minus(&self.minus(&self.square(&rise), &cube), &((&x_square << 1_u8) % &self.prime));
        Jacobian { y: self.minus(&self.times(&rise, &self.minus(&x_square, &x3)), &self.times(y1, &cube)), x: x3, z: self.times(z, &run) }
    }

    fn square(&self, number: &BigUint) -> BigUint {
        self.times(number, number)
    }

    fn times(&self, one: &BigUint, other: &BigUint) -> BigUint {
        one * other % &self.prime
    }

    /// Of numbers below the prime.
    fn minus(&self, from: &BigUint, number: &BigUint) -> BigUint {
        if from >= number { from - number } else { from + &self.prime - number }
    }
}

/// A curve's numbers in 32-bit words, the highest first.
pub struct Constants {
    prime: &'static [u32],
    b: &'static [u32],
    order: &'static [u32],
    x: &'static [u32],
    y: &'static [u32],
}

pub const P224: Constants = Constants {
    prime: &[0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0x0000_0000, 0x0000_0000, 0x0000_0001],
    b: &[0xb405_0a85, 0x0c04_b3ab, 0xf541_3256, 0x5044_b0b7, 0xd7bf_d8ba, 0x270b_3943, 0x2355_ffb4],
    order: &[0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_16a2, 0xe0b8_f03e, 0x13dd_2945, 0x5c5c_2a3d],
    x: &[0xb70e_0cbd, 0x6bb4_bf7f, 0x3213_90b9, 0x4a03_c1d3, 0x56c2_1122, 0x3432_80d6, 0x115c_1d21],
    y: &[0xbd37_6388, 0xb5f7_23fb, 0x4c22_dfe6, 0xcd43_75a0, 0x5a07_4764, 0x44d5_8199, 0x8500_7e34],
};
pub const P256: Constants = Constants {
    prime: &[0xffff_ffff, 0x0000_0001, 0x0000_0000, 0x0000_0000, 0x0000_0000, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
    b: &[0x5ac6_35d8, 0xaa3a_93e7, 0xb3eb_bd55, 0x7698_86bc, 0x651d_06b0, 0xcc53_b0f6, 0x3bce_3c3e, 0x27d2_604b],
    order: &[0xffff_ffff, 0x0000_0000, 0xffff_ffff, 0xffff_ffff, 0xbce6_faad, 0xa717_9e84, 0xf3b9_cac2, 0xfc63_2551],
    x: &[0x6b17_d1f2, 0xe12c_4247, 0xf8bc_e6e5, 0x63a4_40f2, 0x7703_7d81, 0x2deb_33a0, 0xf4a1_3945, 0xd898_c296],
    y: &[0x4fe3_42e2, 0xfe1a_7f9b, 0x8ee7_eb4a, 0x7c0f_9e16, 0x2bce_3357, 0x6b31_5ece, 0xcbb6_4068, 0x37bf_51f5],
};
pub const P384: Constants = Constants {
    prime: &[
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_fffe,
        0xffff_ffff,
        0x0000_0000,
        0x0000_0000,
        0xffff_ffff,
    ],
    b: &[
        0xb331_2fa7,
        0xe23e_e7e4,
        0x988e_056b,
        0xe3f8_2d19,
        0x181d_9c6e,
        0xfe81_4112,
        0x0314_088f,
        0x5013_875a,
        0xc656_398d,
        0x8a2e_d19d,
        0x2a85_c8ed,
        0xd3ec_2aef,
    ],
    order: &[
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xc763_4d81,
        0xf437_2ddf,
        0x581a_0db2,
        0x48b0_a77a,
        0xecec_196a,
        0xccc5_2973,
    ],
    x: &[
        0xaa87_ca22,
        0xbe8b_0537,
        0x8eb1_c71e,
        0xf320_ad74,
        0x6e1d_3b62,
        0x8ba7_9b98,
        0x59f7_41e0,
        0x8254_2a38,
        0x5502_f25d,
        0xbf55_296c,
        0x3a54_5e38,
        0x7276_0ab7,
    ],
    y: &[
        0x3617_de4a,
        0x9626_2c6f,
        0x5d9e_98bf,
        0x9292_dc29,
        0xf8f4_1dbd,
        0x289a_147c,
        0xe9da_3113,
        0xb5f0_b8c0,
        0x0a60_b1ce,
        0x1d7e_819d,
        0x7a43_1d7c,
        0x90ea_0e5f,
    ],
};
pub const P521: Constants = Constants {
    prime: &[
        0x0000_01ff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
    ],
    b: &[
        0x0000_0051,
        0x953e_b961,
        0x8e1c_9a1f,
        0x929a_21a0,
        0xb685_40ee,
        0xa2da_725b,
        0x99b3_15f3,
        0xb8b4_8991,
        0x8ef1_09e1,
        0x5619_3951,
        0xec7e_937b,
        0x1652_c0bd,
        0x3bb1_bf07,
        0x3573_df88,
        0x3d2c_34f1,
        0xef45_1fd4,
        0x6b50_3f00,
    ],
    order: &[
        0x0000_01ff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_fffa,
        0x5186_8783,
        0xbf2f_966b,
        0x7fcc_0148,
        0xf709_a5d0,
        0x3bb5_c9b8,
        0x899c_47ae,
        0xbb6f_b71e,
        0x9138_6409,
    ],
    x: &[
        0x0000_00c6,
        0x858e_06b7,
        0x0404_e9cd,
        0x9e3e_cb66,
        0x2395_b442,
        0x9c64_8139,
        0x053f_b521,
        0xf828_af60,
        0x6b4d_3dba,
        0xa14b_5e77,
        0xefe7_5928,
        0xfe1d_c127,
        0xa2ff_a8de,
        0x3348_b3c1,
        0x856a_429b,
        0xf97e_7e31,
        0xc2e5_bd66,
    ],
    y: &[
        0x0000_0118,
        0x3929_6a78,
        0x9a3b_c004,
        0x5c8a_5fb4,
        0x2c7d_1bd9,
        0x98f5_4449,
        0x579b_4468,
        0x17af_bd17,
        0x273e_662c,
        0x97ee_7299,
        0x5ef4_2640,
        0xc550_b901,
        0x3fad_0761,
        0x353c_7086,
        0xa272_c240,
        0x88be_9476,
        0x9fd1_6650,
    ],
};
