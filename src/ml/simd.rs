//! Vectors of fixed lengths, on whatever instructions the processor has.
//!
//! A kernel is written once, over vectors of 8 f64, 8 f32 or 16 f32, and compiled for every [`Level`]; which one runs is
//! decided when the program runs. The length of a vector never depends on the level, every operation rounds as IEEE 754
//! says, and nothing is reordered: a kernel gives the same bits at every level. A fused multiply-add is defined to the
//! last bit too; where the processor has no instruction for it, it is a slow library call.
//!
//! All `unsafe` code of the kernels is in this file and the two beside it: see `docs/unsafe.md`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// Operations on vectors. A value of an implementing type is the proof that the processor has its instructions.
pub(crate) trait Simd: Copy {
    /// 8 f64.
    type F64x8: Copy;
    /// 8 f32.
    type F32x8: Copy;
    /// 16 f32.
    type F32x16: Copy;

    /// Whether [`Simd::fused_16`] is an instruction.
    const FUSES: bool;
    /// Whether there are registers for a tile of 8 x 3 vectors of 16 f32.
    const WIDE: bool;

    fn splat_64(self, value: f64) -> Self::F64x8;
    fn load_64(self, from: &[f64; 8]) -> Self::F64x8;
    fn store_64(self, value: Self::F64x8, to: &mut [f64; 8]);
    fn add_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    fn sub_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    fn mul_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    fn div_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    fn sqrt_64(self, a: Self::F64x8) -> Self::F64x8;
    /// By lane, `a` where it is smaller, else `b`.
    fn min_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    /// By lane, `a` where it is greater, else `b`.
    fn max_64(self, a: Self::F64x8, b: Self::F64x8) -> Self::F64x8;
    /// The lanes of `a` whose bit is set in the mask of their lane; 0 elsewhere, where a mask has no bit set.
    fn and_64(self, a: Self::F64x8, mask: &[u64; 8]) -> Self::F64x8;
    /// Bit `i` is set where lane `i` of `a` is at most that of `b`.
    fn at_most_64(self, a: Self::F64x8, b: Self::F64x8) -> u32;
    /// The least lane and its place, the first of equals. A NaN counts as infinity, and a zero comes out as +0.
    fn least_64(self, a: Self::F64x8) -> (usize, f64);
    /// The sum of the lanes: `((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))`.
    fn sum_64(self, a: Self::F64x8) -> f64;
    /// To f32, rounded to the nearest.
    fn narrow_64(self, a: Self::F64x8) -> Self::F32x8;

    fn splat_8(self, value: f32) -> Self::F32x8;
    fn load_8(self, from: &[f32; 8]) -> Self::F32x8;
    fn store_8(self, value: Self::F32x8, to: &mut [f32; 8]);
    fn sub_8(self, a: Self::F32x8, b: Self::F32x8) -> Self::F32x8;
    fn mul_8(self, a: Self::F32x8, b: Self::F32x8) -> Self::F32x8;
    fn sqrt_8(self, a: Self::F32x8) -> Self::F32x8;
    /// Bit `i` is set where lane `i` of `a` is less than that of `b`.
    fn less_8(self, a: Self::F32x8, b: Self::F32x8) -> u32;

    fn splat_16(self, value: f32) -> Self::F32x16;
    fn load_16(self, from: &[f32; 16]) -> Self::F32x16;
    fn store_16(self, value: Self::F32x16, to: &mut [f32; 16]);
    fn add_16(self, a: Self::F32x16, b: Self::F32x16) -> Self::F32x16;
    fn mul_16(self, a: Self::F32x16, b: Self::F32x16) -> Self::F32x16;
    /// `a * b + c`, rounded once.
    fn fused_16(self, a: Self::F32x16, b: Self::F32x16, c: Self::F32x16) -> Self::F32x16;
    /// Bit `i` is set where lane `i` of `a` is less than that of `b`.
    fn less_16(self, a: Self::F32x16, b: Self::F32x16) -> u32;
}

/// Instructions that a kernel is compiled for. A value exists only for what this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the target has.
    Portable(Portable),
    /// AVX2 and FMA: registers of 4 f64 or 8 f32.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 (F, BW, DQ, VL): registers of 8 f64 or 16 f32.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Level {
    /// All that this processor has, the least first.
    pub(crate) fn all() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut all = vec![Self::Portable(Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx2::detect().map(Self::Avx2));
            all.extend(Avx512::detect().map(Self::Avx512));
        }
        all
    }

    /// The best one of this processor.
    pub(crate) fn best() -> Self {
        static BEST: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::all().pop().unwrap_or(Self::Portable(Portable)))
    }
}

/// Defines a function whose first argument is a [`Level`], from a body that is generic over [`Simd`] and gets a value of
/// it. What the body calls must be `#[inline(always)]`, to be compiled with it.
macro_rules! leveled {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$simd:ident>(
        $token:ident, $($arg:ident: $ty:ty),* $(,)?
    ) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name(level: $crate::ml::simd::Level, $($arg: $ty),*) $(-> $out)? {
            #[inline(always)]
            fn body<$simd: $crate::ml::simd::Simd>($token: $simd, $($arg: $ty),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2(token: $crate::ml::simd::Avx2, $($arg: $ty),*) $(-> $out)? {
                body(token, $($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512(token: $crate::ml::simd::Avx512, $($arg: $ty),*) $(-> $out)? {
                body(token, $($arg),*)
            }
            match level {
                $crate::ml::simd::Level::Portable(token) => body(token, $($arg),*),
                // SAFETY: a token exists only where the processor has these features.
                #[cfg(target_arch = "x86_64")]
                $crate::ml::simd::Level::Avx2(token) => unsafe { avx2(token, $($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::ml::simd::Level::Avx512(token) => unsafe { avx512(token, $($arg),*) },
            }
        }
    };
}
pub(crate) use leveled;

/// Asks for the cache lines of `values` to be loaded; changes nothing else.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is inside `values`, and a prefetch reads nothing that the program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests;
