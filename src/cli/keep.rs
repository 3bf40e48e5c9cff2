//! Keeping house: `runner gc`, `fsck`, `rm`, `export`, `import`, and `replay`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::log::{ShowArgs, report};
use super::out::Out;
use super::{Folders, Output};
use crate::record::{Problem, ProblemKind, RunRecord};
use crate::store::{Freed, Keep, Store};

#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Only the latest N runs of this folder count; results that only older ones refer to go too
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Results that only runs older than this refer to go too: `30d`, `12h`, `45m`
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    /// Says what would go, and removes nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print what went
    #[arg(long, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// A length of time: `30d`, `12h`, `45m`, `90s`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number with d, h, m or s, such as 30d".to_owned();
    let (number, factor) = match text.trim().char_indices().last() {
        Some((at, 'd')) => (&text.trim()[..at], 86_400),
        Some((at, 'h')) => (&text.trim()[..at], 3_600),
        Some((at, 'm')) => (&text.trim()[..at], 60),
        Some((at, 's')) => (&text.trim()[..at], 1),
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).map(Duration::from_secs).ok_or_else(wrong)
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The store, where there is one already.
fn existing(place: &Folders) -> Result<Store, Failure> {
    place.look()?;
    Ok(Store::open(&place.runs, place.store.as_deref())?)
}

pub(super) fn gc(args: &GcArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = if args.dry_run { place.look()? } else { existing(place)? };
    let keep = Keep { last: args.keep_last, younger_than: args.older_than };
    let freed = store.gc(keep, args.dry_run)?;
    match args.output {
        Output::Json => {
            let mut document = serde_json::to_value(&freed).unwrap_or_default();
            document["dry_run"] = args.dry_run.into();
            out.line(&serde_json::to_string_pretty(&document).unwrap_or_default())?;
        }
        Output::Text => out.text(&freed_text(&freed, args.dry_run))?,
    }
    Ok(0)
}

fn freed_text(freed: &Freed, dry_run: bool) -> String {
    let all = freed.step_bytes + freed.object_bytes + freed.quarantined_bytes;
    let mut text = format!(
        "{} {}: {} ({}), {} ({})",
        if dry_run { "would free" } else { "freed" },
        size(all),
        plural(freed.steps, "step result"),
        size(freed.step_bytes),
        plural(freed.objects, "object"),
        size(freed.object_bytes)
    );
    if freed.quarantined > 0 {
        text.push_str(&format!(", {} damaged ({})", freed.quarantined, size(freed.quarantined_bytes)));
    }
    text.push_str(&format!(
        "\nkept {} and {}, which {} to\n",
        plural(freed.kept_steps, "step result"),
        plural(freed.kept_objects, "object"),
        if freed.runs == 1 { "1 run refers".into() } else { format!("{} runs refer", freed.runs) }
    ));
    if freed.runs_passed_over > 0 {
        text.push_str(&format!("{} passed over; the folders stay\n", plural(freed.runs_passed_over, "older run")));
    }
    for user in &freed.users_gone {
        text.push_str(&format!("{} is not there any more; its runs do not count\n", user.display()));
    }
    text
}

pub(super) fn fsck(place: &Folders, repair: bool, output: Output, out: &mut Out) -> Result<u8, Failure> {
    let store = if repair { existing(place)? } else { place.look()? };
    let checked = store.fsck(repair)?;
    match output {
        Output::Json => out.line(&serde_json::to_string_pretty(&checked).unwrap_or_default())?,
        Output::Text => {
            for finding in &checked.findings {
                out.line(&format!("{}: {}", finding.path.display(), finding.problem))?;
            }
            let mut text = format!(
                "{}, {} ({}): {}",
                plural(checked.steps, "step result"),
                plural(checked.objects, "object"),
                size(checked.bytes),
                match (checked.findings.len(), checked.repaired) {
                    (0, _) => "clean".into(),
                    (n, true) =>
                        format!("{} put out of the way; the next run makes anew what it needs", plural(n, "fault")),
                    (n, false) => format!("{}; `runner fsck --repair` puts them out of the way", plural(n, "fault")),
                }
            );
            for (n, what) in [
                (checked.loose, "without a step, for `runner gc`"),
                (checked.unfinished, "begun and never finished"),
                (checked.left, "left by processes"),
                (checked.quarantined, "in quarantine"),
            ] {
                if n > 0 {
                    text.push_str(&format!("\n  {n} {what}"));
                }
            }
            out.line(&text)?;
        }
    }
    Ok(if checked.findings.is_empty() || checked.repaired { 0 } else { super::failure::STEP })
}

pub(super) fn rm(runs: &[String], place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    // All names first: a slip in one removes nothing.
    let ids: Vec<String> = runs.iter().map(|run| store.find_run(run)).collect::<Result<_, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    for id in ids.into_iter().filter(|id| seen.insert(id.clone())) {
        store.remove_run(&id)?;
        out.line(&format!("removed {id}; `runner gc` frees what only it referred to"))?;
    }
    Ok(0)
}

pub(super) fn export(run: &str, to: &Path, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = store.find_run(run)?;
    let (objects, bytes) = store.export(&id, to)?;
    out.line(&format!("{}: run {id} with {} ({})", to.display(), plural(objects, "object"), size(bytes)))?;
    Ok(0)
}

pub(super) fn import(from: &[PathBuf], place: &Folders, output: Output, out: &mut Out) -> Result<u8, Failure> {
    if let Some(missing) = from.iter().find(|path| !path.is_file()) {
        let text = format!("no such file: {}", missing.display());
        return Err(Problem::new(ProblemKind::User, text).hint("`runner export RUN FILE` writes one").into());
    }
    let store = Store::open(&place.runs, place.store.as_deref())?;
    for path in from {
        let got = store.import(path)?;
        match output {
            Output::Json => out.line(&json!(got).to_string())?,
            Output::Text => out.line(&format!(
                "{}: {}, {} ({} new), {}",
                got.run,
                plural(got.steps, "step result"),
                plural(got.objects, "object"),
                got.new_objects,
                plural(got.files, "file")
            ))?,
        }
    }
    Ok(0)
}

/// Shows the events of a run again, as the terminal showed them.
pub(super) fn replay(run: &str, show: ShowArgs, place: &Folders, out: &mut Out) -> Result<u8, Failure> {
    let store = place.look()?;
    let id = store.find_run(run)?;
    let trace = store.trace(&id)?;
    let mut terminal = show.terminal(out);
    for line in &trace.lines {
        terminal.show(&line.event);
        if show.events {
            out.line(&serde_json::to_string(line).unwrap_or_default())?;
        }
    }
    terminal.end();
    let record = RunRecord::fold(trace.lines.iter().map(|line| &line.event));
    report(&record, &place.runs.join(&id), show, out)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "d", "30", "-1d", "30 parsecs", "99999999999999999999d", "9é"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        assert_eq!((size(12), size(2048), size(3 << 40)), ("12 bytes".into(), "2.0 KiB".into(), "3.0 TiB".into()));
    }
}
