//! What the steps that map single columns of numbers share: medians and quantiles, and the mapping itself.

use super::table::{Cells, Table, each, inconsistent};
use crate::ml::MlError;

/// A scale that can be divided by: 1 where it is no more than rounding (scikit-learn's `_handle_zeros_in_scale`).
pub(super) fn divisor(scale: f64) -> f64 {
    if scale < 10.0 * f64::EPSILON { 1.0 } else { scale }
}

/// Refuses a fitted figure that overflowed.
pub(super) fn finite(step: &str, name: &str, figures: &[f64]) -> Result<(), MlError> {
    if figures.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    Err(MlError::data(format!("{step}: column {name:?} is too large to scale: its range overflows")))
}

/// The values that are there, ascending.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut there: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    there.sort_unstable_by(f64::total_cmp);
    there
}

/// The value at `share` (in `[0, 1]`) of ascending values, linear between two of them, as `numpy.percentile` does;
/// NaN where there is none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // within the list
    let below = (place.floor() as usize).min(last);
    let (a, b, t) = (sorted[below], sorted[(below + 1).min(last)], place - below as f64);
    let gap = b - a;
    if t >= 0.5 { b - gap * (1.0 - t) } else { a + gap * t }
}

/// Replaces the numbers of some columns, `position` and `value` of each fitted column given. A column that no feature
/// is made of is passed over.
pub(super) fn mapped<C: Sync>(
    table: &mut Table<'_>,
    columns: &[C],
    position: impl Fn(&C) -> u32 + Sync + Send,
    value: impl Fn(&C, f64) -> f64 + Sync + Send,
) -> Result<(), MlError> {
    let made = {
        let table = &*table;
        each(table.rows, columns, |c| {
            let values = table.columns.get(position(c) as usize)?.numbers()?;
            Some(values.iter().map(|&v| value(c, v)).collect::<Vec<f64>>())
        })
    };
    for (column, values) in columns.iter().zip(made) {
        let cells = &mut table.at(position(column))?.cells;
        match (cells, values) {
            (cells @ Cells::Number(_), Some(values)) => *cells = Cells::Number(values.into()),
            (Cells::Absent, _) => {}
            _ => return Err(inconsistent()),
        }
    }
    Ok(())
}

/// The two ends of an interval that was given as a list.
pub(super) fn ends(name: &'static str, given: &[f64]) -> Result<(f64, f64), MlError> {
    match given {
        [low, high] if low < high => Ok((*low, *high)),
        _ => {
            let got: Vec<String> = given.iter().map(f64::to_string).collect();
            Err(MlError::parameter(name, format!("expected two numbers, the lower first, got [{}]", got.join(", "))))
        }
    }
}
