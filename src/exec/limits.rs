//! What a step asks of the machine: how many cores it can keep busy, and how much memory it will take. Estimates only:
//! they decide when a step begins, never what it gives.

use serde_json::Value as Json;

use crate::plan::{Recipe, StepKind};

const MIB: u64 = 1 << 20;

/// How many cores a step can keep busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    /// One: the step is one long thread.
    One,
    /// As many as there are.
    All,
}

/// The choice that the parameters of a recipe are: `mlp` of a fit.
fn choice(recipe: &Recipe) -> &str {
    match &recipe.parameters {
        Json::Object(map) => map.keys().next().map_or("", String::as_str),
        Json::String(word) => word,
        _ => "",
    }
}

/// How parallel a step is inside. What is not known to be serial counts as parallel.
pub(super) fn width(recipe: &Recipe) -> Width {
    match recipe.step {
        StepKind::Fit => match choice(recipe) {
            "mlp" | "decision_tree" | "gaussian_nb" | "knn" | "majority" => Width::One,
            _ => Width::All,
        },
        StepKind::Split | StepKind::Publish | StepKind::Serving => Width::One,
        _ => Width::All,
    }
}

/// What begins first among steps that could: models before files and figures, which nothing waits for; then long
/// threads, since anything fills the gaps beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    late: bool,
    pub(super) width: Width,
}

/// The rank of a step.
pub(super) fn rank(recipe: &Recipe) -> Rank {
    let late = recipe.step.is_figure() || matches!(recipe.step, StepKind::Publish | StepKind::Serving);
    Rank { late, width: width(recipe) }
}

impl Width {
    /// The same as a number of threads.
    pub(super) fn threads(self, all: usize) -> usize {
        match self {
            Self::One => 1,
            Self::All => all,
        }
    }
}

/// Bytes that a step will take at its peak, from the bytes that its inputs have in the store, or its source files on
/// the disk. Factors are rounded up from what large tables took.
pub(super) fn memory(recipe: &Recipe, inputs: u64) -> u64 {
    let number = |name: &str| {
        let inside = recipe.parameters.get(choice(recipe))?;
        inside.get(name)?.as_u64()
    };
    let own = match recipe.step {
        // A gzip file unpacks to several times its length, and cells take more than their text while they are typed.
        StepKind::Source if inputs > 0 => inputs.saturating_mul(30),
        StepKind::Source => recipe.parameters.get("simulate").and_then(Json::as_u64).unwrap_or(0).saturating_mul(2_000),
        StepKind::Clean => inputs.saturating_mul(3),
        StepKind::Split => inputs / 4,
        StepKind::Prepare | StepKind::Balance => inputs.saturating_mul(4),
        StepKind::Fit => match choice(recipe) {
            // Codes and row numbers, and for each tree up to two nodes a row.
            "random_forest" => inputs.saturating_mul(3 + number("n_estimators").unwrap_or(100) / 20),
            "dbscan" | "kmeans" => inputs.saturating_mul(3),
            _ => inputs.saturating_mul(4),
        },
        _ => inputs.saturating_mul(3),
    };
    own.saturating_add(inputs).saturating_add(4 * MIB)
}

/// Bytes of memory that this process may hope for: the machine's, or what its control group allows. Nothing where the
/// system does not tell.
fn machine() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
    let total = line.split_whitespace().nth(1)?.parse::<u64>().ok()?.saturating_mul(1024);
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    Some(group.map_or(total, |group| group.min(total)))
}

/// The limit where none is given: four fifths of the machine.
pub(super) fn default_memory() -> u64 {
    machine().map_or(u64::MAX, |bytes| bytes / 5 * 4)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recipe(step: StepKind, parameters: Json) -> Recipe {
        let empty = std::collections::BTreeMap::new();
        Recipe {
            format: 1,
            step,
            algorithm: 1,
            parameters,
            seed: None,
            part: None,
            numerics: None,
            inputs: empty,
            sources: Vec::new(),
        }
    }

    #[test]
    fn a_network_is_one_thread_and_a_forest_many_and_big_ones_need_more() {
        let mlp = recipe(StepKind::Fit, json!({"mlp": {"alpha": 1}}));
        let forest = |trees: u64| recipe(StepKind::Fit, json!({"random_forest": {"n_estimators": trees}}));
        assert_eq!((width(&mlp), width(&forest(9))), (Width::One, Width::All));
        let publish = recipe(StepKind::Publish, json!({}));
        assert!(rank(&mlp) < rank(&forest(9)) && rank(&forest(9)) < rank(&publish));
        assert!(memory(&forest(1000), 1 << 30) > memory(&forest(100), 1 << 30));
        assert!(memory(&mlp, 0) > 0);
        assert_eq!(memory(&mlp, u64::MAX), u64::MAX);
        let made_up = recipe(StepKind::Source, json!({"simulate": 1_000_000}));
        assert!(memory(&made_up, 0) > 1 << 30);
        assert!(default_memory() > 1 << 20);
    }
}
