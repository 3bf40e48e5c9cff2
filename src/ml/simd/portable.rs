//! Vectors as arrays: on every processor, and what the others are compared with.

use std::array::from_fn;

use super::Simd;

/// No instructions are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portable;

#[inline(always)]
fn bits<const N: usize>(mut of: impl FnMut(usize) -> bool) -> u32 {
    let mut bits = 0;
    for lane in 0..N {
        bits |= u32::from(of(lane)) << lane;
    }
    bits
}

impl Simd for Portable {
    type F64x8 = [f64; 8];
    type F32x8 = [f32; 8];
    type F32x16 = [f32; 16];

    const FUSES: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
    const WIDE: bool = false;

    #[inline(always)]
    fn splat_64(self, value: f64) -> [f64; 8] {
        [value; 8]
    }

    #[inline(always)]
    fn load_64(self, from: &[f64; 8]) -> [f64; 8] {
        *from
    }

    #[inline(always)]
    fn store_64(self, value: [f64; 8], to: &mut [f64; 8]) {
        *to = value;
    }

    #[inline(always)]
    fn add_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn sqrt_64(self, a: [f64; 8]) -> [f64; 8] {
        from_fn(|i| a[i].sqrt())
    }

    #[inline(always)]
    fn min_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max_64(self, a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn and_64(self, a: [f64; 8], mask: &[u64; 8]) -> [f64; 8] {
        from_fn(|i| f64::from_bits(a[i].to_bits() & mask[i]))
    }

    #[inline(always)]
    fn at_most_64(self, a: [f64; 8], b: [f64; 8]) -> u32 {
        bits::<8>(|i| a[i] <= b[i])
    }

    #[inline(always)]
    fn least_64(self, a: [f64; 8]) -> (usize, f64) {
        let mut least = (0, f64::INFINITY);
        for (place, &value) in a.iter().enumerate() {
            if value < least.1 {
                least = (place, value);
            }
        }
        (least.0, least.1 + 0.0) // one sign of zero
    }

    #[inline(always)]
    fn sum_64(self, a: [f64; 8]) -> f64 {
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }

    #[inline(always)]
    fn narrow_64(self, a: [f64; 8]) -> [f32; 8] {
        a.map(|value| value as f32)
    }

    #[inline(always)]
    fn splat_8(self, value: f32) -> [f32; 8] {
        [value; 8]
    }

    #[inline(always)]
    fn load_8(self, from: &[f32; 8]) -> [f32; 8] {
        *from
    }

    #[inline(always)]
    fn store_8(self, value: [f32; 8], to: &mut [f32; 8]) {
        *to = value;
    }

    #[inline(always)]
    fn sub_8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul_8(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn sqrt_8(self, a: [f32; 8]) -> [f32; 8] {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn less_8(self, a: [f32; 8], b: [f32; 8]) -> u32 {
        bits::<8>(|i| a[i] < b[i])
    }

    #[inline(always)]
    fn splat_16(self, value: f32) -> [f32; 16] {
        [value; 16]
    }

    #[inline(always)]
    fn load_16(self, from: &[f32; 16]) -> [f32; 16] {
        *from
    }

    #[inline(always)]
    fn store_16(self, value: [f32; 16], to: &mut [f32; 16]) {
        *to = value;
    }

    #[inline(always)]
    fn add_16(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn mul_16(self, a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn fused_16(self, a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        from_fn(|i| a[i].mul_add(b[i], c[i]))
    }

    #[inline(always)]
    fn less_16(self, a: [f32; 16], b: [f32; 16]) -> u32 {
        bits::<16>(|i| a[i] < b[i])
    }
}
