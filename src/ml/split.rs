//! Splits: which rows learn, which choose and which judge.

use serde::{Deserialize, Serialize};

use super::random::Rng;
use super::{Code, Frame, MlError, Part, Role, Training, Warning};
use crate::digest::Seed;
use crate::param::{Parameter, Range, Shape, choice, parameters};

/// How large a part is. Written as a number: a share in (0, 1), or a whole number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Size {
    /// So many rows.
    Rows(usize),
    /// This share of the rows, rounded up to a whole row (as scikit-learn's `train_test_split` does).
    Share(f64),
}

impl Size {
    /// The number of rows that this is out of `of`.
    #[must_use]
    pub fn rows(self, of: usize) -> usize {
        match self {
            Self::Rows(n) => n,
            #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation)] // a share of a count
            Self::Share(share) => (share * of as f64).ceil() as usize,
        }
    }

    fn shape_from(rows: f64) -> Shape {
        Shape::Either(vec![
            Shape::Number { whole: true, range: Range::at_least(rows) },
            Shape::Number { whole: false, range: Range::between(0.0, 1.0).without_min().without_max() },
        ])
    }
}

impl Parameter for Size {
    fn shape() -> Shape {
        Self::shape_from(1.0)
    }
}

/// A [`Size`] that may be 0: no such part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SizeOrZero(pub Size);

impl SizeOrZero {
    /// No rows.
    pub const ZERO: Self = Self(Size::Rows(0));
}

impl Parameter for SizeOrZero {
    fn shape() -> Shape {
        Size::shape_from(0.0)
    }
}

parameters! {
    /// Rows are drawn so that every class has its share in every part, within one row.
    pub struct StratifiedSplit [short test_size] {
        /// Size of the test part: a share of all rows in (0, 1), rounded up, or a whole number of rows.
        test_size: Size = Size::Share(0.2);
        /// Size of the validation part, likewise of all rows; 0 makes none.
        validation_size: SizeOrZero = SizeOrZero::ZERO;
        /// Seed of the draw; left out, it is derived from the experiment's seed.
        seed: Option<u64> = None;
    }
}

parameters! {
    /// Rows are drawn without a look at their class.
    pub struct RandomSplit [short test_size] {
        /// Size of the test part: a share of all rows in (0, 1), rounded up, or a whole number of rows.
        test_size: Size = Size::Share(0.2);
        /// Size of the validation part, likewise of all rows; 0 makes none.
        validation_size: SizeOrZero = SizeOrZero::ZERO;
        /// Seed of the draw; left out, it is derived from the experiment's seed.
        seed: Option<u64> = None;
    }
}

parameters! {
    /// The parts that the source fixed: separate train and test files, or the arrays of an NPZ file. A source
    /// without test rows is an error.
    pub struct PredefinedSplit {
        /// Decides nothing: the source fixes the test rows. Accepted so that one split can be changed into another.
        test_size: Option<Size> = None;
        /// Size of the validation part, cut from the source's training rows with every class in its share: a share
        /// of the training rows in (0, 1), rounded up, or a whole number of rows; 0 makes none. Must be 0 where the
        /// source fixes validation rows as well.
        validation_size: SizeOrZero = SizeOrZero::ZERO;
        /// Seed of the draw of the validation part; left out, it is derived from the experiment's seed.
        seed: Option<u64> = None;
    }
}

choice! {
    /// Which rows are for training, which for validation and which for the test.
    pub enum SplitSpec {
        Stratified(StratifiedSplit) = "stratified",
        Random(RandomSplit) = "random",
        Predefined(PredefinedSplit) = "predefined",
    }
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self::Stratified(StratifiedSplit::default())
    }
}

impl SplitSpec {
    /// The seed that the experiment fixes, if it does.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Stratified(s) => s.seed,
            Self::Random(s) => s.seed,
            Self::Predefined(s) => s.seed,
        }
    }

    /// Whether a validation part is cut off.
    #[must_use]
    pub fn has_validation(&self) -> bool {
        let size = match self {
            Self::Stratified(s) => s.validation_size,
            Self::Random(s) => s.validation_size,
            Self::Predefined(s) => s.validation_size,
        };
        !matches!(size.0, Size::Rows(0)) && !matches!(size.0, Size::Share(share) if share == 0.0)
    }

    /// Gives every row of `frame` its role. The draw depends on the seed (`seed` unless the experiment states one),
    /// the sizes, the number of rows and, where stratified, on the classes; on nothing else.
    ///
    /// # Errors
    /// [`MlError::Parameter`] where the parts do not leave a training row, [`MlError::Data`] where a class has fewer
    /// rows than a stratified split has parts, or where a predefined split has no test or no training rows.
    pub fn split(&self, frame: &Frame, seed: Seed) -> Result<(Split, Vec<Warning>), MlError> {
        let chosen = |own: Option<u64>| own.map_or(seed, Seed::new);
        let rows = frame.rows();
        let roles = match self {
            Self::Stratified(s) => {
                let sizes = Sizes::of_all(rows, s.test_size, s.validation_size)?;
                let all: Vec<usize> = (0..rows).collect();
                let mut roles = vec![Role::Train; rows];
                stratify(frame, &all, sizes, chosen(s.seed), &mut roles, ADVICE_STRATIFIED)?;
                roles
            }
            Self::Random(s) => {
                let sizes = Sizes::of_all(rows, s.test_size, s.validation_size)?;
                let mut order: Vec<usize> = (0..rows).collect();
                Rng::new(chosen(s.seed)).shuffle(&mut order);
                let mut roles = vec![Role::Train; rows];
                sizes.give(&order, sizes.test, sizes.validation, &mut roles);
                roles
            }
            Self::Predefined(s) => predefined(s, frame, chosen(s.seed))?,
        };
        let split = Split { roles };
        let warnings = split.classes_without_training(frame).into_iter().collect();
        Ok((split, warnings))
    }
}

const ADVICE_STRATIFIED: &str = "drop the class or merge it with another, or use `split: random`";
const ADVICE_PREDEFINED: &str = "drop the class or merge it with another, or set `validation_size: 0`";

/// Rows of the parts that are cut off; the rest trains.
#[derive(Clone, Copy)]
struct Sizes {
    test: usize,
    validation: usize,
    train: usize,
}

impl Sizes {
    fn of_all(rows: usize, test: Size, validation: SizeOrZero) -> Result<Self, MlError> {
        let (test, validation) = (test.rows(rows), validation.0.rows(rows));
        match rows.checked_sub(test.saturating_add(validation)) {
            Some(train) if train > 0 => Ok(Self { test, validation, train }),
            _ if validation == 0 => {
                let problem =
                    format!("expected fewer than the {rows} rows there are, got {test}: none is left to train on");
                Err(MlError::parameter("test_size", problem))
            }
            _ => {
                let problem = format!(
                    "{test} test rows and {validation} validation rows leave none of {rows} rows to train on: expected shares that leave some"
                );
                Err(MlError::parameter("validation_size", problem))
            }
        }
    }

    /// The first `test` rows of `order` are for the test, the next `validation` for validation.
    fn give(&self, order: &[usize], test: usize, validation: usize, roles: &mut [Role]) {
        for &row in &order[..test] {
            roles[row] = Role::Test;
        }
        for &row in &order[test..test + validation] {
            roles[row] = Role::Validation;
        }
    }
}

/// Cuts the parts out of `rows` so that every class has its share; each class is shuffled with a seed of its own.
fn stratify(
    frame: &Frame,
    rows: &[usize],
    sizes: Sizes,
    seed: Seed,
    roles: &mut [Role],
    advice: &str,
) -> Result<(), MlError> {
    let classes = &frame.labels.classes;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); classes.len()];
    for &row in rows {
        members[frame.labels.codes[row] as usize].push(row);
    }
    let parts = [sizes.test, sizes.validation, sizes.train].iter().filter(|&&n| n > 0).count();
    let small: Vec<String> = members
        .iter()
        .zip(classes)
        .filter(|(m, _)| !m.is_empty() && m.len() < parts)
        .map(|(m, name)| format!("{name:?} ({})", rows_of(m.len())))
        .collect();
    if !small.is_empty() {
        return Err(MlError::data(format!(
            "a stratified split into {parts} parts needs at least {parts} rows of every class; too small: {}: {advice}",
            small.join(", ")
        )));
    }
    let counts: Vec<usize> = members.iter().map(Vec::len).collect();
    let shares = allocate(&counts, &[sizes.test, sizes.validation, sizes.train]);
    for (class, (mut order, share)) in members.into_iter().zip(shares).enumerate() {
        Rng::new(seed.index(class as u64)).shuffle(&mut order);
        sizes.give(&order, share[0], share[1], roles);
    }
    Ok(())
}

fn rows_of(n: usize) -> String {
    format!("{n} row{}", if n == 1 { "" } else { "s" })
}

/// Deals `counts[class]` rows to parts of `sizes[part]` rows: both totals exact, every cell its exact share rounded
/// down or up, and the cells with the largest remainders rounded up as far as the totals allow. Equal remainders go
/// to the lowest class. The sums of `counts` and `sizes` must be equal.
///
/// With two parts this is the largest-remainder method. With more it is the controlled rounding of a two-way table
/// (Cox 1987), which always exists; found as a flow of least cost by successive shortest paths.
fn allocate(counts: &[usize], sizes: &[usize]) -> Vec<Vec<usize>> {
    let total: u128 = sizes.iter().map(|&s| s as u128).sum::<u128>().max(1);
    let parts = sizes.len();
    let mut cells = Vec::with_capacity(counts.len());
    let mut remainders: Vec<Vec<i128>> = Vec::with_capacity(counts.len());
    let mut up: Vec<Vec<bool>> = Vec::with_capacity(counts.len());
    for &count in counts {
        let exact: Vec<u128> = sizes.iter().map(|&s| s as u128 * count as u128).collect();
        #[allow(clippy::cast_possible_truncation)] // not above `count`
        let floors: Vec<usize> = exact.iter().map(|e| (e / total) as usize).collect();
        #[allow(clippy::cast_possible_wrap)] // below `total`
        let rest: Vec<i128> = exact.iter().map(|e| (e % total) as i128).collect();
        // The best rounding of this class alone: its largest remainders go up, the last part first among equals.
        let mut order: Vec<usize> = (0..parts).collect();
        order.sort_by_key(|&p| (-rest[p], parts - p));
        let mut ups = vec![false; parts];
        for &p in order.iter().take(count - floors.iter().sum::<usize>()) {
            ups[p] = true;
        }
        cells.push(floors);
        remainders.push(rest);
        up.push(ups);
    }
    #[allow(clippy::cast_possible_wrap)] // a number of rows
    let excess = |up: &[Vec<bool>], cells: &[Vec<usize>], p: usize| {
        let have: usize = cells.iter().zip(up).map(|(c, u)| c[p] + usize::from(u[p])).sum();
        have as isize - sizes[p] as isize
    };
    loop {
        let over = (0..parts).find(|&p| excess(&up, &cells, p) > 0);
        let under: Vec<bool> = (0..parts).map(|p| excess(&up, &cells, p) < 0).collect();
        let Some(path) = over.and_then(|from| cheapest(&up, &remainders, from, &under)) else { break };
        for (class, from, to) in path {
            up[class][from] = false;
            up[class][to] = true;
        }
    }
    for (cell, ups) in cells.iter_mut().zip(&up) {
        for (c, &u) in cell.iter_mut().zip(ups) {
            *c += usize::from(u);
        }
    }
    cells
}

/// A class, the part that one of its rows leaves, and the part that it goes to.
type Move = (usize, usize, usize);

/// The cheapest chain of moves that takes one row out of `from` and puts one into a
/// part of `under`; a move costs the remainder given up less the remainder gained.
fn cheapest(up: &[Vec<bool>], remainders: &[Vec<i128>], from: usize, under: &[bool]) -> Option<Vec<Move>> {
    let parts = under.len();
    let step = |p: usize, q: usize| {
        (0..up.len())
            .filter(|&c| up[c][p] && !up[c][q] && remainders[c][q] > 0)
            .map(|c| (remainders[c][p] - remainders[c][q], c))
            .min()
    };
    // Bellman-Ford over the few parts.
    let mut best: Vec<Option<(i128, Vec<Move>)>> = vec![None; parts];
    best[from] = Some((0, Vec::new()));
    for _ in 1..parts {
        for p in 0..parts {
            let Some((cost, path)) = best[p].clone() else { continue };
            for q in (0..parts).filter(|&q| q != p && q != from) {
                let Some((price, class)) = step(p, q) else { continue };
                if best[q].as_ref().is_none_or(|(old, _)| cost + price < *old) {
                    let mut longer = path.clone();
                    longer.push((class, p, q));
                    best[q] = Some((cost + price, longer));
                }
            }
        }
    }
    (0..parts).filter(|&p| under[p]).filter_map(|p| best[p].clone()).min_by_key(|(cost, _)| *cost).map(|(_, path)| path)
}

fn predefined(spec: &PredefinedSplit, frame: &Frame, seed: Seed) -> Result<Vec<Role>, MlError> {
    const NEXT: &str = "give `dataset.test` its files, or use `split: stratified`";
    let roles = frame.roles.as_ref().ok_or_else(|| {
        MlError::data(format!(
            "`split: predefined` needs a source that fixes its test rows, and this one fixes none: {NEXT}"
        ))
    })?;
    let count = |role| roles.iter().filter(|&&r| r == role).count();
    let (train, validation, test) = (count(Role::Train), count(Role::Validation), count(Role::Test));
    if test == 0 || train == 0 {
        return Err(MlError::data(format!(
            "`split: predefined` needs training and test rows in the source, got {train} training and {test} test rows: {NEXT}"
        )));
    }
    let cut = spec.validation_size.0.rows(train);
    let mut roles = roles.clone();
    if cut == 0 {
        return Ok(roles);
    }
    if validation > 0 {
        let problem = format!("expected 0, for the source fixes {validation} validation rows, got {cut}");
        return Err(MlError::parameter("validation_size", problem));
    }
    if cut >= train {
        let problem = format!("expected fewer than the {train} training rows of the source, got {cut}");
        return Err(MlError::parameter("validation_size", problem));
    }
    let rows: Vec<usize> = (0..roles.len()).filter(|&r| roles[r] == Role::Train).collect();
    let sizes = Sizes { test: 0, validation: cut, train: train - cut };
    stratify(frame, &rows, sizes, seed, &mut roles, ADVICE_PREDEFINED)?;
    Ok(roles)
}

/// The role of every row of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// One per row, in the order of the frame.
    pub roles: Vec<Role>,
}

impl Split {
    /// The rows of a role, in the order of the frame.
    #[must_use]
    pub fn rows(&self, role: Role) -> Vec<usize> {
        (0..self.roles.len()).filter(|&r| self.roles[r] == role).collect()
    }

    /// The training rows: the one part that anything may be fitted on.
    ///
    /// # Errors
    /// [`MlError::Data`] where `frame` is not the one that was split, by its number of rows.
    pub fn training(&self, frame: &Frame) -> Result<Training<Frame>, MlError> {
        self.check(frame)?;
        Training::new(Part::first(Role::Train), frame.take(&self.rows(Role::Train)))
    }

    /// The rows of a held-out role; `None` where there are none, and for [`Role::Train`], which is not held out.
    ///
    /// # Errors
    /// [`MlError::Data`] where `frame` is not the one that was split, by its number of rows.
    pub fn held_out(&self, role: Role, frame: &Frame) -> Result<Option<Frame>, MlError> {
        self.check(frame)?;
        let rows = self.rows(role);
        Ok((role != Role::Train && !rows.is_empty()).then(|| frame.take(&rows)))
    }

    fn check(&self, frame: &Frame) -> Result<(), MlError> {
        let (split, rows) = (self.roles.len(), frame.rows());
        if split == rows {
            return Ok(());
        }
        Err(MlError::data(format!("expected the frame of {split} rows that was split, got one of {rows} rows")))
    }

    fn classes_without_training(&self, frame: &Frame) -> Option<Warning> {
        let mut counts = vec![(0_usize, 0_usize); frame.labels.classes.len()];
        for (&code, &role) in frame.labels.codes.iter().zip(&self.roles) {
            let (train, other) = &mut counts[code as usize];
            *(if role == Role::Train { train } else { other }) += 1;
        }
        let unseen: Vec<String> = counts
            .iter()
            .zip(&frame.labels.classes)
            .filter(|((train, other), _)| *train == 0 && *other > 0)
            .map(|((_, other), name)| format!("{name:?} ({})", rows_of(*other)))
            .collect();
        (!unseen.is_empty()).then(|| {
            let message = format!("no training row has the class {}: no model can predict it", unseen.join(", "));
            Warning::new(Code::R05, message).at("split")
        })
    }
}

#[cfg(test)]
mod tests;
