//! AVX2 and FMA: two registers to a vector of 8 f64 or 16 f32.

use std::arch::x86_64::*;

use super::Simd;

/// The processor has AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// A token, where the processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        use std::arch::is_x86_feature_detected as has;
        (has!("avx2") && has!("fma")).then_some(Self(()))
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

impl Simd for Avx2 {
    type F64x8 = [__m256d; 2];
    type F32x8 = __m256;
    type F32x16 = [__m256; 2];

    const FUSES: bool = true;
    const WIDE: bool = false;

    methods! {
        fn splat_64(value: f64) -> [__m256d; 2] { [_mm256_set1_pd(value); 2] }
        fn load_64(from: &[f64; 8]) -> [__m256d; 2] {
            [_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from.as_ptr().add(4))]
        }
        fn store_64(value: [__m256d; 2], to: &mut [f64; 8]) {
            _mm256_storeu_pd(to.as_mut_ptr(), value[0]);
            _mm256_storeu_pd(to.as_mut_ptr().add(4), value[1]);
        }
        fn add_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1])]
        }
        fn sub_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_sub_pd(a[0], b[0]), _mm256_sub_pd(a[1], b[1])]
        }
        fn mul_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_mul_pd(a[0], b[0]), _mm256_mul_pd(a[1], b[1])]
        }
        fn div_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_div_pd(a[0], b[0]), _mm256_div_pd(a[1], b[1])]
        }
        fn sqrt_64(a: [__m256d; 2]) -> [__m256d; 2] { [_mm256_sqrt_pd(a[0]), _mm256_sqrt_pd(a[1])] }
        fn min_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_min_pd(a[0], b[0]), _mm256_min_pd(a[1], b[1])]
        }
        fn max_64(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_max_pd(a[0], b[0]), _mm256_max_pd(a[1], b[1])]
        }
        fn and_64(a: [__m256d; 2], mask: &[u64; 8]) -> [__m256d; 2] {
            let mask = mask.as_ptr().cast::<f64>();
            [_mm256_and_pd(a[0], _mm256_loadu_pd(mask)), _mm256_and_pd(a[1], _mm256_loadu_pd(mask.add(4)))]
        }
        fn at_most_64(a: [__m256d; 2], b: [__m256d; 2]) -> u32 {
            let low = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(a[0], b[0]));
            let high = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(a[1], b[1]));
            (low | high << 4) as u32
        }
        fn least_64(a: [__m256d; 2]) -> (usize, f64) {
            let most = _mm256_set1_pd(f64::INFINITY);
            let a = [_mm256_min_pd(a[0], most), _mm256_min_pd(a[1], most)]; // of a NaN and a number, the second
            let four = _mm256_min_pd(a[0], a[1]);
            let two = _mm_min_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            let one = _mm_min_sd(two, _mm_unpackhi_pd(two, two));
            let all = _mm256_broadcastsd_pd(one);
            let low = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(a[0], all));
            let high = _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_EQ_OQ>(a[1], all));
            ((low | high << 4).trailing_zeros() as usize, _mm_cvtsd_f64(one) + 0.0)
        }
        fn sum_64(a: [__m256d; 2]) -> f64 {
            let four = _mm256_add_pd(a[0], a[1]);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
        fn narrow_64(a: [__m256d; 2]) -> __m256 {
            _mm256_set_m128(_mm256_cvtpd_ps(a[1]), _mm256_cvtpd_ps(a[0]))
        }
        fn splat_8(value: f32) -> __m256 { _mm256_set1_ps(value) }
        fn load_8(from: &[f32; 8]) -> __m256 { _mm256_loadu_ps(from.as_ptr()) }
        fn store_8(value: __m256, to: &mut [f32; 8]) { _mm256_storeu_ps(to.as_mut_ptr(), value) }
        fn sub_8(a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
        fn mul_8(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
        fn sqrt_8(a: __m256) -> __m256 { _mm256_sqrt_ps(a) }
        fn less_8(a: __m256, b: __m256) -> u32 {
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) as u32
        }
        fn splat_16(value: f32) -> [__m256; 2] { [_mm256_set1_ps(value); 2] }
        fn load_16(from: &[f32; 16]) -> [__m256; 2] {
            [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))]
        }
        fn store_16(value: [__m256; 2], to: &mut [f32; 16]) {
            _mm256_storeu_ps(to.as_mut_ptr(), value[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), value[1]);
        }
        fn add_16(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        fn mul_16(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }
        fn fused_16(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] {
            [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
        }
        fn less_16(a: [__m256; 2], b: [__m256; 2]) -> u32 {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0]));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]));
            (low | high << 8) as u32
        }
    }
}
