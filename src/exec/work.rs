//! One step: from the store, or computed and stored.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::files::SourceData;
use super::{Ended, Message};
use crate::digest::Digest;
use crate::ml::Progress;
use crate::plan::Plan;
use crate::record::{How, Problem, ProblemKind};
use crate::step::{Artifact, Outcome, SourceBytes, StepError, Work};
use crate::store::{Different, Entry, Store, StoreError, Stored, Turn};

/// A step that has its result.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) entry: Entry,
    pub(super) how: How,
    pub(super) artifacts: BTreeMap<String, Arc<Artifact>>,
    /// Whether the outputs can be read from the store.
    pub(super) kept: bool,
    /// What it was before, where it came out otherwise while results were checked.
    pub(super) different: Option<Different>,
}

/// Why a step has none.
#[derive(Debug)]
pub(super) enum Failed {
    /// It failed.
    Step(Problem),
    /// The disk did.
    Store(StoreError),
    /// Another process computes it.
    Elsewhere(Option<u32>),
    /// An input is not in the store any more: step that gives it, digest, what became of it.
    Lost(usize, Digest, String),
}

/// What the payload of a panic says when a step is told to give up.
struct GivenUp;

/// What all steps of a run share.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) store: Arc<Store>,
    pub(super) sources: Arc<Vec<SourceData>>,
    /// Results that are computed although they are stored, and what they were.
    pub(super) recheck: BTreeMap<usize, BTreeMap<String, Digest>>,
    /// Outputs that later steps still need, by step.
    held: Mutex<BTreeMap<usize, BTreeMap<String, Arc<Artifact>>>>,
}

/// One try at a step.
pub(super) struct Job {
    pub(super) index: usize,
    pub(super) ticket: u64,
    /// Entries of the steps whose outputs it takes.
    pub(super) inputs: BTreeMap<usize, Entry>,
    /// Set when nobody waits for it any more.
    pub(super) given_up: Arc<AtomicBool>,
}

impl Shared {
    pub(super) fn new(
        plan: Arc<Plan>,
        store: Arc<Store>,
        sources: Arc<Vec<SourceData>>,
        recheck: BTreeMap<usize, BTreeMap<String, Digest>>,
    ) -> Self {
        Self { plan, store, sources, recheck, held: Mutex::new(BTreeMap::new()) }
    }

    pub(super) fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, BTreeMap<String, Arc<Artifact>>>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn carry_out(&self, job: &Job, sender: &Sender<Message>) -> Result<Done, Failed> {
        let step = &self.plan.steps[job.index];
        let recheck = self.recheck.get(&job.index);
        // Nobody else computes this step meanwhile; whoever did before has stored it.
        let mut turn = None;
        if recheck.is_none() {
            match self.store.turn(&step.key).map_err(Failed::Store)? {
                Turn::Mine(lock) => turn = Some(lock),
                Turn::Theirs(process) => return Err(Failed::Elsewhere(process)),
            }
            if let Some(entry) = self.store.entry(&step.key).map_err(Failed::Store)? {
                return Ok(Done { entry, how: How::Stored, artifacts: BTreeMap::new(), kept: true, different: None });
            }
        }
        let _ = sender.send(Message::Started(job.ticket));
        let begun = Instant::now();
        let mut inputs = BTreeMap::new();
        for input in &step.inputs {
            inputs.insert(input.name.clone(), self.input(input.step, &input.output, &job.inputs)?);
        }
        let sources = if step.recipe.sources.is_empty() { Vec::new() } else { self.source_bytes()? };
        let last = AtomicU16::new(0);
        let listener = |share: f64| {
            if job.given_up.load(Ordering::Relaxed) {
                // Unwinds without the message of a panic: the step ends here, and its threads are free again.
                resume_unwind(Box::new(GivenUp));
            }
            let thousandths = (share.clamp(0.0, 1.0) * 1000.0) as u16;
            // One message per hundredth: the terminal shows no more.
            if thousandths >= last.load(Ordering::Relaxed).saturating_add(10) {
                last.store(thousandths, Ordering::Relaxed);
                let _ = sender.send(Message::Progress(job.ticket, thousandths));
            }
        };
        let work = Work { recipe: &step.recipe, inputs, sources: &sources, progress: Progress::new(&listener) };
        let outcome = match catch_unwind(AssertUnwindSafe(|| crate::step::run(&work))) {
            Ok(outcome) => outcome,
            Err(panic) if panic.is::<GivenUp>() => Err(StepError::Recipe("the step was given up".into())),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_else(|| "no message".into());
                Err(StepError::Recipe(format!("the step panicked: {text}")))
            }
        };
        let Outcome { outputs, notes } = outcome.map_err(|e| Failed::Step(e.problem(&step.place)))?;
        let mut stored = BTreeMap::new();
        let mut artifacts = BTreeMap::new();
        for (name, artifact) in outputs {
            let bytes = artifact.encode().map_err(|e| Failed::Step(e.problem(&step.place)))?;
            let object = match recheck {
                None => self.store.put(&bytes).map_err(Failed::Store)?,
                Some(_) => Stored { digest: Digest::of(&bytes), bytes: bytes.len() as u64 },
            };
            stored.insert(name.clone(), object);
            artifacts.insert(name, Arc::new(artifact));
        }
        let entry = Entry::new(step.key, stored, notes, begun.elapsed().as_secs_f64());
        if let Some(known) = recheck {
            return Ok(self.compared(entry, artifacts, known, &step.name));
        }
        self.store.put_entry(&step.name, &step.recipe.to_json(), &entry).map_err(|error| match error {
            StoreError::Nondeterministic(_) => Failed::Step(
                Problem::new(ProblemKind::Bug, error.to_string()).hint("please report it with the experiment"),
            ),
            other => Failed::Store(other),
        })?;
        drop(turn);
        Ok(Done { entry, how: How::Computed, artifacts, kept: true, different: None })
    }

    /// A result that was computed again, beside what it was.
    fn compared(
        &self,
        entry: Entry,
        artifacts: BTreeMap<String, Arc<Artifact>>,
        known: &BTreeMap<String, Digest>,
        step: &str,
    ) -> Done {
        let of = |digest: &Digest| Stored { digest: *digest, bytes: 0 };
        let known = known.iter().map(|(name, digest)| (name.clone(), of(digest))).collect();
        let different = entry.differs_from(&known, step);
        match self.store.entry(&entry.key).ok().flatten() {
            // Later steps go on from what it was, so that each is judged by itself.
            Some(entry) if different.is_some() => {
                Done { entry, how: How::Computed, artifacts: BTreeMap::new(), kept: true, different }
            }
            stored => Done { entry, how: How::Computed, artifacts, kept: stored.is_some(), different },
        }
    }

    fn source_bytes(&self) -> Result<Vec<SourceBytes>, Failed> {
        self.sources.iter().map(|source| source.load().map_err(Failed::Step)).collect()
    }

    /// An output of an earlier step: from memory, or from the store.
    fn input(&self, step: usize, output: &str, entries: &BTreeMap<usize, Entry>) -> Result<Arc<Artifact>, Failed> {
        if let Some(artifact) = self.held().get(&step).and_then(|outputs| outputs.get(output)) {
            return Ok(artifact.clone());
        }
        let stored = entries.get(&step).and_then(|e| e.outputs.get(output)).ok_or_else(|| {
            Failed::Step(match output {
                "balanced" => Problem::new(
                    ProblemKind::User,
                    "the npz file has no X_train_unSMOTE, so no balanced rows beside the raw ones",
                )
                .at("balance")
                .hint("use `balance: none`, or `balance: smote`"),
                part => Problem::new(ProblemKind::User, format!("the {part} part has no row"))
                    .at("split")
                    .hint(format!("give it more rows with `{part}_size`")),
            })
        })?;
        let bytes = self.store.get(stored).map_err(|error| match error {
            StoreError::Lost { digest, problem } => Failed::Lost(step, digest, problem),
            other => Failed::Store(other),
        })?;
        let artifact = Artifact::decode(bytes).map_err(|e| Failed::Step(e.problem(&self.plan.steps[step].place)))?;
        let artifact = Arc::new(artifact);
        self.held().entry(step).or_default().insert(output.to_owned(), artifact.clone());
        Ok(artifact)
    }
}

/// Does a job on a worker thread and tells how it ended.
pub(super) fn spawn(pool: &rayon::ThreadPool, shared: &Arc<Shared>, job: Job, sender: &Sender<Message>) {
    let (shared, sender) = (shared.clone(), sender.clone());
    pool.spawn(move || {
        let result = shared.carry_out(&job, &sender);
        let _ = sender.send(Message::Ended(Ended { ticket: job.ticket, result: Box::new(result) }));
    });
}
