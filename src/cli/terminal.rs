//! Progress on standard error: a live line per running step on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::out::Out;
use crate::record::{Event, How};

#[derive(Debug)]
enum Mode {
    Silent,
    Plain,
    Live(MultiProgress, BTreeMap<String, ProgressBar>),
}

/// Shows events as they happen.
#[derive(Debug)]
pub(super) struct Terminal {
    mode: Mode,
    notes: Out,
    stored: usize,
    /// Steps that were not tried, by the step that failed.
    skipped: BTreeMap<String, usize>,
}

impl Terminal {
    pub(super) fn new(out: &Out, silent: bool) -> Self {
        let mode = if silent {
            Mode::Silent
        } else if out.notes_are_seen() {
            Mode::Live(MultiProgress::new(), BTreeMap::new())
        } else {
            Mode::Plain
        };
        Self { mode, notes: Out::new(), stored: 0, skipped: BTreeMap::new() }
    }

    pub(super) fn show(&mut self, event: &Event) {
        match event {
            Event::RunStarted { run, .. } => self.say(&format!("run {run}")),
            Event::DataRead { .. }
            | Event::Planned { .. }
            | Event::ModelJudged { .. }
            | Event::WinnerChosen { .. }
            | Event::Warned { .. }
            | Event::BoundMissed { .. }
            | Event::FileWritten { .. } => {}
            Event::StepStarted { step, .. } => {
                if let Mode::Live(all, bars) = &mut self.mode {
                    let style =
                        ProgressStyle::with_template("  {spinner} {prefix:<32} {bar:24} {percent:>3}%  {elapsed}");
                    let bar = all.add(ProgressBar::new(1000));
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                    bar.set_prefix(step.clone());
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bars.insert(step.clone(), bar);
                }
            }
            Event::StepProgress { step, thousandths } => {
                if let Mode::Live(_, bars) = &self.mode
                    && let Some(bar) = bars.get(step)
                {
                    bar.set_position(u64::from(*thousandths));
                }
            }
            Event::StepFinished { step, how: How::Computed, seconds, .. } => {
                self.clear(step);
                self.say(&format!("  done    {step:<32} {seconds:>7.2} s"));
            }
            Event::StepFinished { how: How::Stored, .. } => self.stored += 1,
            Event::StepFailed { step, .. } => {
                self.clear(step);
                self.say(&format!("  failed  {step}"));
            }
            Event::StepSkipped { because, .. } => *self.skipped.entry(because.clone()).or_default() += 1,
            Event::Resumed { .. } => self.say("  goes on"),
            Event::StepAwaited { step, process } => {
                let whose = process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                self.say(&format!("  waits   {step:<32} {whose} computes it"));
            }
            Event::ObjectLost { step, digest, problem } => {
                let object = digest.short(12);
                self.say(&format!("  lost    {step:<32} object {object} {problem}; it is made anew"));
            }
            Event::Interrupted => {
                self.say("interrupted: what is finished is kept");
                self.end();
            }
            Event::RunFinished { .. } => self.end(),
        }
    }

    fn clear(&mut self, step: &str) {
        if let Mode::Live(_, bars) = &mut self.mode
            && let Some(bar) = bars.remove(step)
        {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, line: &str) {
        match &self.mode {
            Mode::Silent => {}
            Mode::Plain => self.notes.note(&format!("{line}\n")),
            Mode::Live(all, _) => drop(all.println(line)),
        }
    }

    pub(super) fn end(&mut self) {
        for (because, n) in std::mem::take(&mut self.skipped) {
            self.say(&format!("  skipped {n} {} because {because} failed", if n == 1 { "step" } else { "steps" }));
        }
        let stored = std::mem::take(&mut self.stored);
        if stored > 0 {
            let many = if stored == 1 { "1 step was" } else { &format!("{stored} steps were") };
            self.say(&format!("  {many} in the store already"));
        }
        if let Mode::Live(all, bars) = &mut self.mode {
            bars.clear();
            let _ = all.clear();
        }
    }
}
