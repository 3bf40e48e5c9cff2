//! `runner verify`: computes the steps of a run again and compares the bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::failure::{Failure, placed};
use super::log::WorkArgs;
use super::out::Out;
use super::run::{sources, stored_experiment, stored_numerics};
use super::{Folders, Output, show};
use crate::digest::{Digest, Seed};
use crate::plan;
use crate::record::{Event, How, Problem, ProblemKind, StepRecord, StepState};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Run id, a unique beginning of one, or `latest`
    #[arg(default_value = "latest")]
    run: String,
    /// Computes only so many steps again, drawn anew each time
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    #[command(flatten)]
    work: WorkArgs,
    /// How to print the verdict
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

pub(super) fn verify(args: &VerifyArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    place.look()?;
    let store = Arc::new(Store::open(&place.runs, place.store.as_deref())?);
    let id = store.find_run(&args.run)?;
    let record = show::read(&store, &id)?;
    let user = |text: String, hint: &str| Failure::from(Problem::new(ProblemKind::User, text).hint(hint));
    if record.steps.is_empty() {
        return Err(user(format!("run {id} stopped before it had a plan"), "`runner resume` goes on with it"));
    }
    let experiment = stored_experiment(&record)?;
    let numerics = stored_numerics(&record)?;

    // The bytes of the data, not what is remembered of them.
    let sources = sources(&experiment, place, None)?;
    for (then, now) in record.data.iter().zip(&sources.named) {
        if then.digest != now.digest {
            let text = format!(
                "{} is not the file that run {id} read: its digest is {}, not {}",
                now.path, now.digest, then.digest
            );
            return Err(user(text, "give the folder of the data as it was with --data-dir"));
        }
    }
    let plan = Arc::new(plan::build(&experiment, &sources.files, numerics));
    let by_key: BTreeMap<Digest, &StepRecord> = record.steps.iter().map(|s| (s.key, s)).collect();
    if let Some(other) = record.steps.iter().find(|s| plan.steps.iter().all(|now| now.key != s.key)) {
        let text = format!("this version of runner computes {} in another way than run {id} did", other.step);
        return Err(user(text, "verify it with the version that the record names, or run the experiment anew"));
    }
    let mut wanted: Vec<usize> = (0..plan.steps.len())
        .filter(|i| by_key.get(&plan.steps[*i].key).is_some_and(|s| s.state == StepState::Done))
        .collect();
    let of = wanted.len();
    if let Some(most) = args.sample {
        let drawn = jiff::Timestamp::now().as_nanosecond().to_le_bytes();
        let mut rng = crate::ml::random::Rng::new(Seed::new(0).child(&Digest::of(&drawn).to_string()));
        rng.shuffle(&mut wanted);
        wanted.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    let known = |index: usize| -> BTreeMap<String, Digest> {
        by_key.get(&plan.steps[index].key).map(|s| s.outputs.iter().cloned().collect()).unwrap_or_default()
    };
    let recheck = wanted.iter().map(|i| (*i, known(*i))).collect();
    let runner = args.work.runner(&experiment, &plan).recheck(recheck);
    let stop = runner.stop_handle();
    let _ = ctrlc::set_handler(move || stop.stop());
    let mut problems: Vec<(String, Problem)> = Vec::new();
    let mut computed = 0;
    let ran = runner.run(&plan, &store, &Arc::new(sources.bytes), &mut |event| {
        match event {
            Event::StepFinished { how: How::Computed, .. } => computed += 1,
            Event::StepFailed { step, problem, .. } => problems.push((step, problem)),
            _ => {}
        }
        Ok(())
    })?;
    // A step that failed then, and fails now, is the same as it was.
    let done = |name: &String| record.steps.iter().any(|s| &s.step == name && s.state == StepState::Done);
    problems.retain(|(step, _)| done(step));
    let clean = problems.is_empty() && ran.different.is_empty() && !ran.interrupted;

    match args.output {
        Output::Json => {
            let different: Vec<_> = ran
                .different
                .iter()
                .map(|d| json!({"step": d.step, "key": d.key, "output": d.output, "stored": d.stored, "computed": d.computed}))
                .collect();
            let failed: Vec<_> = problems.iter().map(|(step, p)| json!({"step": step, "problem": p})).collect();
            let document = json!({
                "run": id, "clean": clean, "steps": of, "recomputed": wanted.len(), "different": different,
                "failed": failed, "interrupted": ran.interrupted,
            });
            out.line(&serde_json::to_string_pretty(&document).unwrap_or_default())?;
        }
        Output::Text => {
            for d in &ran.different {
                out.line(&format!("different: {} gave other bytes for its {}", d.step, d.output))?;
                out.line(&format!("  stored   {}\n  computed {}", d.stored, d.computed))?;
            }
            let with = format!("{} of {of} steps computed again with {} threads", wanted.len(), runner.threads());
            match (clean, ran.interrupted) {
                (true, _) => out.line(&format!("{id}: {with}: the same bytes"))?,
                (_, true) => out.line(&format!("{id}: interrupted; {computed} steps were computed again"))?,
                _ => out.line(&format!("{id}: {with}: {} differ, {} failed", ran.different.len(), problems.len()))?,
            }
        }
    }
    for (_, problem) in problems {
        out.note(&placed(problem, &experiment).render());
    }
    if ran.interrupted {
        return Ok(super::failure::INTERRUPTED);
    }
    Ok(if clean { 0 } else { super::failure::STEP })
}
