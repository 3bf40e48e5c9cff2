//! Every operation at every level against [`Portable`], on ordinary and on odd numbers.

use super::*;
use crate::digest::Seed;
use crate::ml::random::Rng;

/// What all operations give for these operands, as bits.
macro_rules! results {
    ($simd:ident, $a:ident, $b:ident, $c:ident, $mask:ident) => {{
        let mut out: Vec<u64> = Vec::new();
        let (mut eight, mut narrow, mut wide) = ([0.0; 8], [0.0_f32; 8], [0.0_f32; 16]);
        let [x, y] = [$simd.load_64(&$a), $simd.load_64(&$b)];
        let all = [
            $simd.splat_64($a[3]),
            $simd.add_64(x, y),
            $simd.sub_64(x, y),
            $simd.mul_64(x, y),
            $simd.div_64(x, y),
            $simd.sqrt_64(x),
            $simd.min_64(x, y),
            $simd.max_64(x, y),
            $simd.and_64(x, $mask),
        ];
        for value in all {
            $simd.store_64(value, &mut eight);
            out.extend(eight.map(f64::to_bits));
        }
        let (place, least) = $simd.least_64(x);
        let sum = $simd.sum_64(x);
        out.extend([u64::from($simd.at_most_64(x, y)), place as u64, least.to_bits(), sum.to_bits()]);
        let [p, q] = [$simd.narrow_64(x), $simd.narrow_64(y)];
        let all = [$simd.splat_8($a[1] as f32), p, q, $simd.sub_8(p, q), $simd.mul_8(p, q), $simd.sqrt_8(p)];
        for value in all {
            $simd.store_8(value, &mut narrow);
            $simd.store_8($simd.load_8(&narrow.clone()), &mut narrow);
            out.extend(narrow.map(|v| u64::from(v.to_bits())));
        }
        out.push(u64::from($simd.less_8(p, q)));
        let [p, q, r] =
            [$simd.load_16(&sixteen($a, $b)), $simd.load_16(&sixteen($b, $c)), $simd.load_16(&sixteen($c, $a))];
        let all = [$simd.splat_16($a[2] as f32), $simd.add_16(p, q), $simd.mul_16(p, q), $simd.fused_16(p, q, r)];
        for value in all {
            $simd.store_16(value, &mut wide);
            out.extend(wide.map(|v| u64::from(v.to_bits())));
        }
        out.push(u64::from($simd.less_16(p, q)));
        out
    }};
}

fn sixteen(a: &[f64; 8], b: &[f64; 8]) -> [f32; 16] {
    std::array::from_fn(|i| if i < 8 { a[i] as f32 } else { b[i - 8] as f32 })
}

leveled! {
    fn at<S>(simd, a: &[f64; 8], b: &[f64; 8], c: &[f64; 8], mask: &[u64; 8]) -> Vec<u64> {
        results!(simd, a, b, c, mask)
    }
}

/// NaN has many bit patterns, and which one comes out is nobody's promise.
fn canonical(bits: Vec<u64>) -> Vec<u64> {
    let wide = |b: u64| if f64::from_bits(b).is_nan() { f64::NAN.to_bits() } else { b };
    let narrow = |b: u64| match u32::try_from(b) {
        Ok(low) if f32::from_bits(low).is_nan() => u64::from(f32::NAN.to_bits()),
        _ => wide(b),
    };
    bits.into_iter().map(narrow).collect()
}

#[test]
fn every_level_gives_the_bits_of_the_portable_one() {
    let mut rng = Rng::new(Seed::new(4));
    let odd = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, -1e-300, 5e-324, 1.0, 1.0];
    for round in 0..4000 {
        let mut draw = || -> [f64; 8] {
            std::array::from_fn(|_| match round % 4 {
                0 => rng.normal(),
                1 => rng.below(4) as f64 - 1.0,
                2 => rng.normal() * 10f64.powi(rng.below(80) as i32 - 40),
                _ => odd[rng.index(odd.len())],
            })
        };
        let (a, b, c) = (draw(), draw(), draw());
        let mask = std::array::from_fn(|_| if rng.below(2) == 0 { 0 } else { u64::MAX });
        let want = canonical(at(Level::all()[0], &a, &b, &c, &mask));
        for level in Level::all() {
            assert_eq!(canonical(at(level, &a, &b, &c, &mask)), want, "{level:?} {a:?} {b:?} {c:?}");
        }
    }
    assert_eq!(Level::all().last(), Some(&Level::best()));
}

#[test]
fn the_least_is_the_first_of_equals_and_never_nan() {
    for level in Level::all() {
        let least = |a: [f64; 8]| {
            leveled! {
                fn least<S>(simd, a: &[f64; 8]) -> (usize, f64) {
                    simd.least_64(simd.load_64(a))
                }
            }
            least(level, &a)
        };
        const NAN: f64 = f64::NAN;
        const INF: f64 = f64::INFINITY;
        assert_eq!(least([3.0, 1.0, 2.0, 1.0, 1.0, 9.0, 1.0, 1.0]), (1, 1.0));
        assert_eq!(least([3.0, 3.0, 2.0, 3.0, 4.0, 9.0, 1.0, 1.0]), (6, 1.0));
        assert_eq!(least([NAN, NAN, 2.0, NAN, INF, 9.0, NAN, 2.0]), (2, 2.0));
        assert_eq!(least([INF, NAN, INF, NAN, INF, INF, NAN, INF]), (0, INF));
        assert_eq!(least([NAN; 8]), (0, INF));
        assert_eq!(least([0.0, -0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]).0, 0, "{level:?}");
    }
}

#[test]
fn a_prefetch_does_nothing() {
    prefetch(&[1.0; 40]);
    prefetch::<f64>(&[]);
}
