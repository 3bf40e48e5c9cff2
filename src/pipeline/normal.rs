//! The quantile function of the standard normal distribution: Wichura 1988, "Algorithm AS 241: The percentage points
//! of the normal distribution" (PPND16, about 16 digits). Coefficients run from the highest power of the argument.

const CENTRE_NUM: [f64; 8] = [
    2509.0809287301227,
    33430.57558358813,
    67265.7709270087,
    45921.95393154987,
    13731.69376550946,
    1971.5909503065513,
    133.14166789178438,
    3.3871328727963665,
];
const CENTRE_DEN: [f64; 8] = [
    5226.495278852854,
    28729.085735721943,
    39307.89580009271,
    21213.794301586597,
    5394.196021424751,
    687.1870074920579,
    42.31333070160091,
    1.0,
];
const MIDDLE_NUM: [f64; 8] = [
    0.0007745450142783414,
    0.022723844989269184,
    0.2417807251774506,
    1.2704582524523684,
    3.6478483247632045,
    5.769497221460691,
    4.630337846156546,
    1.4234371107496835,
];
const MIDDLE_DEN: [f64; 8] = [
    1.0507500716444169e-9,
    0.0005475938084995345,
    0.015198666563616457,
    0.14810397642748008,
    0.6897673349851,
    1.6763848301838038,
    2.053191626637759,
    1.0,
];
const TAIL_NUM: [f64; 8] = [
    2.0103343992922881e-7,
    2.7115555687434876e-5,
    0.0012426609473880784,
    0.026532189526576124,
    0.29656057182850487,
    1.7848265399172913,
    5.463784911164114,
    6.657904643501103,
];
const TAIL_DEN: [f64; 8] = [
    2.0442631033899397e-15,
    1.421511758316446e-7,
    1.8463183175100548e-5,
    0.0007868691311456133,
    0.014875361290850615,
    0.1369298809227358,
    0.599832206555888,
    1.0,
];

fn polynomial(coefficients: &[f64; 8], r: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * r + c)
}

/// The value that a standard normal number lies under with probability `p`; infinite at 0 and 1.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE_NUM, r) / polynomial(&CENTRE_DEN, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return q.signum() * f64::INFINITY;
    }
    let r = (-tail.ln()).sqrt();
    let x = if r <= 5.0 {
        polynomial(&MIDDLE_NUM, r - 1.6) / polynomial(&MIDDLE_DEN, r - 1.6)
    } else {
        polynomial(&TAIL_NUM, r - 5.0) / polynomial(&TAIL_DEN, r - 5.0)
    };
    if q < 0.0 { -x } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1, `scipy.stats.norm.ppf`.
    #[test]
    fn equals_scipy() {
        let want = [
            (1e-7, -5.199_337_582_192_816_5),
            (0.01, -2.326_347_874_040_840_8),
            (0.2, -0.841_621_233_572_914_2),
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_7),
            (0.95, 1.644_853_626_951_472_2),
            (1.0 - 1e-7, 5.199_337_582_290_661),
        ];
        for (p, x) in want {
            assert!((normal_quantile(p) - x).abs() < 1e-12, "{p}: {} instead of {x}", normal_quantile(p));
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }
}
