//! Columns as small whole numbers, so that values can be counted and compared.

use crate::ml::{Column, MISSING, Values};

/// A column's values as codes: equal values have equal codes; a missing value is [`MISSING`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::table) struct Coded {
    /// One per row.
    pub codes: Vec<u32>,
    /// Rows with each code. Words have the code of their level, which may have no row; numbers are coded in the order
    /// in which they first occur.
    pub counts: Vec<u64>,
    /// A row that holds the value of each code; of a level without a row, 0.
    pub example: Vec<usize>,
}

impl Coded {
    pub(in crate::table) fn new(column: &Column) -> Self {
        match &column.values {
            Values::Number(values) => numbers(values),
            Values::Category { codes, levels } => {
                let mut counts = vec![0; levels.len()];
                let mut example = vec![0; levels.len()];
                for (row, &code) in codes.iter().enumerate().filter(|(_, c)| **c != MISSING) {
                    if counts[code as usize] == 0 {
                        example[code as usize] = row;
                    }
                    counts[code as usize] += 1;
                }
                Self { codes: codes.clone(), counts, example }
            }
        }
    }

    /// Number of different values, a missing one not counted.
    pub(in crate::table) fn distinct(&self) -> usize {
        self.counts.iter().filter(|n| **n > 0).count()
    }

    /// Rows without a value.
    pub(in crate::table) fn missing(&self) -> u64 {
        self.codes.len() as u64 - self.counts.iter().sum::<u64>()
    }
}

/// Spreads the bits of a key (the finalizer of SplitMix64).
pub(super) fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// Codes of numbers, by a table with open addressing; `0.0` and `-0.0` are equal.
fn numbers(values: &[f64]) -> Coded {
    const FREE: u32 = u32::MAX;
    let (mut keys, mut counts, mut example): (Vec<u64>, Vec<u64>, Vec<usize>) = (Vec::new(), Vec::new(), Vec::new());
    let mut slots = vec![FREE; 64];
    let mut codes = Vec::with_capacity(values.len());
    for (row, &value) in values.iter().enumerate() {
        if value.is_nan() {
            codes.push(MISSING);
            continue;
        }
        let key = (value + 0.0).to_bits();
        let mask = slots.len() - 1;
        let mut at = mix(key) as usize & mask;
        while slots[at] != FREE && keys[slots[at] as usize] != key {
            at = (at + 1) & mask;
        }
        if slots[at] == FREE {
            slots[at] = keys.len() as u32;
            keys.push(key);
            counts.push(0);
            example.push(row);
        }
        let code = slots[at];
        counts[code as usize] += 1;
        codes.push(code);
        if keys.len() * 2 > slots.len() {
            slots = vec![FREE; slots.len() * 4];
            for (code, &key) in keys.iter().enumerate() {
                let mask = slots.len() - 1;
                let mut at = mix(key) as usize & mask;
                while slots[at] != FREE {
                    at = (at + 1) & mask;
                }
                slots[at] = code as u32;
            }
        }
    }
    Coded { codes, counts, example }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_coded_in_the_order_in_which_they_occur() {
        let coded = Coded::new(&Column::number("a", vec![3.0, 0.0, 3.0, f64::NAN, -0.0, 1e300]));
        assert_eq!(coded.codes, [0, 1, 0, MISSING, 1, 2]);
        assert_eq!((coded.counts.as_slice(), coded.example.as_slice()), ([2, 2, 1].as_slice(), [0, 1, 5].as_slice()));
        assert_eq!((coded.distinct(), coded.missing()), (3, 1));
    }

    #[test]
    fn words_keep_their_levels() {
        let coded = Coded::new(&Column::category("a", &[Some("y"), None, Some("x"), Some("y")]).take(&[0, 1, 3]));
        assert_eq!((coded.codes.as_slice(), coded.counts.as_slice()), ([1, MISSING, 1].as_slice(), [0, 2].as_slice()));
        assert_eq!((coded.distinct(), coded.missing()), (1, 1));
    }

    #[test]
    fn agrees_with_sorting_on_many_values() {
        let values: Vec<f64> = (0..5000_u64).map(|i| ((i * i * 31 + 7 * i) % 1777) as f64 / 8.0).collect();
        let coded = Coded::new(&Column::number("a", values.clone()));
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        assert_eq!(coded.distinct(), sorted.len());
        for (a, b) in [(0, 1777), (1, 2), (5, 4999)] {
            assert_eq!(values[a] == values[b], coded.codes[a] == coded.codes[b]);
        }
        for (row, &code) in coded.codes.iter().enumerate() {
            assert_eq!(values[coded.example[code as usize]], values[row]);
        }
    }
}
