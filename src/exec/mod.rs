//! Runs a plan: every step as soon as what it needs is there, on one rayon pool (long single threads beside it), with one
//! channel of events.

mod files;
mod find;
mod finish;
mod forecast;
mod limits;
mod schedule;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use thiserror::Error;

pub use files::{DataFolders, SourceData, Sources, read_sources, read_sources_with};
pub use finish::finish;
pub use forecast::{Forecast, Outlook, Reason, forecast};

pub use crate::step::SourceBytes;

use crate::digest::Digest;
use crate::plan::{Plan, Step};
use crate::record::{Event, PlannedStep};
use crate::step::Artifact;
use crate::store::{Different, Entry, Store, StoreError};
use work::{Done, Failed};

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
    Started(u64),
    Progress(u64, u16),
    Ended(Ended),
    Stop,
}

/// How a try at a step ended.
#[derive(Debug)]
struct Ended {
    ticket: u64,
    result: Box<Result<Done, Failed>>,
}

/// How the steps of a plan came out.
#[derive(Debug, Default)]
pub struct Ran {
    /// The entry of every step that has its result, by index.
    pub entries: BTreeMap<usize, Entry>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Steps that gave other bytes than before, of those that were to be checked.
    pub different: Vec<Different>,
}

impl Ran {
    /// Forgets the steps that gave an object which is not in the store any more: their indices.
    pub fn forget(&mut self, digest: &Digest) -> Vec<usize> {
        let gave = |entry: &Entry| entry.outputs.values().any(|o| o.digest == *digest);
        let indices: Vec<usize> = self.entries.iter().filter(|(_, e)| gave(e)).map(|(i, _)| *i).collect();
        for index in &indices {
            self.entries.remove(index);
        }
        indices
    }
}

/// How long a step may take.
pub type Timeout<'a> = &'a dyn Fn(&Step) -> Option<Duration>;

/// A run being prepared; [`Runner::stop_handle`] can be given away before it starts.
#[derive(Debug)]
pub struct Runner {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    threads: usize,
    memory: u64,
    keep_going: bool,
    recheck: BTreeMap<usize, BTreeMap<String, Digest>>,
    timeouts: Vec<Option<Duration>>,
}

impl Runner {
    /// A runner with this many worker threads; 0 means one per core.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let (sender, receiver) = channel();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            sender,
            receiver,
            threads: if threads == 0 { cores() } else { threads },
            memory: limits::default_memory(),
            keep_going: true,
            recheck: BTreeMap::new(),
            timeouts: Vec::new(),
        }
    }

    /// Holds steps back while others take so many bytes of memory that both would be more than this. A single step
    /// that needs more runs alone.
    #[must_use]
    pub fn memory(mut self, bytes: Option<u64>) -> Self {
        self.memory = bytes.unwrap_or_else(limits::default_memory);
        self
    }

    /// Whether steps that do not need a failed one go on; they do unless this says otherwise.
    #[must_use]
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = keep_going;
        self
    }

    /// How long each step of a plan may take, by its index.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Vec<Option<Duration>>) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Computes these steps although they are stored, and compares their outputs with these digests.
    #[must_use]
    pub fn recheck(mut self, steps: BTreeMap<usize, BTreeMap<String, Digest>>) -> Self {
        self.recheck = steps;
        self
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
        &self,
        plan: &Arc<Plan>,
        store: &Arc<Store>,
        sources: &Arc<Vec<SourceData>>,
        emit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<Ran, ExecError> {
        emit(planned(plan))?;
        self.go_on(plan, store, sources, Ran::default(), emit)
    }
}

/// The event that tells the steps.
fn planned(plan: &Plan) -> Event {
    let step = |s: &Step| PlannedStep { step: s.name.clone(), kind: s.recipe.step.word().to_owned(), key: s.key };
    Event::Planned { steps: plan.steps.iter().map(step).collect() }
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
