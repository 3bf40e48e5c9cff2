//! The page of a comparison.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;

use super::confusion::{Confusion, confusions};
use super::sweep::{Sweep, sweep};
use super::timings::{Timings, timings};
use super::words::{short, shown};
use super::{Comparison, Entry, Gathered, Pair, Run, Verdict};
use crate::ml::metrics::Metric;
use crate::record::RunStatus;
use crate::report::{Page, PageError, Section, Templates, made_by};

const PAGE: Page =
    Page { template: "compare.html", styles: &["style.css", "compare.css"], scripts: &["page.js", "compare.js"] };

/// Up to so many runs each has a column in the tables of what differs and of the timings.
const MOST_COLUMNS: usize = 12;
/// Varied values with a column among the results of many runs.
const MOST_VARIED: usize = 6;
/// Shown where the experiments name no metrics.
const HEADLINE: [Metric; 6] =
    [Metric::Accuracy, Metric::F1Macro, Metric::F1Weighted, Metric::RocAucOvr, Metric::GroupAccuracy, Metric::GroupF1];

#[derive(Serialize)]
struct View<'a> {
    title: String,
    lead: String,
    made_by: String,
    sections: Vec<Section>,
    cautions: &'a [String],
    outcome: Option<[&'static str; 2]>,
    facts: Vec<[String; 3]>,
    config: Config,
    results: Results,
    tests: Tests<'a>,
    sweep: Option<Sweep>,
    confusions: Vec<Confusion>,
    timings: Option<Timings>,
    runs: Vec<About>,
    baseline: usize,
}

/// What differs: by run where they fit, else by value.
#[derive(Serialize)]
struct Config {
    runs: Vec<String>,
    rows: Vec<ConfigRow>,
}

#[derive(Serialize)]
struct ConfigRow {
    field: String,
    values: Vec<ConfigValue>,
}

#[derive(Serialize)]
struct ConfigValue {
    text: String,
    /// Of a list by value: how many runs have it.
    runs: usize,
    same: bool,
}

#[derive(Serialize)]
struct Results {
    varied: Vec<String>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    all_models: bool,
    interval: String,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    low: bool,
    off: bool,
    interval: bool,
}

#[derive(Serialize)]
struct Row {
    at: usize,
    id: String,
    run: String,
    link: Option<String>,
    model: String,
    winner: bool,
    pinned: bool,
    varied: Vec<String>,
    cells: Vec<Cell>,
    seconds: String,
}

#[derive(Serialize, Default)]
struct Cell {
    value: String,
    text: String,
    delta: String,
    best: bool,
    interval: String,
}

#[derive(Serialize)]
struct Tests<'a> {
    metrics: Vec<&'static str>,
    rows: Vec<Test>,
    untested: &'a Option<String>,
}

#[derive(Serialize)]
struct Test {
    first: usize,
    second: usize,
    first_model: String,
    first_run: Option<String>,
    second_model: String,
    second_run: Option<String>,
    rows: usize,
    differences: Vec<[String; 3]>,
    only_first: u64,
    only_second: u64,
    p_value: String,
    p_adjusted: String,
    p_sort: f64,
    exact: bool,
    verdict: String,
    sure: bool,
}

#[derive(Serialize)]
struct About {
    id: String,
    link: Option<String>,
    name: String,
    status: &'static str,
    started: String,
    version: String,
    rows: String,
    data: String,
}

/// The page of a comparison. `to_runs` leads from the page's folder to the folder of the runs: empty, or ending in `/`.
/// The same records and predictions give the same bytes.
///
/// # Errors
/// [`PageError::Template`] where a template that was replaced asks for what is not there.
pub fn compare_page(
    templates: &Templates,
    gathered: &Gathered,
    made: &Comparison,
    to_runs: &str,
) -> Result<String, PageError> {
    let runs = &gathered.runs;
    let links: Vec<Option<String>> =
        runs.iter().map(|r| r.has_page.then(|| format!("{to_runs}{}/report.html", r.id))).collect();
    let confusions = confusions(runs, made);
    let timings = (runs.len() <= MOST_COLUMNS && !made.entries.is_empty()).then(|| timings(runs));
    let sweep = sweep(runs, made);
    let mut sections = vec![("verdict", "Outcome"), ("differences", "What differs"), ("results", "Results")];
    if made.entries.len() > 1 {
        sections.push(("tests", "Paired tests"));
    }
    if sweep.is_some() {
        sections.push(("sweep", "Sweep"));
    }
    if !confusions.is_empty() {
        sections.push(("confusion", "Confusion"));
    }
    if timings.is_some() {
        sections.push(("timings", "Timings"));
    }
    sections.push(("runs", "Runs"));
    let outcome = made.best.and_then(|(a, b)| Some(made.pair(a, b?))).and_then(|pair| match pair {
        None => Some(["Not tested.", "Whether the best two differ by more than chance was not tested."]),
        Some(pair) if pair.verdict == Verdict::Same => {
            Some(["No significant winner.", "The difference between the best two can be chance."])
        }
        Some(_) => None,
    });
    let view = View {
        title: match runs.len() {
            1 => format!("The models of {}", runs[0].id),
            n => format!("{n} runs compared"),
        },
        lead: made.sentence(label),
        made_by: made_by(),
        sections: sections.into_iter().map(|(id, title)| Section { id, title }).collect(),
        cautions: &made.cautions,
        outcome,
        facts: facts(made),
        config: config(runs, made),
        results: results(runs, made, &links),
        tests: Tests {
            metrics: made.pairs.first().map(|p| p.differences.keys().map(|m| m.word()).collect()).unwrap_or_default(),
            rows: made.pairs.iter().map(|p| test(made, p)).collect(),
            untested: &made.untested,
        },
        sweep,
        confusions,
        timings,
        runs: runs.iter().zip(&links).map(|(r, link)| about(r, link.clone())).collect(),
        baseline: made.baseline,
    };
    templates.render(&PAGE, &view)
}

/// A difference with its sign.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{value:+.4}");
    if text == "-0.0000" || text == "+0.0000" { "0".into() } else { text.replace('-', "−") }
}

fn number(metric: Metric, value: f64) -> String {
    if metric == Metric::Inertia || value.abs() >= 1000.0 { format!("{value:.1}") } else { format!("{value:.4}") }
}

fn between([low, high]: [f64; 2]) -> String {
    format!("{low:.4} to {high:.4}").replace('-', "−")
}

fn p_text(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}

fn facts(made: &Comparison) -> Vec<[String; 3]> {
    let Some((first, second)) = made.best else { return Vec::new() };
    let fact = |what: &str, at: usize| {
        let entry = &made.entries[at];
        let value = entry.values.get(&made.metric).map_or_else(|| "undefined".into(), |v| number(made.metric, *v));
        let interval = entry.intervals.get(&made.metric).map(|i| format!(", 95 % {}", between(*i))).unwrap_or_default();
        let word = made.metric.word();
        [what.to_owned(), entry.model.clone(), format!("{word} {value} on test{interval}; {}", label(&entry.run))]
    };
    let mut out = vec![fact("best", first)];
    if let Some(second) = second {
        out.push(fact("next", second));
        if let Some(pair) = made.pair(first, second) {
            let sign = if pair.first == second { 1.0 } else { -1.0 };
            let (metric, (difference, [low, high])) = match pair.differences.get_key_value(&made.metric) {
                Some((m, d)) => (*m, *d),
                None => match pair.differences.last_key_value() {
                    Some((m, d)) => (*m, *d),
                    None => return out,
                },
            };
            let interval = if sign > 0.0 { [low, high] } else { [-high, -low] };
            out.push([
                "difference".into(),
                signed(sign * difference),
                format!("{}, 95 % {}; McNemar p {}", metric.word(), between(interval), p_text(pair.p_adjusted)),
            ]);
        }
    }
    out
}

fn config(runs: &[Run], made: &Comparison) -> Config {
    let by_run = runs.len() <= MOST_COLUMNS;
    let rows = made.config.iter().map(|varied| {
        let first = varied.values.first();
        let values = if by_run {
            varied
                .values
                .iter()
                .map(|v| ConfigValue { text: short(&shown(v.as_ref()), 160), runs: 1, same: Some(v) == first })
                .collect()
        } else {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for value in &varied.values {
                *counts.entry(short(&shown(value.as_ref()), 120)).or_default() += 1;
            }
            let mut all: Vec<(String, usize)> = counts.into_iter().collect();
            all.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
            let more = all.len().saturating_sub(12);
            let mut values: Vec<ConfigValue> =
                all.into_iter().take(12).map(|(text, runs)| ConfigValue { text, runs, same: false }).collect();
            if more > 0 {
                values.push(ConfigValue { text: format!("and {more} more values"), runs: 0, same: true });
            }
            values
        };
        ConfigRow { field: varied.field.clone(), values }
    });
    let names = made.runs.iter().filter(|_| by_run).map(|id| label(id).to_owned());
    Config { runs: names.collect(), rows: rows.collect() }
}

/// The metrics of the experiments, else the usual ones, first; the others can be chosen.
fn columns(runs: &[Run], made: &Comparison) -> Vec<(Metric, bool)> {
    let named: Vec<Metric> = runs
        .iter()
        .find_map(|r| serde_json::from_value(r.outline.experiment.pointer("/evaluate/metrics")?.clone()).ok())
        .unwrap_or_default();
    let mut shown: Vec<Metric> = vec![made.metric];
    let usual = if named.is_empty() { HEADLINE.to_vec() } else { named };
    shown.extend(usual.into_iter().filter(|m| *m != made.metric));
    let there: BTreeSet<Metric> = made.entries.iter().flat_map(|e| e.values.keys().copied()).collect();
    let mut out: Vec<(Metric, bool)> = shown.iter().filter(|m| there.contains(m)).map(|m| (*m, false)).collect();
    if made.bootstrapped {
        out.extend(there.into_iter().filter(|m| !shown.contains(m)).map(|m| (m, true)));
    }
    out
}

fn results(runs: &[Run], made: &Comparison, links: &[Option<String>]) -> Results {
    let metrics = columns(runs, made);
    let best: BTreeMap<Metric, f64> = metrics
        .iter()
        .filter_map(|(m, _)| {
            let values = made.entries.iter().filter_map(|e| e.values.get(m).copied());
            Some((*m, values.reduce(|a, b| if m.gain(b, a) > 0.0 { b } else { a })?))
        })
        .collect();
    // Numbers, switches and words; whole sentences and lists are above, under what differs.
    let plain = |v: &Option<Json>| {
        v.as_ref().is_none_or(|v| !v.is_object() && !v.is_array() && v.as_str().is_none_or(|text| text.len() <= 24))
    };
    let varied: Vec<_> = if runs.len() > 1 {
        made.config
            .iter()
            .filter(|v| !v.field.starts_with("allow") && v.values.iter().all(plain))
            .take(MOST_VARIED)
            .collect()
    } else {
        Vec::new()
    };
    let has_interval = |m: Metric| made.entries.iter().any(|e| e.intervals.contains_key(&m));
    let start = made.entries.get(made.baseline);
    let cell = |e: &Entry, m: Metric| match e.values.get(&m) {
        None => Cell { text: "–".into(), ..Cell::default() },
        Some(value) => Cell {
            // Nine digits sort as the figures do, and keep a page of many runs small.
            value: format!("{value:.9}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            text: number(m, *value),
            delta: match start.and_then(|s| s.values.get(&m)) {
                Some(from) if !std::ptr::eq(start.unwrap_or(e), e) => signed(value - from),
                _ => String::new(),
            },
            best: made.entries.len() > 1 && best.get(&m) == Some(value),
            interval: e.intervals.get(&m).map(|i| between(*i)).unwrap_or_default(),
        },
    };
    let rows = made.entries.iter().enumerate().map(|(at, e)| Row {
        at,
        id: e.run.clone(),
        run: label(&e.run).to_owned(),
        link: links[e.at].clone(),
        model: e.model.clone(),
        winner: e.winner,
        pinned: at == made.baseline,
        varied: varied.iter().map(|v| short(&shown(v.values[e.at].as_ref()), 60)).collect(),
        cells: metrics.iter().map(|(m, _)| cell(e, *m)).collect(),
        seconds: runs[e.at].outline.volatile.seconds.map_or_else(|| "–".into(), |s| format!("{s:.2}")),
    });
    Results {
        varied: varied.iter().map(|v| name_of_field(&v.field)).collect(),
        columns: metrics
            .iter()
            .map(|(m, off)| Column {
                name: m.word(),
                low: !m.greater_is_better(),
                off: *off,
                interval: has_interval(*m),
            })
            .collect(),
        rows: rows.collect(),
        all_models: made.bootstrapped,
        interval: if made.bootstrapped {
            "percentiles of 1,000 resamples of the test rows".into()
        } else {
            "Wilson's formula; compare fewer runs for those of other metrics".into()
        },
    }
}

/// A run id without its date and time, which tells the runs of a page apart just as well.
pub(super) fn label(id: &str) -> &str {
    let (stamp, rest) = id.split_at_checked(16).unwrap_or(("", id));
    let dated = stamp.bytes().enumerate().all(|(i, b)| if i == 8 || i == 15 { b == b'-' } else { b.is_ascii_digit() });
    if dated && !stamp.is_empty() && !rest.is_empty() { rest } else { id }
}

pub(super) fn name_of(made: &Comparison, at: usize) -> String {
    let entry = &made.entries[at];
    if made.runs.len() > 1 { format!("{} · {}", label(&entry.run), entry.model) } else { entry.model.clone() }
}

/// The last two parts of a path, which tell what it is about.
pub(super) fn name_of_field(field: &str) -> String {
    let parts: Vec<&str> = field.rsplitn(3, '.').take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(".")
}

fn test(made: &Comparison, pair: &Pair) -> Test {
    let run = |at: usize| (made.runs.len() > 1).then(|| label(&made.entries[at].run).to_owned());
    Test {
        first: pair.first,
        second: pair.second,
        first_model: made.entries[pair.first].model.clone(),
        first_run: run(pair.first),
        second_model: made.entries[pair.second].model.clone(),
        second_run: run(pair.second),
        rows: pair.rows,
        differences: pair
            .differences
            .values()
            .map(|(d, interval)| [signed(*d), between(*interval), format!("{d:.9}")])
            .collect(),
        only_first: pair.mcnemar.only_first,
        only_second: pair.mcnemar.only_second,
        p_value: p_text(pair.mcnemar.p_value),
        p_adjusted: p_text(pair.p_adjusted),
        p_sort: pair.p_adjusted,
        exact: pair.mcnemar.exact,
        verdict: match pair.verdict {
            Verdict::First => "first is better".into(),
            Verdict::Second => "second is better".into(),
            Verdict::Same => "no significant winner".into(),
        },
        sure: pair.verdict != Verdict::Same,
    }
}

fn about(run: &Run, link: Option<String>) -> About {
    let data: Vec<String> = run.outline.data.iter().map(|f| format!("{} {}", f.path, f.digest.short(12))).collect();
    let rows = run.outline.models.iter().find_map(|m| Some(m.test.as_ref()?.rows));
    About {
        id: run.id.clone(),
        link,
        name: short(&run.outline.name, 80),
        status: match run.outline.status {
            RunStatus::Running => "not finished",
            RunStatus::Finished => "finished",
            RunStatus::Failed => "failed",
            RunStatus::Interrupted => "interrupted",
        },
        started: run.outline.volatile.started.get(..16).unwrap_or_default().replace('T', " "),
        version: run.outline.version.clone(),
        rows: rows.map_or_else(|| "–".into(), |r| r.to_string()),
        data: match data.len() {
            0 => "simulated".into(),
            n if n > 3 => format!("{n} files"),
            _ => data.join(", "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_id_without_its_date() {
        assert_eq!(label("20261125-052655-sweep-fb0700"), "sweep-fb0700");
        for other in ["", "20261125-052655-", "2026112é-052655-a", "my-own-name-of-a-run"] {
            assert_eq!(label(other), other);
        }
    }

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!((signed(-0.01234), signed(0.00001), signed(0.5)), ("−0.0123".into(), "0".into(), "+0.5000".into()));
        assert_eq!((p_text(0.00001), p_text(0.25)), ("< 0.0001".into(), "0.2500".into()));
        assert_eq!(between([-0.5, 0.25]), "−0.5000 to 0.2500");
    }
}
