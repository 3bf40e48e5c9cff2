//! AVX-512: one register to a vector.

use std::arch::x86_64::*;

use super::Simd;

/// The processor has AVX-512 F, BW, DQ and VL, AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// A token, where the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        use std::arch::is_x86_feature_detected as has;
        let all = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        (all && has!("avx2") && has!("fma")).then_some(Self(()))
    }
}

/// Methods that are one expression of instructions.
///
/// SAFETY of all of them: `self` exists only where the processor has the instructions; they compute with values, and
/// loads and stores move exactly the bytes of the array that a reference was given to.
macro_rules! methods {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? $body:block)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($arg: $ty),*) $(-> $out)? {
                // SAFETY: see above.
                unsafe { $body }
            }
        )*
    };
}

impl Simd for Avx512 {
    type F64x8 = __m512d;
    type F32x8 = __m256;
    type F32x16 = __m512;

    const FUSES: bool = true;
    const WIDE: bool = true;

    methods! {
        fn splat_64(value: f64) -> __m512d { _mm512_set1_pd(value) }
        fn load_64(from: &[f64; 8]) -> __m512d { _mm512_loadu_pd(from.as_ptr()) }
        fn store_64(value: __m512d, to: &mut [f64; 8]) { _mm512_storeu_pd(to.as_mut_ptr(), value) }
        fn add_64(a: __m512d, b: __m512d) -> __m512d { _mm512_add_pd(a, b) }
        fn sub_64(a: __m512d, b: __m512d) -> __m512d { _mm512_sub_pd(a, b) }
        fn mul_64(a: __m512d, b: __m512d) -> __m512d { _mm512_mul_pd(a, b) }
        fn div_64(a: __m512d, b: __m512d) -> __m512d { _mm512_div_pd(a, b) }
        fn sqrt_64(a: __m512d) -> __m512d { _mm512_sqrt_pd(a) }
        fn min_64(a: __m512d, b: __m512d) -> __m512d { _mm512_min_pd(a, b) }
        fn max_64(a: __m512d, b: __m512d) -> __m512d { _mm512_max_pd(a, b) }
        fn and_64(a: __m512d, mask: &[u64; 8]) -> __m512d {
            _mm512_and_pd(a, _mm512_castsi512_pd(_mm512_loadu_si512(mask.as_ptr().cast())))
        }
        fn at_most_64(a: __m512d, b: __m512d) -> u32 { u32::from(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b)) }
        fn least_64(a: __m512d) -> (usize, f64) {
            let a = _mm512_min_pd(a, _mm512_set1_pd(f64::INFINITY)); // of a NaN and a number, the second
            let four = _mm256_min_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a));
            let two = _mm_min_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            let one = _mm_min_sd(two, _mm_unpackhi_pd(two, two));
            let places = _mm512_cmp_pd_mask::<_CMP_EQ_OQ>(a, _mm512_broadcastsd_pd(one));
            (places.trailing_zeros() as usize, _mm_cvtsd_f64(one) + 0.0)
        }
        fn sum_64(a: __m512d) -> f64 {
            let four = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a));
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
        fn narrow_64(a: __m512d) -> __m256 { _mm512_cvtpd_ps(a) }
        fn splat_8(value: f32) -> __m256 { _mm256_set1_ps(value) }
        fn load_8(from: &[f32; 8]) -> __m256 { _mm256_loadu_ps(from.as_ptr()) }
        fn store_8(value: __m256, to: &mut [f32; 8]) { _mm256_storeu_ps(to.as_mut_ptr(), value) }
        fn sub_8(a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
        fn mul_8(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
        fn sqrt_8(a: __m256) -> __m256 { _mm256_sqrt_ps(a) }
        fn less_8(a: __m256, b: __m256) -> u32 { u32::from(_mm256_cmp_ps_mask::<_CMP_LT_OQ>(a, b)) }
        fn splat_16(value: f32) -> __m512 { _mm512_set1_ps(value) }
        fn load_16(from: &[f32; 16]) -> __m512 { _mm512_loadu_ps(from.as_ptr()) }
        fn store_16(value: __m512, to: &mut [f32; 16]) { _mm512_storeu_ps(to.as_mut_ptr(), value) }
        fn add_16(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn mul_16(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn fused_16(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
        fn less_16(a: __m512, b: __m512) -> u32 { u32::from(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b)) }
    }
}
