//! What a run would do: which steps are stored, which would run, why, and about how long.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value as Json;

use crate::digest::Digest;
use crate::plan::{Difference, Plan, Recipe, Step, StepKind, differences, recipe_differences};
use crate::record::Notes;
use crate::store::{Look, Store, StoreError};

/// Stored recipes that all steps of a kind together are compared with, and at most and at least how many each.
const COMPARED: usize = 20_000;
const MOST: usize = 500;
const LEAST: usize = 4;

/// Why a step would run.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Steps that it needs would run.
    Needs(Vec<String>),
    /// The nearest stored recipe differs in these fields.
    Differs(Vec<Difference>),
    /// The nearest stored recipe takes an input from another result, of which this differs.
    OtherInput {
        /// The input.
        input: String,
        /// The step that gives it now.
        step: String,
        /// What differs between that step and the one that gave it then; empty where that is not known any more.
        differences: Vec<Difference>,
    },
    /// It was stored, and that is of no use any more.
    Broken(String),
    /// Nothing of its kind is stored.
    First,
}

/// What would become of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// Whether its result is stored.
    pub stored: bool,
    /// Why it would run: empty where it is stored.
    pub reasons: Vec<Reason>,
    /// The nearest stored recipe of the same kind, for a step that would run.
    pub nearest: Option<Digest>,
    /// Seconds that it took; for one that would run, that the nearest one took.
    pub seconds: Option<f64>,
    /// Rows and columns that it gives (of a fit: takes), where they are known.
    pub shape: Option<(u64, u64)>,
}

/// What would become of every step of a plan, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// By index.
    pub steps: Vec<Outlook>,
}

/// A stored recipe.
struct Candidate {
    key: Digest,
    recipe: Json,
}

/// Looks up every step of a plan. Reads entries and recipes, no objects.
///
/// # Errors
/// [`StoreError`].
pub fn forecast(plan: &Plan, store: &Store) -> Result<Forecast, StoreError> {
    let looks: Vec<Look> = plan.steps.par_iter().map(|s| store.look_up(&s.key)).collect::<Result<_, StoreError>>()?;
    let stored: Vec<bool> = looks.iter().map(|l| matches!(l, Look::Stored(_))).collect();
    let open = plan.steps.iter().zip(&stored).filter(|(_, stored)| !**stored);
    let candidates = candidates(store, open.map(|(step, _)| &step.recipe));
    let mut steps: Vec<Outlook> = (0..plan.steps.len())
        .into_par_iter()
        .map(|index| match &looks[index] {
            Look::Stored(entry) => Outlook {
                stored: true,
                reasons: Vec::new(),
                nearest: None,
                seconds: Some(entry.seconds),
                shape: shape(&entry.notes),
            },
            look => {
                let near = candidates.get(&kind(&plan.steps[index].recipe)).map_or(&[][..], Vec::as_slice);
                outlook(plan, &stored, index, look, near, store)
            }
        })
        .collect();
    // A fit takes what the step before it gives.
    for (index, step) in plan.steps.iter().enumerate() {
        if step.recipe.step == StepKind::Fit {
            steps[index].shape = step.inputs.first().and_then(|input| steps[input.step].shape);
        }
    }
    Ok(Forecast { steps })
}

/// Of a recipe, what those it is compared with share.
fn kind(recipe: &Recipe) -> (StepKind, &str) {
    let choice = match &recipe.parameters {
        Json::Object(map) if map.len() == 1 => map.keys().next().map_or("", String::as_str),
        Json::String(word) => word,
        _ => "",
    };
    (recipe.step, choice)
}

/// Stored recipes of every kind that is asked for, the latest first: fewer where many steps are compared with them.
fn candidates<'a>(
    store: &Store,
    wanted: impl Iterator<Item = &'a Recipe>,
) -> BTreeMap<(StepKind, &'a str), Vec<Candidate>> {
    let mut kinds: BTreeMap<(StepKind, &str), (usize, &Recipe)> = BTreeMap::new();
    for recipe in wanted {
        kinds.entry(kind(recipe)).or_insert((0, recipe)).0 += 1;
    }
    let read = |(n, recipe): (usize, &Recipe)| {
        let most = (COMPARED / n.max(1)).clamp(LEAST, MOST);
        let keys = store.alike(&recipe.to_json(), most);
        keys.into_par_iter().filter_map(|key| Some(Candidate { key, recipe: store.recipe(&key)? })).collect()
    };
    kinds.into_iter().map(|(kind, wanted)| (kind, read(wanted))).collect()
}

fn outlook(
    plan: &Plan,
    stored: &[bool],
    index: usize,
    look: &Look,
    candidates: &[Candidate],
    store: &Store,
) -> Outlook {
    let step = &plan.steps[index];
    let needs: Vec<String> = needs(plan, step, stored);
    let recipe = if candidates.is_empty() { Json::Null } else { step.recipe.to_json() };
    let mut nearest: Option<(&Candidate, Vec<Difference>, Vec<String>)> = None;
    for candidate in candidates {
        let (own, inputs) = recipe_differences(&candidate.recipe, &recipe);
        let better = nearest.as_ref().is_none_or(|(_, o, i)| (own.len(), inputs.len()) < (o.len(), i.len()));
        let enough = own.is_empty() && (inputs.len() <= 1 || !needs.is_empty());
        if better {
            nearest = Some((candidate, own, inputs));
        }
        if enough {
            break;
        }
    }
    let seconds = nearest.as_ref().and_then(|(c, _, _)| Some(store.entry(&c.key).ok()??.seconds));
    let key = nearest.as_ref().map(|(c, _, _)| c.key);
    let mut reasons = Vec::new();
    match (look, nearest) {
        (Look::Broken(problem), _) => reasons.push(Reason::Broken(problem.clone())),
        (_, None) if needs.is_empty() => reasons.push(Reason::First),
        (_, None) => {}
        (_, Some((candidate, own, inputs))) => {
            if !own.is_empty() {
                reasons.push(Reason::Differs(own));
            } else if needs.is_empty() {
                reasons.extend(inputs.iter().map(|input| other_input(plan, step, input, candidate, store)));
            }
        }
    }
    if !needs.is_empty() {
        reasons.push(Reason::Needs(needs));
    }
    Outlook { stored: false, reasons, nearest: key, seconds, shape: None }
}

/// The steps that it needs and that would run.
fn needs(plan: &Plan, step: &Step, stored: &[bool]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let open = step.inputs.iter().filter(|i| !stored[i.step] && seen.insert(i.step));
    open.map(|i| plan.steps[i.step].name.clone()).collect()
}

fn other_input(plan: &Plan, step: &Step, input: &str, then: &Candidate, store: &Store) -> Reason {
    let now = step.inputs.iter().find(|i| i.name == input).map(|i| &plan.steps[i.step]);
    let before = then.recipe["inputs"][input]["key"].as_str().and_then(Digest::parse);
    let before = before.and_then(|key| store.recipe(&key));
    let differences = match (now.map(|s| s.recipe.to_json()), before) {
        // Another kind of step: all the rest differs with it.
        (Some(now), Some(before)) if before["step"] != now["step"] => {
            let (before, now) = (Some(before["step"].clone()), Some(now["step"].clone()));
            vec![Difference { field: "step".into(), before, now }]
        }
        (Some(now), Some(before)) => {
            let (own, inputs) = recipe_differences(&before, &now);
            if own.is_empty() && !inputs.is_empty() { differences(&before["inputs"], &now["inputs"]) } else { own }
        }
        _ => Vec::new(),
    };
    Reason::OtherInput { input: input.to_owned(), step: now.map(|s| s.name.clone()).unwrap_or_default(), differences }
}

/// Rows and columns that a step says it left.
fn shape(notes: &Notes) -> Option<(u64, u64)> {
    let fact = |name: &str| notes.facts.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.as_u64());
    let told = fact("train rows").or_else(|| fact("rows")).zip(fact("features"));
    told.or_else(|| notes.ledger.last().map(|l| (l.rows_after, l.columns_after)))
}
