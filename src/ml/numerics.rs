//! Which instructions the matrix products of a model run on.

use super::simd::Level;
use crate::param::words;

words! {
    /// Instructions of the matrix products. They decide how fast a result comes, not what it is: every kernel gives the
    /// same bits on all of them.
    pub enum Numerics {
        /// What every processor has.
        Portable = "portable",
        /// 8-wide fused multiply-add (AVX2 and FMA).
        Avx2 = "avx2",
        /// 16-wide fused multiply-add (AVX-512).
        Avx512 = "avx512",
    }
}

impl Numerics {
    /// The best of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::of(Level::best())
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn available(self) -> bool {
        self.level().is_some()
    }

    /// The kernels' name of it, where this processor has it.
    pub(super) fn level(self) -> Option<Level> {
        Level::all().into_iter().find(|&level| Self::of(level) == self)
    }

    fn of(level: Level) -> Self {
        match level {
            Level::Portable(_) => Self::Portable,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => Self::Avx2,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => Self::Avx512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_is_always_there_and_so_is_what_is_detected() {
        assert!(Numerics::Portable.available() && Numerics::detect().available());
        assert!(Numerics::Avx2.available() || !Numerics::Avx512.available());
        assert_eq!(Numerics::Avx2.word(), "avx2");
    }
}
