//! How far probabilities can be taken at their word: Brier score and expected calibration error.

use ndarray::ArrayView2;

use super::Value;

/// Bins of the expected calibration error.
const BINS: usize = 15;
/// How far above 1 a sum of probabilities may be rounded.
const ROUNDING: f64 = 1e-9;

/// Why there is no figure for these labels and probabilities, if there is none.
fn fault(y_true: &[u32], probabilities: ArrayView2<f64>) -> Option<String> {
    let (rows, classes) = probabilities.dim();
    if y_true.is_empty() || y_true.len() != rows {
        return Some(format!("{} labels but {rows} rows", y_true.len()));
    }
    if let Some(label) = y_true.iter().find(|&&c| c as usize >= classes) {
        return Some(format!("class index {label} has no column: there are {classes}"));
    }
    let outside = probabilities.iter().any(|p| !(0.0..=1.0).contains(p));
    outside.then(|| "a probability is not in [0, 1]".into())
}

/// Brier score (Brier 1950) of probabilities of shape (rows, classes): mean over the rows of the squared differences
/// between the probabilities and the truth (1 for the class of the row, 0 for the others), summed over the classes.
/// As `brier_score_loss` with its default `scale_by_half="auto"`, it is halved with fewer than three classes: in
/// `[0, 1]` with two, in `[0, 2]` with more. Undefined for shapes that do not fit and for probabilities outside
/// `[0, 1]`.
#[must_use]
pub fn brier_score(y_true: &[u32], probabilities: ArrayView2<f64>) -> Value {
    if let Some(reason) = fault(y_true, probabilities) {
        return Value::Undefined(reason);
    }
    let mut sum = 0.0;
    for (&label, row) in y_true.iter().zip(probabilities.outer_iter()) {
        for (class, &p) in row.iter().enumerate() {
            let gap = if class == label as usize { 1.0 - p } else { p };
            sum += gap * gap;
        }
    }
    let mean = sum / y_true.len() as f64;
    Value::Defined(if probabilities.ncols() < 3 { mean / 2.0 } else { mean })
}

/// Brier score of two classes from the probability of the positive one: the mean squared difference from 1 for
/// positive rows and from 0 for the others; in `[0, 1]`. Undefined for no row, lengths that differ and probabilities
/// outside `[0, 1]` by more than rounding.
#[must_use]
pub fn brier_binary(positive: &[bool], probabilities: &[f64]) -> Value {
    if positive.is_empty() || positive.len() != probabilities.len() {
        return Value::Undefined(format!("{} labels but {} probabilities", positive.len(), probabilities.len()));
    }
    if probabilities.iter().any(|p| !(0.0..=1.0 + ROUNDING).contains(p)) {
        return Value::Undefined("a probability is not in [0, 1]".into());
    }
    let gaps = positive.iter().zip(probabilities).map(|(&is, p)| if is { 1.0 - p } else { *p });
    Value::Defined(gaps.map(|gap| gap * gap).sum::<f64>() / positive.len() as f64)
}

/// Expected calibration error (Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks",
/// equation 3) of probabilities of shape (rows, classes). Rows are sorted into 15 bins of equal width by their
/// greatest probability, bin `m` holding those in `((m - 1) / 15, m / 15]`; the sum over the bins of
/// `|rows predicted right - sum of the greatest probabilities|`, over all rows; in `[0, 1]`. The predicted class is
/// that of the greatest probability, the lowest of several. Undefined for shapes that do not fit and for probabilities
/// outside `[0, 1]`.
#[must_use]
pub fn expected_calibration_error(y_true: &[u32], probabilities: ArrayView2<f64>) -> Value {
    if let Some(reason) = fault(y_true, probabilities) {
        return Value::Undefined(reason);
    }
    let (mut right, mut confidence) = ([0_u64; BINS], [0.0; BINS]);
    for (&label, row) in y_true.iter().zip(probabilities.outer_iter()) {
        let mut best = (0, row[0]);
        for (class, &p) in row.iter().enumerate() {
            if p > best.1 {
                best = (class, p);
            }
        }
        let bin = (1..BINS).take_while(|&m| best.1 > m as f64 / BINS as f64).count();
        right[bin] += u64::from(best.0 == label as usize);
        confidence[bin] += best.1;
    }
    let gaps = right.iter().zip(confidence).map(|(&right, sum)| (right as f64 - sum).abs());
    Value::Defined(gaps.sum::<f64>() / y_true.len() as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::super::classification::tests::{labels, near};
    use super::super::ranking::tests::probabilities;
    use super::*;

    fn defined(value: &Value) -> f64 {
        value.get().unwrap_or(f64::NAN)
    }

    /// Brier scores: scikit-learn 1.9.1 on the same numbers. Calibration errors, which it does not have: NumPy 2.4,
    /// `idx = digitize(p.max(1), arange(1, 16) / 15, right=True)`, then over the bins
    /// `sum(abs(hit[idx == m].sum() - p.max(1)[idx == m].sum())) / n` with `hit = p.argmax(1) == y`.
    #[test]
    fn agrees_with_scikit_learn_and_numpy() {
        let (y_true, _) = labels();
        let p = probabilities(&y_true);
        near(defined(&brier_score(&y_true, p.view())), 0.495_504_460_907_922_55);
        near(defined(&expected_calibration_error(&y_true, p.view())), 0.329_286_846_047_895_2);
        let tied = p.mapv(|v| (v * 4.0).round_ties_even() / 4.0);
        near(defined(&expected_calibration_error(&y_true, tied.view())), 0.308_333_333_333_333_35);
        let positive: Vec<bool> = y_true.iter().map(|&c| c > 1).collect();
        let scores: Vec<f64> = positive
            .iter()
            .enumerate()
            .map(|(i, &m)| (((i * 5) % 8) as f64 + if m { 2.0 } else { 0.0 }) / 10.0)
            .collect();
        near(defined(&brier_binary(&positive, &scores)), 0.216_333_333_333_333_32);
        // The examples of scikit-learn's documentation.
        let documented = array![[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]];
        near(defined(&brier_score(&[0, 1, 2], documented.view())), 0.146_666_666_666_666_67);
        near(defined(&brier_binary(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3])), 0.0375);
    }

    #[test]
    fn calibration_by_hand() {
        // A bin is closed above: 3/15 and 0.2 are the same number, and belong to the third bin with 0.19.
        let split = array![[0.2, 0.19, 0.19, 0.19, 0.19], [0.19, 0.19, 0.19, 0.19, 0.19]];
        near(defined(&expected_calibration_error(&[0, 1], split.view())), (1.0_f64 - 0.39).abs() / 2.0);
        let above = array![[0.200_001, 0.19, 0.19, 0.19, 0.19], [0.19, 0.19, 0.19, 0.19, 0.19]];
        near(defined(&expected_calibration_error(&[0, 1], above.view())), (0.799_999 + 0.19) / 2.0);
        // Sure and right; sure and wrong.
        near(defined(&expected_calibration_error(&[0], array![[1.0, 0.0]].view())), 0.0);
        near(defined(&expected_calibration_error(&[1], array![[1.0, 0.0]].view())), 1.0);
        // A tie is predicted as the lowest class.
        near(defined(&expected_calibration_error(&[0, 1], array![[0.5, 0.5], [0.5, 0.5]].view())), 0.0);
    }

    #[test]
    fn undefined_says_why() {
        let p = array![[0.5, 0.5], [0.2, 0.8]];
        for metric in [brier_score, expected_calibration_error] {
            assert_eq!(metric(&[0], p.view()).reason(), Some("1 labels but 2 rows"));
            assert_eq!(metric(&[0, 2], p.view()).reason(), Some("class index 2 has no column: there are 2"));
            let outside = array![[1.5, -0.5], [0.2, 0.8]];
            assert_eq!(metric(&[0, 1], outside.view()).reason(), Some("a probability is not in [0, 1]"));
            assert!(metric(&[], Array2::zeros((0, 2)).view()).reason().is_some());
            assert!(metric(&[0, 1], array![[f64::NAN, 0.5], [0.2, 0.8]].view()).reason().is_some());
        }
        assert!(brier_binary(&[true], &[1.1]).reason().is_some() && brier_binary(&[], &[]).reason().is_some());
        assert_eq!(brier_binary(&[true], &[1.0 + f64::EPSILON]).get().map(|v| v < 1e-30), Some(true));
    }

    proptest! {
        #[test]
        fn two_columns_are_one_column_and_ranges_hold(
            rows in prop::collection::vec((0_u32..3, 0_u32..=20, 0_u32..=20), 1..50),
        ) {
            let y: Vec<u32> = rows.iter().map(|r| r.0).collect();
            let p = Array2::from_shape_fn((rows.len(), 3), |(i, c)| {
                let (first, rest) = (f64::from(rows[i].1) / 20.0, f64::from(rows[i].2) / 20.0);
                [first, (1.0 - first) * rest, (1.0 - first) * (1.0 - rest)][c]
            });
            let brier = defined(&brier_score(&y, p.view()));
            let error = defined(&expected_calibration_error(&y, p.view()));
            prop_assert!((0.0..=2.0).contains(&brier) && (-1e-12..=1.0 + 1e-12).contains(&error));
            let positive: Vec<bool> = y.iter().map(|&c| c == 0).collect();
            let of_two: Vec<u32> = positive.iter().map(|&is| u32::from(!is)).collect();
            let columns = Array2::from_shape_fn((rows.len(), 2), |(i, c)| if c == 0 { p[[i, 0]] } else { 1.0 - p[[i, 0]] });
            let (two, one) = (brier_score(&of_two, columns.view()), brier_binary(&positive, &p.column(0).to_vec()));
            prop_assert!((defined(&two) - defined(&one)).abs() < 1e-12);
        }
    }
}
