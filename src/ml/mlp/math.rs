//! Elementary functions from additions, multiplications and divisions only: the same bits on every processor and with
//! every C library, and simple enough for the compiler to vectorise. Bounds hold for all finite arguments.

// Coefficients and reductions are those of the Cephes library (S. L. Moshier, `expf`, `tanhf`).

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// Adding and taking away 1.5 * 2^23 rounds to a whole number; the sum's low bits are that number.
const ROUND: f32 = 12_582_912.0;

/// `e^x` with a relative error under 2e-7. Arguments are held to `[-87.3, 88.3]`, so the result is never 0 nor
/// infinite.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.3, 88.3);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = (p * (r * r) + r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    y * f32::from_bits(exponent << 23)
}

/// `1 / (1 + e^-x)` with a relative error under 4e-7.
#[inline(always)]
pub fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `tanh(x)` with a relative error under 4e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    let s = x * x;
    let mut p = -5.704_988_7e-3_f32;
    p = p * s + 2.063_909e-2;
    p = p * s - 5.373_972e-2;
    p = p * s + 1.333_144_2e-1;
    p = p * s - 3.333_328e-1;
    let near = p * s * x + x;
    if a < 0.625 { near } else { far.copysign(x) }
}

/// `e^x` in f64 with a relative error under 4e-16; arguments are held to `[-708, 709]`.
#[inline]
pub fn exp64(x: f64) -> f64 {
    let x = x.clamp(-708.0, 709.0);
    let round = 6_755_399_441_055_744.0; // 1.5 * 2^52
    let shifted = x * std::f64::consts::LOG2_E + round;
    let n = shifted - round;
    let r = (x - n * 6.931_471_803_691_238e-1) - n * 1.908_214_929_270_587_7e-10;
    // Taylor's series to r^13: |r| <= ln(2)/2, so the rest is under 5e-18.
    let mut p = 1.0;
    for k in (1..=13).rev() {
        p = p * r / f64::from(k) + 1.0;
    }
    let exponent = shifted.to_bits().wrapping_sub(round.to_bits()).wrapping_add(1023);
    p * f64::from_bits(exponent << 52)
}

/// Natural logarithm of a positive normal number, with an absolute error under 4e-16 near 1 and a relative error
/// under 4e-16 elsewhere.
#[inline]
pub fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    // ln m = 2 artanh(s): |s| <= 0.1716, so terms after s^21 are under 1e-18.
    let s = (m - 1.0) / (m + 1.0);
    let (s2, mut p) = (s * s, 0.0);
    for k in (0..=10).rev() {
        p = p * s2 + 1.0 / f64::from(2 * k + 1);
    }
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * p
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
        (0..=200_000).map(|i| of(from + (to - from) * f64::from(i) / 200_000.0)).fold(0.0, f64::max)
    }

    fn relative(got: f64, want: f64) -> f64 {
        if want == 0.0 { got.abs() } else { ((got - want) / want).abs() }
    }

    #[test]
    fn errors_stay_under_the_stated_bounds() {
        let e = worst(-87.0, 88.0, |x| relative(exp(x as f32).into(), f64::from(x as f32).exp()));
        assert!(e < 2e-7, "exp {e}");
        let e = worst(-80.0, 80.0, |x| relative(logistic(x as f32).into(), 1.0 / (1.0 + (-f64::from(x as f32)).exp())));
        assert!(e < 4e-7, "logistic {e}");
        let e = worst(-12.0, 12.0, |x| relative(tanh(x as f32).into(), f64::from(x as f32).tanh()));
        assert!(e < 4e-7, "tanh {e}");
        let e = worst(-700.0, 700.0, |x| relative(exp64(x), x.exp()));
        assert!(e < 4e-16, "exp64 {e}");
        let e = worst(-40.0, 40.0, |x| (ln(x.exp()) - x.exp().ln()).abs() / x.abs().max(1.0));
        assert!(e < 4e-16, "ln {e}");
    }

    #[test]
    fn the_ends_are_tame() {
        assert!(exp(-1e30) > 0.0 && exp(1e30).is_finite() && exp64(-1e300) > 0.0);
        assert_eq!((exp(0.0), tanh(0.0), logistic(0.0), exp64(0.0), ln(1.0)), (1.0, 0.0, 0.5, 1.0, 0.0));
        assert_eq!((tanh(50.0), tanh(-50.0)), (1.0, -1.0));
    }
}
