//! `replace` and `clip`: other values in the cells of a column.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::super::error::{count, shorten};
use super::super::{Table, TableError};
use super::{RowStep, Work};
use crate::ml::{Code, Column, MISSING, Values, Warning};
use crate::param::Name;
use crate::spec::clean::{ClipValues, ReplaceValues};

/// Least and greatest value, where there is one.
type Ends = (Option<f64>, Option<f64>);

impl Work<'_> {
    pub(super) fn replace(&mut self, word: &str, place: &str, p: &ReplaceValues) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        let mut found = vec![0; p.values.len()];
        let mut columns = Vec::with_capacity(p.columns.0.len());
        for name in &p.columns.0 {
            self.known(name, place, false)?;
            let words = self.is_target(&name.0);
            let Some(column) = self.table.columns.iter_mut().find(|c| c.name == name.0) else { continue };
            let (new, hits) = replaced(column, &p.values, words);
            *column = new;
            columns.push((name.0.clone(), Table::is_numeric(column)));
            for (((old, new), hits), found) in p.values.iter().zip(hits).zip(&mut found) {
                let new = new.as_ref().map_or("missing", |n| n.0.as_str());
                entry.counts.push((format!("{old} -> {new} in {}", name.0), hits));
                *found += hits;
            }
        }
        entry.counts.insert(0, ("replaced cells".into(), found.iter().sum()));
        let idle: Vec<String> =
            p.values.keys().zip(&found).filter(|(_, n)| **n == 0).map(|(old, _)| format!("{old:?}")).collect();
        if !idle.is_empty() {
            let message = format!("replace found no cell with {}: is it spelt as in the data?", shorten(&idle, 10));
            self.warnings.push(Warning::new(Code::S20, message).at(place));
        }
        self.replay.steps.push(RowStep::Replace { columns, values: p.values.clone() });
        self.ledger.push(entry);
        self.classes = self.count_classes();
        Ok(())
    }

    pub(super) fn clip(&mut self, word: &str, place: &str, p: &ClipValues) -> Result<(), TableError> {
        let mut entry = self.entry(word);
        let named: Vec<String> = match &p.columns {
            None => self.features(),
            Some(names) => {
                for name in &names.0 {
                    self.known(name, place, false)?;
                    if !self.table.column(&name.0).is_some_and(Table::is_numeric) {
                        return Err(TableError::new(format!("column {:?} holds words: they have no limits", name.0))
                            .at(place)
                            .hint("name columns of numbers only"));
                    }
                }
                names.0.iter().map(|n| n.0.clone()).collect()
            }
        };
        let learnt = self.learnt();
        let held: Vec<(String, u64, Ends)> = self
            .table
            .columns
            .par_iter_mut()
            .filter(|c| Table::is_numeric(c) && named.contains(&c.name))
            .map(|column| {
                let Values::Number(values) = &mut column.values else { return (column.name.clone(), 0, (None, None)) };
                let at = |share: usize| {
                    let share = p.quantiles.as_ref()?.get(share)?;
                    let seen =
                        learnt.as_ref().map_or_else(|| values.clone(), |r| r.iter().map(|&r| values[r]).collect());
                    quantile(seen, *share)
                };
                let (min, max) = (p.min.or_else(|| at(0)), p.max.or_else(|| at(1)));
                (column.name.clone(), clip(values, min, max), (min, max))
            })
            .collect();
        if p.quantiles.is_some() && learnt.is_none() {
            let message =
                format!("clip took the limits of {} from all rows, test rows included", count(held.len(), "column"));
            self.warnings.push(Warning::new(Code::S03, message).at(place));
        }
        let limit = |word: &str, limit: Option<f64>| limit.map(|v| format!("{word} {v}"));
        let limits =
            [limit("min", p.min), limit("max", p.max), p.quantiles.as_ref().map(|q| format!("quantiles {q:?}"))];
        entry.note = Some(limits.into_iter().flatten().collect::<Vec<_>>().join(", "));
        entry.counts.push(("clipped cells".into(), held.iter().map(|(_, n, _)| n).sum()));
        let limits = held.iter().map(|(name, _, (min, max))| (name.clone(), *min, *max)).collect();
        self.replay.steps.push(RowStep::Clip { columns: limits });
        entry.counts.extend(
            held.into_iter().filter(|(_, n, _)| *n > 0).map(|(name, n, _)| (format!("clipped cells in {name}"), n)),
        );
        self.ledger.push(entry);
        Ok(())
    }
}

/// The column with other values, and how many cells each old value was found in, in the order of the map. `words` says
/// that it stays words whatever comes in.
pub(super) fn replaced(column: &Column, map: &BTreeMap<String, Option<Name>>, words: bool) -> (Column, Vec<u64>) {
    let mut hits = vec![0; map.len()];
    let finite = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
    let number = |name: &Name| finite(&name.0);
    let into_numbers = map.values().flatten().all(|name| number(name).is_some());
    let name = column.name.as_str();
    let values = match &column.values {
        Values::Number(values) => {
            // Old values ascending, each with its place in the map.
            let mut old: Vec<(f64, usize)> =
                map.keys().zip(0..).filter_map(|(key, at)| Some((finite(key)? + 0.0, at))).collect();
            old.sort_by(|a, b| a.0.total_cmp(&b.0));
            let new: Vec<&Option<Name>> = map.values().collect();
            let mut found = |value: f64| {
                let at = old.binary_search_by(|(old, _)| old.total_cmp(&(value + 0.0))).ok()?;
                hits[old[at].1] += 1;
                Some(new[old[at].1])
            };
            if into_numbers && !words {
                let mut new = |value: f64| match found(value) {
                    Some(new) => new.as_ref().and_then(number).unwrap_or(f64::NAN),
                    None => value,
                };
                Values::Number(values.iter().map(|&v| new(v)).collect())
            } else {
                let mut cell = |value: f64| match found(value) {
                    Some(new) => new.as_ref().map(|n| n.0.clone()),
                    // One zero, so that both are one word.
                    None => (!value.is_nan()).then(|| format!("{}", value + 0.0)),
                };
                let cells: Vec<Option<String>> = values.iter().map(|&v| cell(v)).collect();
                Column::category(name, &cells).values
            }
        }
        Values::Category { codes, levels } => {
            let new: Vec<Option<&Option<Name>>> = levels.iter().map(|level| map.get(level)).collect();
            let at: Vec<Option<usize>> = levels.iter().map(|level| map.keys().position(|key| key == level)).collect();
            for &code in codes.iter().filter(|&&code| code != MISSING) {
                if let Some(at) = at[code as usize] {
                    hits[at] += 1;
                }
            }
            let mut used = vec![false; levels.len()];
            codes.iter().filter(|&&code| code != MISSING).for_each(|&code| used[code as usize] = true);
            let all = new.iter().zip(&used).all(|(new, used)| new.is_some() || !used);
            if into_numbers && !words && all && used.contains(&true) {
                let value = |code: u32| match new.get(code as usize) {
                    Some(Some(Some(name))) => number(name).unwrap_or(f64::NAN),
                    _ => f64::NAN,
                };
                Values::Number(codes.iter().map(|&code| value(code)).collect())
            } else {
                let text = |code: u32| match new.get(code as usize) {
                    Some(Some(new)) => new.as_ref().map(|name| name.0.as_str()),
                    Some(None) => Some(levels[code as usize].as_str()),
                    None => None,
                };
                Column::category(name, &codes.iter().map(|&code| text(code)).collect::<Vec<_>>()).values
            }
        }
    };
    (Column { name: column.name.clone(), values }, hits)
}

/// NumPy's rule: multiply by a power of ten, round halves to even, divide. A value whose product overflows has no
/// decimals to lose and stays. Gives how many changed.
pub(super) fn round(values: &mut [f64], decimals: usize) -> u64 {
    let factor = 10_f64.powi(decimals as i32);
    let mut changed = 0;
    for v in values {
        let product = *v * factor;
        let new = if product.is_infinite() { *v } else { product.round_ties_even() / factor };
        changed += u64::from(new != *v && !v.is_nan());
        *v = new;
    }
    changed
}

/// Holds the values to the limits in place, NaN left alone; gives how many changed.
pub(super) fn clip(values: &mut [f64], min: Option<f64>, max: Option<f64>) -> u64 {
    let mut changed = 0;
    for value in values {
        let held = match (min, max) {
            (Some(min), _) if *value < min => min,
            (_, Some(max)) if *value > max => max,
            _ => continue,
        };
        *value = held;
        changed += 1;
    }
    changed
}

/// The value at a share of the values that are there, linear between two of them, as `numpy.quantile` does; `None`
/// where there is none.
fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.retain(|v| !v.is_nan());
    let last = values.len().checked_sub(1)?;
    values.sort_unstable_by(f64::total_cmp);
    let place = share * last as f64;
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // within the list
    let below = (place.floor() as usize).min(last);
    let (a, b, t) = (values[below], values[(below + 1).min(last)], place - below as f64);
    let gap = b - a;
    Some(if t >= 0.5 { b - gap * (1.0 - t) } else { a + gap * t })
}
