//! Runs a plan: every step as soon as what it needs is there, on one rayon pool, with one channel of events.

mod files;
mod finish;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use thiserror::Error;

pub use files::{DataFolders, Sources, read_sources};
pub use finish::finish;

use crate::ml::Progress;
use crate::plan::{Plan, Step};
use crate::record::{Event, How, PlannedStep, Problem, ProblemKind};
use crate::step::{Artifact, Outcome, SourceBytes, StepError, Work};
use crate::store::{Entry, Store, StoreError};

/// What stops a run as a whole.
#[derive(Debug, Error)]
pub enum ExecError {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The worker threads cannot be started.
    #[error("cannot start the worker threads: {0}")]
    Threads(String),
}

/// Lets the user stop a run: it ends at once, what is finished stays.
#[derive(Clone, Debug)]
pub struct Stop(Sender<Message>);

impl Stop {
    /// Stops the run.
    pub fn stop(&self) {
        let _ = self.0.send(Message::Stop);
    }
}

#[derive(Debug)]
enum Message {
    Started(usize),
    Progress(usize, u16),
    Done(usize, Result<Done, Failed>),
    Stop,
}

#[derive(Debug)]
struct Done {
    entry: Entry,
    how: How,
    artifacts: BTreeMap<String, Arc<Artifact>>,
}

#[derive(Debug)]
enum Failed {
    Step(Problem),
    Store(StoreError),
}

/// How the steps of a plan came out.
#[derive(Debug, Default)]
pub struct Ran {
    /// The entry of every step that has its result, by index.
    pub entries: BTreeMap<usize, Entry>,
    /// Whether the user stopped it.
    pub interrupted: bool,
}

/// A run being prepared; [`Runner::stop_handle`] can be given away before it starts.
#[derive(Debug)]
pub struct Runner {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    threads: usize,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Lost,
}

impl Runner {
    /// A runner with this many worker threads; 0 means one per core.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let (sender, receiver) = channel();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self { sender, receiver, threads: if threads == 0 { cores() } else { threads } }
    }

    /// Worker threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// A handle that stops the run.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        Stop(self.sender.clone())
    }

    /// Runs all steps of the plan. A step that fails loses its dependants, the others go on.
    ///
    /// # Errors
    /// [`ExecError`] where the store or the machine fails; a failed step is an event, not an error.
    pub fn run(
        self,
        plan: &Arc<Plan>,
        store: &Arc<Store>,
        sources: &Arc<Vec<SourceBytes>>,
        emit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<Ran, ExecError> {
        emit(Event::Planned {
            steps: plan
                .steps
                .iter()
                .map(|s| PlannedStep { step: s.name.clone(), kind: s.recipe.step.word().to_owned(), key: s.key })
                .collect(),
        })?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|i| format!("worker-{i}"))
            .build()
            .map_err(|e| ExecError::Threads(e.to_string()))?;
        let shared = Arc::new(Shared {
            plan: plan.clone(),
            store: store.clone(),
            sources: sources.clone(),
            held: Mutex::new(BTreeMap::new()),
        });
        let mut state = vec![State::Waiting; plan.steps.len()];
        let mut open_dependants = vec![0_usize; plan.steps.len()];
        for step in &plan.steps {
            for input in &step.inputs {
                open_dependants[input.step] += 1;
            }
        }
        let mut ran = Ran::default();
        loop {
            for index in 0..plan.steps.len() {
                let ready = state[index] == State::Waiting
                    && plan.steps[index].inputs.iter().all(|i| state[i.step] == State::Done);
                if ready {
                    state[index] = State::Running;
                    let (shared, sender) = (shared.clone(), self.sender.clone());
                    let entries: BTreeMap<usize, Entry> = plan.steps[index]
                        .inputs
                        .iter()
                        .filter_map(|i| ran.entries.get(&i.step).map(|e| (i.step, e.clone())))
                        .collect();
                    pool.spawn(move || {
                        let result = shared.step(index, &entries, &sender);
                        let _ = sender.send(Message::Done(index, result));
                    });
                }
            }
            if !state.contains(&State::Running) {
                return Ok(ran);
            }
            let Ok(message) = self.receiver.recv() else { return Ok(ran) };
            match message {
                Message::Started(index) => emit(Event::StepStarted { step: plan.steps[index].name.clone() })?,
                Message::Progress(index, thousandths) => {
                    emit(Event::StepProgress { step: plan.steps[index].name.clone(), thousandths })?;
                }
                Message::Stop => {
                    ran.interrupted = true;
                    emit(Event::Interrupted)?;
                    // The workers are left to the end of the process: nothing that they do later is half-written.
                    std::mem::forget(pool);
                    return Ok(ran);
                }
                Message::Done(index, Ok(done)) => {
                    state[index] = State::Done;
                    emit(finished(&plan.steps[index], &done))?;
                    ran.entries.insert(index, done.entry);
                    let mut held = shared.held();
                    if open_dependants[index] > 0 {
                        held.insert(index, done.artifacts);
                    }
                    for input in &plan.steps[index].inputs {
                        open_dependants[input.step] -= 1;
                        if open_dependants[input.step] == 0 {
                            held.remove(&input.step);
                        }
                    }
                }
                Message::Done(_, Err(Failed::Store(error))) => {
                    std::mem::forget(pool);
                    return Err(error.into());
                }
                Message::Done(index, Err(Failed::Step(problem))) => {
                    state[index] = State::Lost;
                    emit(Event::StepFailed { step: plan.steps[index].name.clone(), problem })?;
                    // Steps stand after what they need, so one pass finds all that is lost with this one.
                    for later in index + 1..plan.steps.len() {
                        let needs_lost = plan.steps[later].inputs.iter().any(|i| state[i.step] == State::Lost);
                        if state[later] == State::Waiting && needs_lost {
                            state[later] = State::Lost;
                            emit(Event::StepSkipped {
                                step: plan.steps[later].name.clone(),
                                because: plan.steps[index].name.clone(),
                            })?;
                        }
                    }
                }
            }
        }
    }
}

fn finished(step: &Step, done: &Done) -> Event {
    let mut notes = done.entry.notes.clone();
    for warning in &mut notes.warnings {
        // A note is stored without the label of this experiment; here it gets its place.
        match &warning.place {
            None if !step.place.is_empty() => warning.place = Some(step.place.clone()),
            _ => {}
        }
    }
    Event::StepFinished {
        step: step.name.clone(),
        how: done.how,
        seconds: done.entry.seconds,
        outputs: done.entry.outputs.iter().map(|(name, o)| (name.clone(), o.digest)).collect(),
        notes,
    }
}

struct Shared {
    plan: Arc<Plan>,
    store: Arc<Store>,
    sources: Arc<Vec<SourceBytes>>,
    /// Outputs that later steps still need, by step.
    held: Mutex<BTreeMap<usize, BTreeMap<String, Arc<Artifact>>>>,
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, BTreeMap<String, Arc<Artifact>>>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn step(&self, index: usize, entries: &BTreeMap<usize, Entry>, sender: &Sender<Message>) -> Result<Done, Failed> {
        let step = &self.plan.steps[index];
        if let Some(entry) = self.store.entry(&step.key).map_err(Failed::Store)? {
            return Ok(Done { entry, how: How::Stored, artifacts: BTreeMap::new() });
        }
        let _ = sender.send(Message::Started(index));
        let begun = Instant::now();
        let last = AtomicU16::new(0);
        let listener = |share: f64| {
            let thousandths = (share.clamp(0.0, 1.0) * 1000.0) as u16;
            // One message per hundredth: the terminal shows no more.
            if thousandths >= last.load(Ordering::Relaxed).saturating_add(10) {
                last.store(thousandths, Ordering::Relaxed);
                let _ = sender.send(Message::Progress(index, thousandths));
            }
        };
        let mut inputs = BTreeMap::new();
        for input in &step.inputs {
            inputs.insert(input.name.clone(), self.input(input.step, &input.output, entries)?);
        }
        let work = Work { recipe: &step.recipe, inputs, sources: &self.sources, progress: Progress::new(&listener) };
        let outcome = match catch_unwind(AssertUnwindSafe(|| crate::step::run(&work))) {
            Ok(outcome) => outcome,
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
            stored.insert(name.clone(), self.store.put(&bytes).map_err(Failed::Store)?);
            artifacts.insert(name, Arc::new(artifact));
        }
        let entry = Entry::new(step.key, stored, notes, begun.elapsed().as_secs_f64());
        self.store.put_entry(&step.name, &step.recipe.to_json(), &entry).map_err(|error| match error {
            StoreError::Nondeterministic(_) => Failed::Step(
                Problem::new(ProblemKind::Bug, error.to_string()).hint("please report it with the experiment"),
            ),
            other => Failed::Store(other),
        })?;
        Ok(Done { entry, how: How::Computed, artifacts })
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
        let bytes = self.store.get(stored).map_err(Failed::Store)?;
        let artifact = Artifact::decode(bytes).map_err(|e| Failed::Step(e.problem(&self.plan.steps[step].place)))?;
        let artifact = Arc::new(artifact);
        self.held().entry(step).or_default().insert(output.to_owned(), artifact.clone());
        Ok(artifact)
    }
}

/// An output of a step, read from the store.
///
/// # Errors
/// [`StoreError`], or a message where the bytes are not what they should be.
pub fn load(store: &Store, entry: &Entry, output: &str) -> Result<Artifact, StoreError> {
    let stored = entry.outputs.get(output).ok_or_else(|| StoreError::Damaged {
        path: store.runs().to_owned(),
        problem: format!("step {} has no output {output}", entry.key),
    })?;
    Artifact::decode(store.get(stored)?)
        .map_err(|e| StoreError::Damaged { path: store.runs().to_owned(), problem: e.to_string() })
}
