//! The rules that tie several keys of an experiment together.

use super::Experiment;
use super::dataset::{Encoding, Separator, TrainOn};
use crate::ml::metrics::Metric;
use crate::ml::{Balance, Code, ModelSpec, SplitSpec};
use crate::param::{Fault, PathStep, closest};

fn fault(path: &[&str], message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault {
        path: path.iter().map(|p| p.parse().map_or_else(|_| PathStep::Key((*p).to_owned()), PathStep::Index)).collect(),
        on_key: false,
        message: message.into(),
        hint: Some(hint.into()),
    }
}

/// The kinds of step, as `limits.timeouts` names them. A test holds them against those of the plan.
pub const STEP_KINDS: [&str; 13] = [
    "source", "clean", "split", "prepare", "balance", "fit", "predict", "judge", "publish", "serving", "survey",
    "examine", "draw",
];

/// Names in `limits.timeouts` that fit no step.
fn timeouts(e: &Experiment, out: &mut Vec<Fault>) {
    for name in e.limits.timeouts.keys() {
        let mut parts = name.split('/');
        let (kind, model, part) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let models = || e.models.iter().map(|m| m.name.as_str()).chain([crate::ml::MAJORITY]);
        let hint = if !STEP_KINDS.contains(&kind) {
            closest(kind, STEP_KINDS)
                .map_or_else(|| format!("kinds of step: {}", STEP_KINDS.join(", ")), |k| format!("did you mean {k:?}?"))
        } else if let Some(model) = model.filter(|m| !models().any(|known| known == *m)) {
            closest(model, models()).map_or_else(
                || "name one of `models`, as in `fit/mlp`".to_owned(),
                |m| format!("did you mean {:?}?", format!("{kind}/{m}")),
            )
        } else if part.is_some_and(|p| !matches!(p, "test" | "validation")) || parts.next().is_some() {
            "a step is called `fit/mlp` or `predict/mlp/test`".to_owned()
        } else {
            continue;
        };
        out.push(fault(&["limits", "timeouts", name], format!("no step is called {name:?}"), hint));
    }
}

/// Rules that tie several keys together.
pub(super) fn cross_checks(e: &Experiment) -> Vec<Fault> {
    let mut out = Vec::new();
    let d = &e.dataset;
    let sources = [d.path.is_some(), d.train.is_some() || d.test.is_some(), d.simulate.is_some()];
    let npz = d.path.as_ref().is_some_and(|p| p.0.iter().any(|p| p.to_lowercase().ends_with(".npz")));
    match sources.iter().filter(|s| **s).count() {
        1 => {}
        0 => out.push(fault(
            &["dataset"],
            "no source of rows",
            "give one of `path:`, `train:` with `test:`, or `simulate:`",
        )),
        _ => out.push(fault(
            &["dataset"],
            "more than one source of rows",
            "keep one of `path:`, `train:` with `test:`, or `simulate:`",
        )),
    }
    if d.train.is_some() != d.test.is_some() {
        let missing = if d.train.is_some() { "test" } else { "train" };
        out.push(fault(
            &["dataset"],
            format!("`{missing}:` is missing"),
            "official files come as `train:` and `test:`; a single file is `path:`",
        ));
    }
    if npz && d.path.as_ref().is_some_and(|p| p.0.len() > 1) {
        out.push(fault(&["dataset", "path"], "expected one npz file, got several paths", "give one npz file"));
    }
    let text_only = [("separator", d.separator != Separator::Auto), ("encoding", d.encoding != Encoding::Utf8)];
    for (key, _) in text_only.into_iter().filter(|(_, set)| *set && (npz || d.simulate.is_some())) {
        out.push(fault(
            &["dataset", key],
            format!("`{key}:` says how text files are read, and there is none"),
            "take it out",
        ));
    }
    if !npz {
        if d.simulate.is_none() && d.target.is_none() && sources.iter().any(|s| *s) {
            out.push(fault(&["dataset"], "missing key \"target\"", "add `target:` with the name of the class column"));
        }
        for (given, key) in [(d.classes.is_some(), "classes"), (d.features.is_some(), "features")] {
            if given {
                out.push(fault(
                    &["dataset", key],
                    format!("`{key}:` names what an npz file leaves without names"),
                    "take it out: a table has names of its own",
                ));
            }
        }
    }
    if let Some(positive) = &d.positive
        && !d.groups.contains_key(&positive.0)
    {
        let hint = closest(&positive.0, d.groups.keys().map(String::as_str))
            .map_or_else(|| "name one of `dataset.groups`".to_owned(), |g| format!("did you mean {g:?}?"));
        out.push(fault(&["dataset", "positive"], format!("no group is called {:?}", positive.0), hint));
    }
    if d.train_on == TrainOn::Group && d.groups.is_empty() {
        out.push(fault(&["dataset", "train_on"], "there are no groups to train on", "add `dataset.groups`"));
    }
    if let Some(target) = &d.target
        && d.keep_aside.contains(target)
    {
        out.push(fault(
            &["dataset", "keep_aside"],
            format!("the target {:?} cannot be kept aside", target.0),
            "take it out of `keep_aside`: the target is never a feature",
        ));
    }
    if matches!(e.balance, Balance::Given(_)) {
        if !npz {
            let hint = "use `balance: smote` or `balance: none`";
            out.push(fault(&["balance"], "`given` takes the balanced rows of an npz file, and there is none", hint));
        }
        if !matches!(e.split, SplitSpec::Predefined(_)) || e.split.has_validation() {
            out.push(fault(
                &["split"],
                "`balance: given` needs the split that the npz file came with: its made rows descend from all its training rows",
                "use `split: predefined` without a validation part, or another `balance`",
            ));
        }
        if !e.clean.is_empty() {
            out.push(fault(
                &["clean"],
                "the balanced rows of an npz file cannot be cleaned: they would lose their originals",
                "take `clean` out, or use another `balance`",
            ));
        }
    }
    for (i, step) in e.clean.iter().enumerate() {
        if let Err(error) = step.check() {
            let index = i.to_string();
            let path: Vec<&str> = ["clean", &index, step.word()].into_iter().chain(error.parameter).collect();
            out.push(fault(&path, error.message, error.hint));
        }
    }
    for (i, step) in e.prepare.iter().enumerate() {
        if let Err(error) = step.check() {
            let index = i.to_string();
            out.push(fault(&["prepare", &index, step.word()], error.to_string(), "see `runner explain prepare`"));
        }
    }
    let waived = e.allow.iter().any(|w| w.check == Code::S01.word());
    if (d.train.is_some() || npz) && !matches!(e.split, SplitSpec::Predefined(_)) && !waived {
        out.push(fault(
            &["split"],
            "the data comes with a test part of its own, and a new split would mix it into training (check S01)",
            "use `split: predefined`, or accept it with `allow: [{check: S01, reason: …}]`",
        ));
    }
    let deciding = e.evaluate.winner.metric;
    if deciding == Metric::Inertia {
        out.push(fault(
            &["evaluate", "winner", "metric"],
            "inertia is measured on the training rows, so it cannot choose a winner",
            "choose by a metric such as f1_macro",
        ));
    }
    let all_groups = matches!(deciding, Metric::GroupAccuracy | Metric::GroupMcc);
    if deciding.word().starts_with("group_") && (d.groups.is_empty() || (d.positive.is_none() && !all_groups)) {
        let needs = if all_groups { "`dataset.groups`" } else { "`dataset.groups` and `dataset.positive`" };
        out.push(fault(
            &["evaluate", "winner", "metric"],
            format!("{} needs {needs}", deciding.word()),
            "add them, or choose by a metric such as f1_macro",
        ));
    }
    if e.models.is_empty() {
        out.push(fault(&["models"], "no model", "add at least one, such as `random_forest: {}`"));
    }
    for model in &e.models {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if model.name.is_empty()
            || model.name.len() > 64
            || !model.name.chars().all(plain)
            || model.name.starts_with('.')
        {
            out.push(fault(
                &["models", &model.name],
                format!("{:?} cannot be a model's name: it names files", model.name),
                "use up to 64 letters, digits, `_`, `-` or `.`, not starting with `.`",
            ));
        }
        if model.name == crate::ml::MAJORITY && !matches!(model.spec, ModelSpec::Majority(_)) {
            out.push(fault(
                &["models", &model.name],
                "`majority` is the baseline that is always in the table",
                "give this model another name",
            ));
        }
    }
    for (i, a) in e.assert.iter().enumerate() {
        let index = i.to_string();
        if a.at_least.is_none() && a.at_most.is_none() {
            out.push(fault(&["assert", &index], "no bound", "add `at_least:` or `at_most:`"));
        }
        if let Some(name) = &a.model
            && !e.models.iter().any(|m| &m.name == name)
            && name != crate::ml::MAJORITY
        {
            let hint = closest(name, e.models.iter().map(|m| m.name.as_str()))
                .map_or_else(|| "name one of `models`".to_owned(), |g| format!("did you mean {g:?}?"));
            out.push(fault(&["assert", &index, "model"], format!("no model is called {name:?}"), hint));
        }
    }
    timeouts(e, &mut out);
    for (i, waiver) in e.allow.iter().enumerate() {
        let known = Code::ALL.iter().any(|c| c.word() == waiver.check);
        if !known {
            let words = Code::ALL.iter().map(|c| c.word()).collect::<Vec<_>>().join(", ");
            let index = i.to_string();
            out.push(fault(
                &["allow", &index, "check"],
                format!("no check has the code {:?}", waiver.check),
                format!("codes: {words}"),
            ));
        }
        if waiver.reason.trim().is_empty() {
            let index = i.to_string();
            out.push(fault(&["allow", &index, "reason"], "the reason is empty", "say why the finding is accepted"));
        }
    }
    out
}
