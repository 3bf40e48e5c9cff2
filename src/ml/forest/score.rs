//! What a split is judged by: counts stay integers, weights and logarithms come in at evaluation.

/// A split being scanned: it starts with all rows on the right, and moves them to the left.
///
/// Of the splits of one node the one of highest [`Score::value`] has the lowest summed impurity of its children (the
/// value is the part of scikit-learn's `proxy_impurity_improvement` that differs between splits).
pub(super) trait Score: Send {
    /// All `total` (rows by class) on the right.
    fn start(&mut self, total: &[u32]);
    /// Moves `count` rows of a class to the left.
    fn shift(&mut self, class: usize, count: u32);
    /// How good the split is; both sides must have a row.
    fn value(&self) -> f64;
    /// Rows on the left by class.
    fn left(&self) -> &[u32];
    /// The impurity of a node with these rows by class, times its weight.
    fn impurity(&self, counts: &[u32]) -> f64;
    /// The weight of one row of each class.
    fn weight(&self, class: usize) -> f64;
    /// Whether this is [`Gini`], which has ways of its own.
    fn is_plain_gini(&self) -> bool {
        false
    }
}

/// Gini impurity where every row counts 1: sums of squares in integers, updated per row.
#[derive(Clone, Default)]
pub(super) struct Gini {
    left: Vec<u32>,
    right: Vec<u32>,
    rows: [u64; 2],
    squares: [u64; 2],
}

impl Score for Gini {
    fn start(&mut self, total: &[u32]) {
        self.left.clear();
        self.left.resize(total.len(), 0);
        self.right.clear();
        self.right.extend_from_slice(total);
        self.rows = [0, total.iter().map(|&n| u64::from(n)).sum()];
        self.squares = [0, total.iter().map(|&n| u64::from(n) * u64::from(n)).sum()];
    }

    #[inline]
    fn shift(&mut self, class: usize, count: u32) {
        let k = u64::from(count);
        let (l, r) = (u64::from(self.left[class]), u64::from(self.right[class]));
        self.left[class] += count;
        self.right[class] -= count;
        self.rows[0] += k;
        self.rows[1] -= k;
        self.squares[0] += k * (2 * l + k);
        self.squares[1] -= k * (2 * r - k);
    }

    #[inline]
    fn value(&self) -> f64 {
        // sl/wl + sr/wr over one denominator.
        let [wl, wr] = self.rows.map(|n| n as f64);
        let [sl, sr] = self.squares.map(|n| n as f64);
        (sl * wr + sr * wl) / (wl * wr)
    }

    fn left(&self) -> &[u32] {
        &self.left
    }

    fn impurity(&self, counts: &[u32]) -> f64 {
        let rows: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let squares: u64 = counts.iter().map(|&n| u64::from(n) * u64::from(n)).sum();
        rows as f64 - squares as f64 / rows as f64
    }

    fn weight(&self, _class: usize) -> f64 {
        1.0
    }

    fn is_plain_gini(&self) -> bool {
        true
    }
}

/// Gini impurity with class weights.
#[derive(Clone)]
pub(super) struct WeightedGini {
    counts: Counts,
    weights: Vec<f64>,
}

impl WeightedGini {
    /// `weights` by class.
    pub fn new(weights: Vec<f64>) -> Self {
        Self { counts: Counts::default(), weights }
    }

    /// Sum of weights and sum of their squares over the classes.
    fn sums(&self, counts: &[u32]) -> (f64, f64) {
        counts.iter().zip(&self.weights).fold((0.0, 0.0), |(sum, squares), (&n, w)| {
            let v = f64::from(n) * w;
            (sum + v, squares + v * v)
        })
    }
}

impl Score for WeightedGini {
    fn start(&mut self, total: &[u32]) {
        self.counts.start(total);
    }

    #[inline]
    fn shift(&mut self, class: usize, count: u32) {
        self.counts.shift(class, count);
    }

    fn value(&self) -> f64 {
        let (wl, sl) = self.sums(&self.counts.left);
        let (wr, sr) = self.sums(&self.counts.right);
        sl / wl + sr / wr
    }

    fn left(&self) -> &[u32] {
        &self.counts.left
    }

    fn impurity(&self, counts: &[u32]) -> f64 {
        let (sum, squares) = self.sums(counts);
        sum - squares / sum
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights[class]
    }
}

/// Shannon entropy in bits.
#[derive(Clone)]
pub(super) struct Entropy {
    counts: Counts,
    /// `None`: every row counts 1.
    weights: Option<Vec<f64>>,
    /// `n log2 n` of small whole numbers.
    table: Vec<f64>,
}

impl Entropy {
    /// `weights` by class, `None` where every row counts 1; `rows` is how many there are at most.
    pub fn new(weights: Option<Vec<f64>>, rows: usize) -> Self {
        let size = if weights.is_none() { rows.saturating_add(1).min(1 << 14) } else { 0 };
        let table = (0..size).map(|n| x_log2(n as f64)).collect();
        Self { counts: Counts::default(), weights, table }
    }

    fn term(&self, rows: u64) -> f64 {
        self.table.get(rows as usize).copied().unwrap_or_else(|| x_log2(rows as f64))
    }

    /// W log2 W - sum of w log2 w: the weight times the entropy.
    fn burden(&self, counts: &[u32]) -> f64 {
        match &self.weights {
            None => {
                let rows: u64 = counts.iter().map(|&n| u64::from(n)).sum();
                self.term(rows) - counts.iter().map(|&n| self.term(u64::from(n))).sum::<f64>()
            }
            Some(weights) => {
                let (sum, terms) = counts.iter().zip(weights).fold((0.0, 0.0), |(sum, terms), (&n, w)| {
                    let v = f64::from(n) * w;
                    (sum + v, terms + x_log2(v))
                });
                x_log2(sum) - terms
            }
        }
    }
}

impl Score for Entropy {
    fn start(&mut self, total: &[u32]) {
        self.counts.start(total);
    }

    #[inline]
    fn shift(&mut self, class: usize, count: u32) {
        self.counts.shift(class, count);
    }

    fn value(&self) -> f64 {
        -(self.burden(&self.counts.left) + self.burden(&self.counts.right))
    }

    fn left(&self) -> &[u32] {
        &self.counts.left
    }

    fn impurity(&self, counts: &[u32]) -> f64 {
        self.burden(counts)
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[class])
    }
}

#[derive(Clone, Default)]
struct Counts {
    left: Vec<u32>,
    right: Vec<u32>,
}

impl Counts {
    fn start(&mut self, total: &[u32]) {
        self.left.clear();
        self.left.resize(total.len(), 0);
        self.right.clear();
        self.right.extend_from_slice(total);
    }

    #[inline]
    fn shift(&mut self, class: usize, count: u32) {
        self.left[class] += count;
        self.right[class] -= count;
    }
}

/// `x log2 x`, 0 at 0.
fn x_log2(x: f64) -> f64 {
    if x > 0.0 { x * ln(x) * std::f64::consts::LOG2_E } else { 0.0 }
}

/// The natural logarithm of a positive, normal number, to within 1 unit in the last place and with the same bits on
/// every processor, which the system's own does not promise (the method and constants of FDLIBM's `__ieee754_log`, Sun
/// Microsystems 1993).
fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const L: [f64; 7] = [
        6.666_666_666_666_735e-1,
        3.999_999_999_940_942e-1,
        2.857_142_874_366_239e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    // x = 2^k (1 + f) with 1 + f between sqrt(2)/2 and sqrt(2).
    const LEAST: u64 = 0x3fe6_a09e_0000_0000;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    let shifted = x.to_bits() + (ONE - LEAST);
    let k = (shifted >> 52) as f64 - 1023.0;
    let f = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + LEAST) - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (L[1] + w * (L[3] + w * L[5]));
    let odd = z * (L[0] + w * (L[2] + w * (L[4] + w * L[6])));
    k * LN2_HIGH - ((half - (s * (half + even + odd) + k * LN2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_is_right() {
        assert_eq!(ln(1.0), 0.0);
        for i in 1..200_000_u32 {
            let x = f64::from(i) * 0.037;
            let (ours, system) = (ln(x), x.ln());
            assert!((ours - system).abs() <= 3e-16 * system.abs().max(1e-3), "ln {x}: {ours} {system}");
        }
        assert!((ln(1e300) - 1e300_f64.ln()).abs() < 2e-13);
    }

    fn shifted<S: Score>(mut score: S) -> S {
        score.start(&[6, 3, 1]);
        score.shift(0, 4);
        score.shift(1, 1);
        score.shift(0, 1);
        score
    }

    #[test]
    fn values_by_hand() {
        // left 5, 1, 0; right 1, 2, 1
        let gini = shifted(Gini::default());
        assert_eq!(gini.left(), [5, 1, 0]);
        assert!((gini.value() - (26.0 / 6.0 + 6.0 / 4.0)).abs() < 1e-14);
        assert!((gini.impurity(&[6, 3, 1]) - 10.0 * (1.0 - 0.46)).abs() < 1e-14);
        let weighted = shifted(WeightedGini::new(vec![0.5, 2.0, 1.0]));
        assert!((weighted.value() - (10.25 / 4.5 + 17.25 / 5.5)).abs() < 1e-14);
        let entropy = shifted(Entropy::new(None, 10));
        let h = |p: &[f64]| -p.iter().filter(|&&p| p > 0.0).map(|p| p * p.log2()).sum::<f64>();
        let want = -(6.0 * h(&[5.0 / 6.0, 1.0 / 6.0]) + 4.0 * h(&[0.25, 0.5, 0.25]));
        assert!((entropy.value() - want).abs() < 1e-13);
        let same = shifted(Entropy::new(Some(vec![1.0; 3]), 10));
        assert!((same.value() - want).abs() < 1e-13);
    }
}
