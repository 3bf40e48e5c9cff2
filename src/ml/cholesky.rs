//! Cholesky factors of symmetric positive definite matrices (Golub, Van Loan, "Matrix Computations", section 4.2).

/// The lower factor of a symmetric matrix (row-major), its lower triangle row by row, or `None` where the matrix is not
/// positive definite.
pub(super) fn factor(matrix: &[f64], width: usize) -> Option<Vec<f64>> {
    let mut factor: Vec<f64> = Vec::with_capacity(width * (width + 1) / 2);
    for i in 0..width {
        let start = factor.len();
        for j in 0..=i {
            let other = j * (j + 1) / 2;
            let sum: f64 = (0..j).map(|m| factor[start + m] * factor[other + m]).sum();
            let rest = matrix[i * width + j] - sum;
            if i > j {
                factor.push(rest / factor[other + j]);
            } else if rest > 0.0 && rest.is_finite() {
                factor.push(rest.sqrt());
            } else {
                return None;
            }
        }
    }
    Some(factor)
}

/// What the matrix of a factor must be multiplied with to give `b`.
pub(super) fn solve(factor: &[f64], mut b: Vec<f64>) -> Vec<f64> {
    let at = |i: usize, j: usize| factor[i * (i + 1) / 2 + j];
    for i in 0..b.len() {
        let before: f64 = (0..i).map(|j| at(i, j) * b[j]).sum();
        b[i] = (b[i] - before) / at(i, i);
    }
    for i in (0..b.len()).rev() {
        b[i] /= at(i, i);
        for j in 0..i {
            b[j] -= at(i, j) * b[i];
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_what_it_has_factored_and_refuses_the_rest() {
        let matrix = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let x = [1.0, -2.0, 0.5];
        let b: Vec<f64> = matrix.chunks(3).map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect();
        let found = solve(&factor(&matrix, 3).unwrap(), b);
        assert!(found.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?}");
        assert_eq!(factor(&[1.0, 2.0, 2.0, 1.0], 2), None);
        assert_eq!(factor(&[f64::NAN], 1), None);
        assert_eq!(factor(&[], 0), Some(vec![]));
    }
}
