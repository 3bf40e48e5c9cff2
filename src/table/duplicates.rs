//! Rows that repeat an earlier one.

use rayon::prelude::*;

use crate::ml::{Column, MISSING, Role, Values};

const BLOCK: usize = 4096;

/// A number that two values of a column share exactly when they are equal: `0.0` equals `-0.0`, missing equals missing.
fn key(column: &Column, row: usize) -> u64 {
    match &column.values {
        Values::Number(v) if v[row].is_nan() => u64::MAX,
        Values::Number(v) => (v[row] + 0.0).to_bits(),
        Values::Category { codes, .. } if codes[row] == MISSING => u64::MAX,
        Values::Category { codes, .. } => u64::from(codes[row]),
    }
}

/// The rows that repeat no earlier row in all of `columns`, ascending. With roles, rows repeat only those of their own
/// role.
pub(super) fn first_of_each(columns: &[&Column], roles: Option<&[Role]>, rows: usize) -> Vec<usize> {
    let first = first_equal(columns, roles, rows);
    (0..rows).filter(|&row| first[row] == row).collect()
}

/// For every row the first row that equals it in all of `columns`: itself, where it repeats none. With roles, rows
/// equal only those of their own role. Rows are sorted by a hash and compared in full where the hashes agree.
pub(super) fn first_equal(columns: &[&Column], roles: Option<&[Role]>, rows: usize) -> Vec<usize> {
    let mut hashes: Vec<(u64, usize)> = vec![(0, 0); rows];
    hashes.par_chunks_mut(BLOCK).enumerate().for_each(|(block, part)| {
        let start = block * BLOCK;
        for (i, slot) in part.iter_mut().enumerate() {
            *slot = (roles.map_or(0, |r| r[start + i] as u64), start + i);
        }
        for column in columns {
            for (hash, row) in part.iter_mut() {
                let mixed = (*hash ^ key(column, *row)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *hash = mixed ^ (mixed >> 29);
            }
        }
    });
    hashes.par_sort_unstable();
    let equal =
        |a: usize, b: usize| roles.is_none_or(|r| r[a] == r[b]) && columns.iter().all(|c| key(c, a) == key(c, b));
    let mut first: Vec<usize> = (0..rows).collect();
    let mut distinct: Vec<usize> = Vec::new();
    for run in hashes.chunk_by(|a, b| a.0 == b.0) {
        distinct.clear();
        for &(_, row) in run {
            match distinct.iter().find(|&&earlier| equal(earlier, row)) {
                Some(&earlier) => first[row] = earlier,
                None => distinct.push(row),
            }
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stays_and_missing_equals_missing() {
        let a = Column::number("a", vec![1.0, 0.0, 1.0, f64::NAN, -0.0, f64::NAN, 1.0]);
        let b = Column::category("b", &[Some("x"), None, Some("x"), Some("y"), None, Some("y"), Some("z")]);
        assert_eq!(first_of_each(&[&a, &b], None, 7), [0, 1, 3, 6]);
        assert_eq!(first_of_each(&[&a], None, 7), [0, 1, 3]);
    }

    #[test]
    fn rows_of_other_roles_are_no_duplicates() {
        let a = Column::number("a", vec![1.0, 1.0, 1.0]);
        let roles = [Role::Train, Role::Test, Role::Test];
        assert_eq!(first_of_each(&[&a], Some(&roles), 3), [0, 1]);
    }

    #[test]
    fn agrees_with_a_comparison_of_all_pairs() {
        let rows = 500;
        let values = |m: usize| (0..rows).map(|i| ((i * i * 7 + i * 13) % m) as f64).collect::<Vec<_>>();
        let (a, b) = (Column::number("a", values(11)), Column::number("b", values(17)));
        let naive: Vec<usize> =
            (0..rows).filter(|&i| !(0..i).any(|j| key(&a, i) == key(&a, j) && key(&b, i) == key(&b, j))).collect();
        assert_eq!(first_of_each(&[&a, &b], None, rows), naive);
    }
}
