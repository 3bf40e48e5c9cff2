//! What was guessed, as the text of an experiment.

use std::collections::BTreeSet;

use super::FEWEST;
use super::models::{Line, Size, models};
use super::page::{Page, list};
use crate::cli::look::{Looked, Names, many, rows_of, shown, thousands};
use crate::ml::Role;
use crate::spec::dataset::Encoding;
use crate::spec::quoted;
use crate::table::guess::{Candidate, Groups, Guess};
use crate::table::profile::{Class, ColumnProfile, Kind};

/// Longest name in a comment.
const NAME: usize = 40;
/// Share of the rows in the test and in the validation part.
const TEST: f64 = 0.2;
const VALIDATION: f64 = 0.1;
/// Fewest rows of a class that a stratified split can deal to three parts.
const STRATIFIED: u64 = 3;

/// All that the text is made of.
#[derive(Debug)]
pub(super) struct Starter<'a> {
    /// Whether `schema.json` lies beside the file.
    pub(super) schema: bool,
    /// Paths as seen from the file.
    pub(super) train: &'a [String],
    /// Paths of the official test part; none without one.
    pub(super) test: &'a [String],
    /// Whether the names of the files told the parts.
    pub(super) by_name: bool,
    pub(super) looked: &'a Looked,
    pub(super) guess: &'a Guess,
}

/// How the rows are divided.
struct Division {
    /// The value of `split`.
    split: String,
    note: String,
    /// Training rows, and those of the largest part that is judged.
    train: u64,
    judged: u64,
    /// Whether there is a validation part.
    validates: bool,
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Names in a comment: `a, b and 3 more`.
fn some(names: &[&str], most: usize) -> String {
    let list: Vec<String> = names.iter().take(most).map(|n| shown(n, NAME)).collect();
    let more = names.len().saturating_sub(most);
    if more == 0 { list.join(", ") } else { format!("{} and {more} more", list.join(", ")) }
}

impl Starter<'_> {
    /// The text, and the names of the models that it runs.
    pub(super) fn text(&self) -> (String, Vec<&'static str>) {
        let mut page = Page::default();
        self.head(&mut page);
        self.dataset(&mut page);
        self.clean(&mut page);
        let division = self.division();
        page.lines(0, &[(format!("split: {}", division.split), division.note.clone())]);
        let features = self.prepare(&mut page);
        if self.looked.archive.is_some_and(|a| a.balanced) {
            let note = "X_train came with made rows beside those of X_train_unSMOTE";
            page.lines(0, &[("balance: given".into(), note.into())]);
        }
        let lines = models(self.size(&division, features));
        self.models(&mut page, &lines);
        let note =
            if division.validates { "" } else { "there is no validation part, so it is chosen on the test part" };
        page.lines(0, &[("evaluate: {winner: f1_macro}".into(), note.into())]);
        (page.into_text(), lines.iter().filter(|l| l.on).map(|l| l.kind).collect())
    }

    fn official(&self) -> bool {
        !self.test.is_empty() || self.looked.archive.is_some()
    }

    /// The features, in the order of the table.
    fn features(&self) -> Vec<&ColumnProfile> {
        let names: BTreeSet<&String> = self.guess.features.iter().collect();
        self.looked.profile.columns.iter().filter(|c| names.contains(&c.name)).collect()
    }

    fn head(&self, page: &mut Page) {
        if self.schema {
            page.line("# yaml-language-server: $schema=schema.json");
        }
        let names: Vec<&str> = self.train.iter().chain(self.test).map(|p| file_name(p)).collect();
        let profile = &self.looked.profile;
        page.note(
            0,
            &format!(
                "A first experiment on {}: {}, {}. `runner init` guessed all of it; the reasons stand beside the guesses. \
                 Read them, and change what is wrong.",
                some(&names, 4),
                many(profile.rows, "row"),
                many(profile.columns.len() as u64, "column"),
            ),
        );
    }

    fn dataset(&self, page: &mut Page) {
        page.line("dataset:");
        if self.test.is_empty() {
            paths(page, "path", self.train);
        } else {
            if self.by_name {
                page.note(2, "The names of the files say that one part is the official test: it is never split anew.");
            }
            paths(page, "train", self.train);
            paths(page, "test", self.test);
        }
        if self.looked.encoding != Encoding::Utf8 {
            let encoding = format!("encoding: {}", self.looked.encoding.word());
            page.lines(2, &[(encoding, "it is no UTF-8".into())]);
        }
        self.names(page);
        self.target(page);
        self.aside(page);
        self.reading(page);
        if let Some(groups) = &self.guess.groups {
            group_lines(page, groups);
        }
    }

    fn names(&self, page: &mut Page) {
        let columns: Vec<String> = self.looked.table.names().map(str::to_owned).collect();
        match (self.looked.archive, self.looked.names) {
            (Some(archive), names) => {
                let target = &self.guess.target.column;
                let features: Vec<String> = columns.into_iter().filter(|c| c != target).collect();
                if names == Names::Given {
                    page.list("  features: ", &written(&features), "");
                }
                let unnamed = names != Names::Given && !archive.features;
                let columns = many(features.len() as u64, "column");
                let what = match (unnamed, archive.classes) {
                    (true, true) => format!("the {columns}"),
                    (true, false) => format!("the {columns} and of the classes"),
                    (false, false) => "the classes".to_owned(),
                    (false, true) => return,
                };
                page.note(2, &format!("The arrays have no names: give those of {what}, as in"));
                if unnamed {
                    page.line("  #   features: [Protocol, Flow Duration, …]");
                }
                if !archive.classes {
                    page.line("  #   classes: [name of 0, name of 1, …]");
                }
            }
            (None, Names::InFile) => {}
            (None, Names::Given) => {
                page.line("  # the file has no header");
                page.list("  columns: ", &written(&columns), "");
            }
            (None, Names::MadeUp) => {
                page.note(
                    2,
                    "The file has no header, so these names are made up: give the true ones here, or with --columns.",
                );
                page.list("  columns: ", &written(&columns), "");
            }
        }
    }

    fn target(&self, page: &mut Page) {
        let guess = self.guess;
        let of = |c: &Candidate| {
            let missing =
                if c.missing > 0 { format!(", {} without one", many(c.missing, "row")) } else { String::new() };
            format!(
                "{} ({} of {} or more{missing})",
                shown(&c.column, NAME),
                many(c.classes, "class"),
                many(c.rarest, "row")
            )
        };
        let (few, most) = (guess.classes.iter().map(|c| c.rows).min(), guess.classes.iter().map(|c| c.rows).max());
        let (few, most) = (few.unwrap_or(0), most.unwrap_or(0));
        let size = if few == most { many(few, "row") } else { format!("{} to {}", thousands(few), many(most, "row")) };
        let mut note =
            format!("{} of {size}; chosen as {}.", many(guess.classes.len() as u64, "class"), guess.target.reason);
        if self.looked.archive.is_some() {
            note = format!("{} of {size}.", many(guess.classes.len() as u64, "class"));
        }
        let others: Vec<String> = guess.target.others.iter().take(6).map(of).collect();
        if !others.is_empty() {
            note.push_str(&format!(" It could also be {}.", others.join(", ")));
        }
        page.note(2, &note);
        if self.looked.archive.is_none() {
            page.line(&format!("  target: {}", quoted(&guess.target.column)));
        }
    }

    fn aside(&self, page: &mut Page) {
        if self.guess.aside.is_empty() {
            return;
        }
        page.lines(2, &[("keep_aside:".into(), "never features".into())]);
        let lines: Vec<(String, String)> =
            self.guess.aside.iter().map(|a| (format!("- {}", quoted(&a.column)), a.reason.text().to_owned())).collect();
        page.lines(4, &lines);
    }

    /// How cells are read: types that are not plain, and texts that mean "missing".
    fn reading(&self, page: &mut Page) {
        let mixed: Vec<&ColumnProfile> = self.features().into_iter().filter(|c| c.kind == Kind::Mixed).collect();
        if !mixed.is_empty() {
            page.lines(2, &[("types:".into(), "words and numbers, so they are read as words".into())]);
            for column in mixed {
                page.line(&format!("    {}: category", quoted(&column.name)));
            }
        }
        if !self.looked.missing_values.is_empty() {
            let note = if self.looked.missing_values.len() == 1 { "means" } else { "mean" };
            let note = format!("   # {note} that there is no value");
            page.list("  missing_values: ", &written(&self.looked.missing_values), &note);
        }
    }

    /// Features that repeat another feature.
    fn repeating(&self) -> Vec<(&str, &str)> {
        let features: BTreeSet<&str> = self.guess.features.iter().map(String::as_str).collect();
        let is_feature = |name: &str| features.contains(name);
        self.looked
            .profile
            .equal
            .iter()
            .filter(|e| is_feature(&e.column) && is_feature(&e.to))
            .map(|e| (e.column.as_str(), e.to.as_str()))
            .collect()
    }

    fn drops_duplicates(&self) -> bool {
        // Where next to nothing would be left, the copies stay.
        let left: u64 = self.guess.classes.iter().map(|c| c.distinct_rows).sum();
        self.guess.repeats.with_target > 0 && !self.official() && left >= FEWEST
    }

    fn clean(&self, page: &mut Page) {
        let guess = self.guess;
        let mut steps: Vec<(String, String)> = Vec::new();
        let balanced = self.looked.archive.is_some_and(|a| a.balanced);
        if guess.unlabelled > 0 {
            let step = format!("- drop_missing: {{columns: [{}]}}", quoted(&guess.target.column));
            steps.push((step, format!("{} without a class", many(guess.unlabelled, "row"))));
        }
        let repeating = self.repeating();
        if !repeating.is_empty() && !balanced {
            let equal: Vec<String> =
                repeating.iter().take(4).map(|(c, to)| format!("{} = {}", shown(c, NAME), shown(to, NAME))).collect();
            let more = if repeating.len() > 4 { " and more" } else { "" };
            let columns: Vec<String> = repeating.iter().map(|(c, _)| (*c).to_owned()).collect();
            let step = list("- drop_columns: ", &written(&columns), "").join("\n  ");
            steps.push((step, format!("they repeat another column in every row: {}{more}", equal.join(", "))));
        }
        if self.drops_duplicates() {
            let note = format!(
                "{} repeat{} an earlier one in class and features; else test rows would have been trained on",
                many(guess.repeats.with_target, "row"),
                if guess.repeats.with_target == 1 { "s" } else { "" },
            );
            let except: Vec<String> = guess.aside.iter().map(|a| a.column.clone()).collect();
            let step = if except.is_empty() {
                "- drop_duplicates".to_owned()
            } else {
                list("- drop_duplicates: {except: ", &written(&except), "}").join("\n  ")
            };
            steps.push((step, note));
        }
        if steps.is_empty() {
            return;
        }
        page.lines(0, &[("clean:".into(), "on the whole table, before the split".into())]);
        for step in steps {
            page.lines(2, &[step]);
        }
    }

    /// Classes with the rows that the split deals out.
    fn dealt(&self) -> Vec<Class> {
        let mut classes = self.guess.classes.clone();
        if self.drops_duplicates() {
            classes.iter_mut().for_each(|c| c.rows = c.distinct_rows);
        }
        if self.official() {
            classes.iter_mut().for_each(|c| c.rows = c.training_rows);
        }
        classes
    }

    fn division(&self) -> Division {
        let classes = self.dealt();
        let total: u64 = classes.iter().map(|c| c.rows).sum();
        let share = |share: f64| (total as f64 * share).ceil() as u64;
        let small: Vec<&Class> = classes.iter().filter(|c| c.rows > 0).collect();
        let smaller_than =
            |n: u64| -> Vec<&str> { small.iter().filter(|c| c.rows < n).map(|c| c.name.as_str()).collect() };
        if self.official() {
            let judged = rows_of(&self.looked.table, Role::Test) as u64;
            let few = smaller_than(2);
            let balanced = self.looked.archive.is_some_and(|a| a.balanced);
            if balanced || !few.is_empty() || share(VALIDATION) >= total {
                let note = if balanced {
                    "as the file has it; the balanced rows allow no validation part".to_owned()
                } else {
                    format!("no validation part: too few training rows of {}", some(&few, 4))
                };
                return Division { split: "predefined".into(), note, train: total, judged, validates: false };
            }
            return Division {
                split: format!("{{predefined: {{validation_size: {VALIDATION}}}}}"),
                note: "the test part as it came; the validation part is cut from the training rows".into(),
                train: total - share(VALIDATION),
                judged: judged.max(share(VALIDATION)),
                validates: true,
            };
        }
        let (test, validation) = (share(TEST), share(VALIDATION));
        let few = smaller_than(STRATIFIED);
        let (word, note) = if few.is_empty() {
            ("stratified", String::new())
        } else {
            let note = format!("stratified needs {STRATIFIED} rows of every class; fewer are of {}", some(&few, 4));
            ("random", note)
        };
        Division {
            split: format!("{{{word}: {{test_size: {TEST}, validation_size: {VALIDATION}}}}}"),
            note,
            train: total.saturating_sub(test + validation),
            judged: test,
            validates: true,
        }
    }

    /// Writes `prepare`; gives the number of prepared columns.
    fn prepare(&self, page: &mut Page) -> u64 {
        let balanced = self.looked.archive.is_some_and(|a| a.balanced);
        let dropped: Vec<&str> = if balanced { Vec::new() } else { self.repeating().iter().map(|(c, _)| *c).collect() };
        let mut features = self.features();
        features.retain(|f| !dropped.contains(&f.name.as_str()));
        let mut steps = Vec::new();
        let named = |of: &dyn Fn(&ColumnProfile) -> bool| -> Vec<&str> {
            features.iter().filter(|c| of(c)).map(|c| c.name.as_str()).collect()
        };
        let constant = named(&|c| c.distinct <= 1);
        let note = match constant.len() {
            0 => String::new(),
            1 => format!("one value only: {}", some(&constant, 6)),
            n => format!("{n} columns have one value only: {}", some(&constant, 6)),
        };
        steps.push(("- drop_constant".to_owned(), note));
        let gaps = named(&|c| c.missing > 0);
        if !gaps.is_empty() {
            let words = features.iter().any(|c| c.missing > 0 && !c.kind.is_numeric());
            let step = if words {
                "- impute: {numeric: median, categorical: constant}"
            } else {
                "- impute: {numeric: median}"
            };
            steps.push((step.into(), format!("values are missing in {}", some(&gaps, 4))));
        }
        if self.standardised(&features) {
            page.lines(
                0,
                &[("prepare:".into(), "fitted on the training part only; the columns are standardised already".into())],
            );
        } else {
            page.lines(0, &[("prepare:".into(), "fitted on the training part only".into())]);
            steps.push(("- standardize".into(), String::new()));
        }
        let words: Vec<&ColumnProfile> = features.iter().copied().filter(|c| !c.kind.is_numeric()).collect();
        if !words.is_empty() {
            let of: Vec<String> =
                words.iter().take(4).map(|c| format!("{} ({})", shown(&c.name, NAME), c.distinct)).collect();
            let more = if words.len() > 4 { format!(" and {} more", words.len() - 4) } else { String::new() };
            steps.push(("- one_hot".into(), format!("a column of 0 and 1 for each word of {}{more}", of.join(", "))));
        }
        page.lines(2, &steps);
        let numbers = features.iter().filter(|c| c.kind.is_numeric() && c.distinct > 1).count() as u64;
        numbers + words.iter().map(|c| c.distinct).sum::<u64>()
    }

    /// Whether all numbers have a mean near 0 and a spread near 1.
    fn standardised(&self, features: &[&ColumnProfile]) -> bool {
        let near = |c: &&ColumnProfile| {
            c.distinct <= 1 || c.mean.is_some_and(|m| m.abs() < 0.5) && c.std.is_some_and(|s| (0.5..2.0).contains(&s))
        };
        self.looked.archive.is_some() && features.iter().all(near)
    }

    fn size(&self, division: &Division, features: u64) -> Size {
        let classes = self.dealt();
        let present = || classes.iter().map(|c| c.rows).filter(|n| *n > 0);
        Size {
            train: division.train.max(1),
            judged: division.judged,
            features: features.max(1),
            classes: present().count() as u64,
            uneven: present().max().unwrap_or(0) >= 3 * present().min().unwrap_or(0),
        }
    }

    fn models(&self, page: &mut Page, lines: &[Line]) {
        page.line("models:");
        let text = |line: &Line| format!("{}: {}", line.kind, line.parameters);
        let on: Vec<(String, String)> = lines.iter().filter(|l| l.on).map(|l| (text(l), l.note.to_owned())).collect();
        page.lines(2, &on);
        let off: Vec<&Line> = lines.iter().filter(|l| !l.on).collect();
        if !off.is_empty() {
            page.note(2, "Left out, for they take longer on this many rows:");
            for line in off {
                page.line(&format!("  # {}", text(line)));
            }
        }
    }
}

/// Names as the language writes them.
fn written(names: &[String]) -> Vec<String> {
    names.iter().map(|name| quoted(name)).collect()
}

fn paths(page: &mut Page, key: &str, paths: &[String]) {
    // A file may be called by a number, but a path is a word.
    let path = |p: &String| if p.parse::<i64>().is_ok() { format!("\"{p}\"") } else { quoted(p) };
    match paths {
        [one] => page.line(&format!("  {key}: {}", path(one))),
        many => page.list(&format!("  {key}: "), &many.iter().map(path).collect::<Vec<_>>(), ""),
    }
}

fn group_lines(page: &mut Page, groups: &Groups) {
    let why = match &groups.from {
        Some(column) => format!("Which classes are harmless, as the column {} has it.", shown(column, NAME)),
        None => "Which classes are harmless, judged by their names.".into(),
    };
    page.note(2, &why);
    page.line("  groups:");
    for (name, classes) in [(&groups.negative, &groups.harmless), (&groups.positive, &groups.others)] {
        page.list(&format!("    {}: ", quoted(name)), &written(classes), "");
    }
    page.line(&format!("  positive: {}", quoted(&groups.positive)));
}
