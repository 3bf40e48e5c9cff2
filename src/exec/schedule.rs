//! The order of the steps: each as soon as what it needs is there, as many at once as the cores and the memory allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::files::SourceData;
use super::limits::{self, Rank};
use super::work::{Done, Failed, Job, Shared, spawn};
use super::{Ended, ExecError, Message, Ran, Runner};
use crate::digest::Digest;
use crate::plan::{Plan, Step};
use crate::record::{Event, How, Problem, ProblemKind};
use crate::store::{Entry, Store, StoreError};

/// How soon a step is asked for again that another process computes.
const AGAIN: Duration = Duration::from_millis(20);
/// How often a step is done again because its outputs are lost, before the disk is to blame.
const MOST_LOSSES: usize = 3;

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    /// Another process computes it.
    Elsewhere,
    Done,
    Lost,
}

/// A job on the pool.
struct Running {
    index: usize,
    threads: usize,
    memory: u64,
    given_up: Arc<AtomicBool>,
    /// When it has to be done; nothing before it has begun, or without a timeout.
    until: Option<Instant>,
    /// The pool of a step that is one long thread. In the common pool, a thread that waits for its part of a parallel
    /// step could take up such a step meanwhile, and all would wait for it.
    own: Option<rayon::ThreadPool>,
}

/// A run under way.
struct Schedule<'a, 'b> {
    runner: &'a Runner,
    plan: &'a Arc<Plan>,
    shared: Arc<Shared>,
    pool: rayon::ThreadPool,
    /// Pools of one thread that have nothing to do.
    spare: Vec<rayon::ThreadPool>,
    state: Vec<State>,
    /// The steps that need each step.
    dependants: Vec<Vec<usize>>,
    /// Waiting steps whose inputs are there.
    ready: BTreeSet<(Rank, usize)>,
    /// Steps that another process computes, and when to ask for them again.
    elsewhere: BTreeMap<usize, Instant>,
    /// Of every step, how many that need it are not done.
    open_dependants: Vec<usize>,
    losses: Vec<usize>,
    told_awaited: Vec<bool>,
    /// Results that the store had when the run began.
    known: Vec<Option<Entry>>,
    running: BTreeMap<u64, Running>,
    next_ticket: u64,
    held_bytes: BTreeMap<usize, u64>,
    /// The failed step that ends the run, where one does.
    ended_by: Option<String>,
    ran: Ran,
    emit: &'b mut dyn FnMut(Event) -> Result<(), StoreError>,
}

impl Runner {
    fn pool(&self, threads: usize) -> Result<rayon::ThreadPool, ExecError> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("worker-{i}"))
            .build()
            .map_err(|e| ExecError::Threads(e.to_string()))
    }

    /// Goes on with a run: steps that have an entry in `ran` are done.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn go_on(
        &self,
        plan: &Arc<Plan>,
        store: &Arc<Store>,
        sources: &Arc<Vec<SourceData>>,
        ran: Ran,
        emit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<Ran, ExecError> {
        let pool = self.pool(self.threads)?;
        let steps = plan.steps.len();
        let recheck = &self.recheck;
        let known = pool.install(|| {
            let look = |(index, step): (usize, &Step)| {
                if recheck.contains_key(&index) { Ok(None) } else { store.entry(&step.key) }
            };
            plan.steps.par_iter().enumerate().map(look).collect::<Result<Vec<_>, _>>()
        })?;
        let mut schedule = Schedule {
            runner: self,
            plan,
            shared: Arc::new(Shared::new(plan.clone(), store.clone(), sources.clone(), self.recheck.clone())),
            pool,
            spare: Vec::new(),
            state: vec![State::Waiting; steps],
            dependants: vec![Vec::new(); steps],
            ready: BTreeSet::new(),
            elsewhere: BTreeMap::new(),
            open_dependants: vec![0; steps],
            losses: vec![0; steps],
            told_awaited: vec![false; steps],
            known,
            running: BTreeMap::new(),
            next_ticket: 0,
            held_bytes: BTreeMap::new(),
            ended_by: None,
            ran,
            emit,
        };
        for (index, step) in plan.steps.iter().enumerate() {
            for input in &step.inputs {
                schedule.dependants[input.step].push(index);
            }
            if schedule.ran.entries.contains_key(&index) {
                schedule.state[index] = State::Done;
            } else {
                for input in &step.inputs {
                    schedule.open_dependants[input.step] += 1;
                }
            }
        }
        schedule.go()
    }
}

impl Schedule<'_, '_> {
    fn go(mut self) -> Result<Ran, ExecError> {
        // Steps stand after what they need, so one pass finds all that is stored with stored inputs.
        for index in 0..self.plan.steps.len() {
            if self.is_ready(index) {
                match self.known[index].take() {
                    Some(entry) => {
                        let done =
                            Done { entry, how: How::Stored, artifacts: BTreeMap::new(), kept: true, different: None };
                        self.done(index, done)?;
                    }
                    None => self.offer(index),
                }
            }
        }
        // The others that were stored are asked for again in their turn: their inputs are to be made first.
        self.known.fill(None);
        loop {
            self.admit()?;
            if self.running.is_empty() && self.elsewhere.is_empty() {
                return Ok(self.ran);
            }
            let message = match self.next_look() {
                None => self.runner.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => self.runner.receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Stop) => {
                    self.ran.interrupted = true;
                    (self.emit)(Event::Interrupted)?;
                    // The workers are left to the end of the process: nothing that they do later is half-written.
                    std::mem::forget(self.pool);
                    return Ok(self.ran);
                }
                Ok(message) => {
                    if let Err(error) = self.take(message) {
                        std::mem::forget(self.pool);
                        return Err(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.ran),
            }
            self.give_up_late_ones()?;
        }
    }

    fn is_ready(&self, index: usize) -> bool {
        self.state[index] == State::Waiting
            && self.plan.steps[index].inputs.iter().all(|i| self.state[i.step] == State::Done)
    }

    fn offer(&mut self, index: usize) {
        self.ready.insert((limits::rank(&self.plan.steps[index].recipe), index));
    }

    fn withdraw(&mut self, index: usize) {
        self.ready.remove(&(limits::rank(&self.plan.steps[index].recipe), index));
    }

    /// Begins what can begin.
    fn admit(&mut self) -> Result<(), ExecError> {
        let now = Instant::now();
        let again: Vec<usize> = self.elsewhere.iter().filter(|(_, at)| **at <= now).map(|(i, _)| *i).collect();
        for index in again {
            self.elsewhere.remove(&index);
            self.state[index] = State::Waiting;
            self.offer(index);
        }
        let all = self.runner.threads;
        let (mut busy, mut used) =
            self.running.values().fold((0, 0_u64), |(n, sum), r| (n + r.threads, sum.saturating_add(r.memory)));
        let ready: Vec<(Rank, usize)> = self.ready.iter().copied().collect();
        for (rank, index) in ready {
            // A parallel step has serial stretches: one more fills them.
            if busy >= all && (all == 1 || self.running.len() >= 2) {
                break;
            }
            let memory = self.memory_of(index);
            if !self.running.is_empty() && used.saturating_add(memory) > self.runner.memory {
                // A smaller one may still fit beside what runs.
                continue;
            }
            self.ready.remove(&(rank, index));
            let threads = rank.width.threads(all);
            (busy, used) = (busy + threads, used.saturating_add(memory));
            self.begin(index, threads, memory)?;
        }
        Ok(())
    }

    fn memory_of(&self, index: usize) -> u64 {
        let step = &self.plan.steps[index];
        let input = |i: &crate::plan::Input| {
            let entry = self.ran.entries.get(&i.step)?;
            entry.outputs.get(&i.output).map(|o| o.bytes)
        };
        let mut bytes: u64 = step.inputs.iter().filter_map(input).sum();
        if !step.recipe.sources.is_empty() {
            bytes += self.shared.sources.iter().map(SourceData::len).sum::<u64>();
        }
        limits::memory(&step.recipe, bytes)
    }

    fn begin(&mut self, index: usize, threads: usize, memory: u64) -> Result<(), ExecError> {
        let inputs = self.plan.steps[index]
            .inputs
            .iter()
            .filter_map(|i| self.ran.entries.get(&i.step).map(|e| (i.step, e.clone())))
            .collect();
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let given_up = Arc::new(AtomicBool::new(false));
        let own = if threads == self.runner.threads {
            None
        } else {
            Some(self.spare.pop().map_or_else(|| self.runner.pool(1), Ok)?)
        };
        let job = Job { index, ticket, inputs, given_up: given_up.clone() };
        spawn(own.as_ref().unwrap_or(&self.pool), &self.shared, job, &self.runner.sender);
        self.running.insert(ticket, Running { index, threads, memory, given_up, until: None, own });
        self.state[index] = State::Running;
        Ok(())
    }

    /// When something has to be looked at, even without a message.
    fn next_look(&self) -> Option<Instant> {
        let again = self.elsewhere.values().copied();
        let late = self.running.values().filter_map(|r| r.until);
        again.chain(late).min()
    }

    fn take(&mut self, message: Message) -> Result<(), ExecError> {
        match message {
            Message::Started(ticket) => {
                let Some(running) = self.running.get_mut(&ticket) else { return Ok(()) };
                let timeout = self.runner.timeouts.get(running.index).copied().flatten();
                running.until = timeout.and_then(|t| Instant::now().checked_add(t));
                let step = self.plan.steps[running.index].name.clone();
                Ok((self.emit)(Event::StepStarted { step, at: None })?)
            }
            Message::Progress(ticket, thousandths) => {
                let Some(running) = self.running.get(&ticket) else { return Ok(()) };
                let step = self.plan.steps[running.index].name.clone();
                Ok((self.emit)(Event::StepProgress { step, thousandths })?)
            }
            Message::Ended(Ended { ticket, result }) => {
                // Nobody waits for one that was given up.
                let Some(Running { index, own, .. }) = self.running.remove(&ticket) else { return Ok(()) };
                self.spare.extend(own);
                match *result {
                    Ok(done) => self.done(index, done),
                    Err(Failed::Store(error)) => Err(error.into()),
                    Err(Failed::Step(problem)) => self.failed(index, problem),
                    Err(Failed::Elsewhere(process)) => self.elsewhere(index, process),
                    Err(Failed::Lost(producer, digest, problem)) => self.lost(index, producer, digest, problem),
                }
            }
            Message::Stop => Ok(()),
        }
    }

    fn done(&mut self, index: usize, done: Done) -> Result<(), ExecError> {
        self.state[index] = State::Done;
        (self.emit)(finished(&self.plan.steps[index], &done))?;
        self.ran.different.extend(done.different);
        let bytes: u64 = done.entry.outputs.values().map(|o| o.bytes).sum();
        self.ran.entries.insert(index, done.entry);
        let mut held = self.shared.held();
        // What is held in memory can be read from the store again, so a tight limit holds less.
        let used: u64 = self.held_bytes.values().sum();
        let fits = used.saturating_add(bytes) <= self.runner.memory / 4 || !done.kept;
        if self.open_dependants[index] > 0 && !done.artifacts.is_empty() && fits {
            held.insert(index, done.artifacts);
            self.held_bytes.insert(index, bytes);
        }
        for input in &self.plan.steps[index].inputs {
            self.open_dependants[input.step] -= 1;
            if self.open_dependants[input.step] == 0 {
                held.remove(&input.step);
                self.held_bytes.remove(&input.step);
            }
        }
        drop(held);
        for at in 0..self.dependants[index].len() {
            let later = self.dependants[index][at];
            if self.is_ready(later) && self.known[later].is_none() {
                self.offer(later);
            }
        }
        Ok(())
    }

    fn failed(&mut self, index: usize, problem: Problem) -> Result<(), ExecError> {
        self.state[index] = State::Lost;
        let because = self.plan.steps[index].name.clone();
        (self.emit)(Event::StepFailed { step: because.clone(), problem, place: None })?;
        if !self.runner.keep_going {
            self.ended_by.get_or_insert_with(|| because.clone());
        }
        // Steps stand after what they need, so one pass finds all that is lost with this one.
        for later in 0..self.plan.steps.len() {
            self.skip_if_lost(later, &because)?;
        }
        Ok(())
    }

    /// Passes over a step that is open and cannot or must not be done any more. Whether it did.
    fn skip_if_lost(&mut self, index: usize, because: &str) -> Result<bool, ExecError> {
        let needs_lost = self.plan.steps[index].inputs.iter().any(|i| self.state[i.step] == State::Lost);
        let open = matches!(self.state[index], State::Waiting | State::Elsewhere);
        let skip = open && (needs_lost || self.ended_by.is_some());
        if skip {
            self.state[index] = State::Lost;
            self.elsewhere.remove(&index);
            self.withdraw(index);
            let step = self.plan.steps[index].name.clone();
            (self.emit)(Event::StepSkipped { step, because: because.to_owned() })?;
        }
        Ok(skip)
    }

    fn elsewhere(&mut self, index: usize, process: Option<u32>) -> Result<(), ExecError> {
        self.state[index] = State::Elsewhere;
        if let Some(because) = self.ended_by.clone() {
            return self.skip_if_lost(index, &because).map(|_| ());
        }
        self.elsewhere.insert(index, Instant::now() + AGAIN);
        if !std::mem::replace(&mut self.told_awaited[index], true) {
            (self.emit)(Event::StepAwaited { step: self.plan.steps[index].name.clone(), process })?;
        }
        Ok(())
    }

    /// An input of `index` is gone or damaged: the step that gives it is done again.
    fn lost(&mut self, index: usize, producer: usize, digest: Digest, problem: String) -> Result<(), ExecError> {
        let step = self.plan.steps[producer].name.clone();
        self.state[index] = State::Waiting;
        let because = self.ended_by.clone().unwrap_or_else(|| step.clone());
        if self.skip_if_lost(index, &because)? {
            return Ok(());
        }
        if self.state[producer] != State::Done {
            // Another step has missed it already; this one comes after it.
            if self.is_ready(index) {
                self.offer(index);
            }
            return Ok(());
        }
        self.losses[producer] += 1;
        if self.losses[producer] > MOST_LOSSES {
            let text = format!("object {digest} of step {step} {problem}, again and again");
            return self.failed(index, Problem::new(ProblemKind::Machine, text).hint("the disk may be failing"));
        }
        (self.emit)(Event::ObjectLost { step, digest, problem })?;
        self.state[producer] = State::Waiting;
        self.ran.entries.remove(&producer);
        self.shared.held().remove(&producer);
        self.held_bytes.remove(&producer);
        for input in &self.plan.steps[producer].inputs {
            self.open_dependants[input.step] += 1;
        }
        for at in 0..self.dependants[producer].len() {
            let later = self.dependants[producer][at];
            self.withdraw(later);
        }
        self.offer(producer);
        Ok(())
    }

    /// Fails the steps that have taken longer than they may. Their threads cannot be stopped from outside: a step is
    /// told to give up when it next tells how far it is, and the rest of the run goes on with fresh threads.
    fn give_up_late_ones(&mut self) -> Result<(), ExecError> {
        let now = Instant::now();
        let late: Vec<u64> =
            self.running.iter().filter(|(_, r)| r.until.is_some_and(|until| until <= now)).map(|(t, _)| *t).collect();
        for ticket in late {
            let Some(running) = self.running.remove(&ticket) else { continue };
            running.given_up.store(true, Ordering::Relaxed);
            let timeout = self.runner.timeouts.get(running.index).copied().flatten().unwrap_or_default();
            let name = &self.plan.steps[running.index].name;
            let text = format!("{name} took longer than its timeout of {} s", timeout.as_secs_f64());
            let problem = Problem::new(ProblemKind::Step, text)
                .at("limits")
                .hint("raise `limits.timeout`, or the entry of `limits.timeouts`");
            // Dropping a pool waits for nobody; jobs that it has begun go on in it.
            if running.own.is_none() {
                self.pool = self.runner.pool(self.runner.threads)?;
            }
            self.failed(running.index, problem)?;
        }
        Ok(())
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
