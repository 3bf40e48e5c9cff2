//! Which arithmetic a result was computed with: part of the recipe of every step whose bytes depend on it.

use crate::param::words;

words! {
    /// Arithmetic of the matrix products in models whose bytes depend on it.
    pub enum Numerics {
        /// Plain f32 in a fixed order: the same bytes on every processor.
        Portable = "portable",
        /// 8-wide fused multiply-add (AVX2 and FMA).
        Avx2 = "avx2",
        /// 16-wide fused multiply-add (AVX-512F).
        Avx512 = "avx512",
    }
}

impl Numerics {
    /// What the fast matrix product (`matrixmultiply` 0.3 with its feature `avx512`) uses on this processor. Where it
    /// knows neither AVX-512F nor AVX2 with FMA, this is [`Numerics::Portable`], which is then what runs.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Whether this processor can give it: [`Numerics::Portable`] always, another one only where it is detected.
    #[must_use]
    pub fn available(self) -> bool {
        self == Self::Portable || self == Self::detect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_is_always_there_and_only_one_other() {
        assert!(Numerics::Portable.available() && Numerics::detect().available());
        assert!(!(Numerics::Avx2.available() && Numerics::Avx512.available()));
        assert_eq!(Numerics::Avx2.word(), "avx2");
    }
}
