//! A profile for people: a line per column, then what stands out.

use std::collections::BTreeMap;

use crate::cli::look::{Looked, Names, many, shown, thousands};
use crate::cli::view;
use crate::spec::dataset::Encoding;
use crate::table::guess::{Guess, Reason};
use crate::table::profile::{Class, ColumnProfile, Correlated, Relation};

/// Widest name of a column.
const NAME: usize = 28;
/// Longest name or word among others.
const SHORT: usize = 24;

/// The whole text, at most `width` characters wide where names allow it.
pub(super) fn text(
    files: &[String],
    looked: &Looked,
    strong: Option<Correlated>,
    repeated: u64,
    width: usize,
) -> String {
    let names: Vec<String> = files.iter().map(|f| shown(f, 60)).collect();
    let more = if names.len() > 4 { format!(" and {} more files", names.len() - 4) } else { String::new() };
    let mut out = format!(
        "{}{more}: {} x {}\n\n",
        names[..names.len().min(4)].join(", "),
        many(looked.profile.rows, "row"),
        many(looked.profile.columns.len() as u64, "column"),
    );
    out.push_str(&columns(looked, width));
    out.push('\n');
    for (title, finding) in findings(looked, strong, repeated) {
        out.push_str(&paragraph(title, &finding, width));
    }
    out
}

/// The table of columns.
fn columns(looked: &Looked, width: usize) -> String {
    let profile = &looked.profile;
    let gaps = profile.columns.iter().any(|c| c.missing > 0);
    let name_width = profile.columns.iter().map(|c| shown(&c.name, NAME).chars().count()).max().unwrap_or(0).max(6);
    // What the other columns leave: type, role, missing and distinct, each with two blanks before it.
    let left = width.saturating_sub(name_width + 8 + 10 + if gaps { 11 } else { 0 } + 11 + 2).max(16);
    let mut header = vec!["column".to_owned(), "type".into(), "as".into()];
    if gaps {
        header.push("missing".into());
    }
    header.extend(["distinct".into(), "values".into()]);
    let right: &[usize] = if gaps { &[3, 4] } else { &[3] };
    let mut table = view::table(header);
    let roles = roles(looked);
    for column in &profile.columns {
        let mut row = vec![shown(&column.name, NAME), column.kind.word().into()];
        row.push(roles.get(column.name.as_str()).copied().unwrap_or_default().to_owned());
        if gaps {
            row.push(if column.missing == 0 { String::new() } else { thousands(column.missing) });
        }
        row.push(thousands(column.distinct));
        row.push(values(column, profile.rows, left));
        table.add_row(row);
    }
    // The table has a blank at the left.
    view::render_with(table, right)
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect()
}

/// What the columns seem to be; a plain feature is nothing in particular.
fn roles(looked: &Looked) -> BTreeMap<&str, &'static str> {
    let profile = &looked.profile;
    let mut out: BTreeMap<&str, &'static str> = profile.equal.iter().map(|e| (e.column.as_str(), "repeats")).collect();
    out.extend(profile.columns.iter().filter(|c| c.distinct == 1).map(|c| (c.name.as_str(), "constant")));
    if let Ok(guess) = &looked.guess {
        out.extend(guess.aside.iter().map(|a| (a.column.as_str(), a.reason.word())));
        out.insert(&guess.target.column, "target");
    }
    out
}

fn values(column: &ColumnProfile, rows: u64, width: usize) -> String {
    if column.distinct == 0 {
        return String::new();
    }
    if column.kind.is_numeric() && column.distinct > 4 {
        let number = |v: Option<f64>| v.map_or_else(|| "-".into(), short);
        let text = format!("{} to {}, mean {}", number(column.min), number(column.max), number(column.mean));
        return if text.chars().count() <= width {
            text
        } else {
            format!("{} to {}", number(column.min), number(column.max))
        };
    }
    let plain = |value: &str| match value.parse() {
        Ok(number) if column.kind.is_numeric() => short(number),
        _ => value.to_owned(),
    };
    if let ([(only, _)], 1) = (column.top.as_slice(), column.distinct) {
        return shown(&plain(only), width);
    }
    let Some((_, most)) = column.top.first() else {
        return format!("{}, …", shown(column.first.as_deref().unwrap_or(""), width.saturating_sub(3)));
    };
    let mut out = String::new();
    for (i, (value, n)) in column.top.iter().enumerate() {
        let value = shown(&plain(value), if i == 0 { width.saturating_sub(8) } else { SHORT });
        // Shares say nothing where every value is rare.
        let part = if most * 50 < rows { value } else { format!("{value} {}", percent(*n, column.present(rows))) };
        let next = if out.is_empty() { part } else { format!("{out}, {part}") };
        let room = if i + 1 < column.distinct as usize { width.saturating_sub(3) } else { width };
        if next.chars().count() > room {
            return if out.is_empty() { shown(&next, width) } else { format!("{out}, …") };
        }
        out = next;
    }
    if column.top.len() < column.distinct as usize { format!("{out}, …") } else { out }
}

/// A share as a whole percentage that is 0 or 100 only where it is exactly that.
fn percent(n: u64, of: u64) -> String {
    match n * 100 / of.max(1) {
        0 if n > 0 => "<1%".into(),
        99 if n < of => "99%".into(),
        _ => format!("{:.0}%", (n as f64 * 100.0 / of.max(1) as f64).min(if n < of { 99.0 } else { 100.0 })),
    }
}

/// A number in a few characters.
fn short(v: f64) -> String {
    let size = v.abs();
    if v.fract() == 0.0 && size < 1e7 {
        let digits = thousands(size as u64);
        return if v < 0.0 { format!("-{digits}") } else { digits };
    }
    if (1e3..1e6).contains(&size) {
        return format!("{}{}", if v < 0.0 { "-" } else { "" }, thousands(size.round() as u64));
    }
    if (1e-3..1e3).contains(&size) {
        let decimals = (3.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
        let text = format!("{v:.decimals$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let text = format!("{v:.2e}");
    text.replacen(".00e", "e", 1)
}

/// A text that [`paragraph`] leaves on one line.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// A title and a text with a hanging indent.
fn paragraph(title: &str, text: &str, width: usize) -> String {
    const INDENT: usize = 13;
    let mut out = String::new();
    let mut line = format!("{title:<INDENT$}");
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(INDENT);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out.replace('\u{a0}', " ")
}

fn some<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let list: Vec<String> = all.iter().take(most).map(|n| shown(n, SHORT)).collect();
    let more = all.len().saturating_sub(most);
    if more == 0 { list.join(", ") } else { format!("{} and {more} more", list.join(", ")) }
}

/// The same of texts that are ready to be shown.
fn listed(texts: &[String], most: usize) -> String {
    let more = texts.len().saturating_sub(most);
    let list = texts[..texts.len() - more].join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

/// What stands out, by title.
fn findings(looked: &Looked, strong: Option<Correlated>, repeated: u64) -> Vec<(&'static str, String)> {
    let profile = &looked.profile;
    let mut out = Vec::new();
    match &looked.guess {
        Ok(guess) => {
            out.push(("target", format!("{}: {}", shown(&guess.target.column, SHORT), guess.target.reason)));
            out.push(("classes", classes(guess)));
        }
        Err(error) => out.push(("target", format!("none: {}", shown(&error.message, 400)))),
    }
    if looked.encoding != Encoding::Utf8 {
        out.push(("encoding", format!("no UTF-8, so it was read as {}", looked.encoding.word())));
    }
    if looked.names == Names::MadeUp && looked.archive.is_none_or(|a| !a.features) {
        out.push(("no header", "the names of the columns are made up; --columns gives the true ones".into()));
    }
    if let Some((rows, first)) = looked.repeated_headers {
        out.push(("header again", format!("in {}, data row {} first", many(rows as u64, "row"), first + 1)));
    }
    if !looked.missing_values.is_empty() {
        let texts: Vec<String> = looked.missing_values.iter().map(|m| format!("{m:?}")).collect();
        out.push(("no value", format!("{} in cells was taken for no value", texts.join(", "))));
    }
    let gaps = profile.columns.iter().filter(|c| c.missing > 0);
    if gaps.clone().count() > 0 {
        out.push((
            "missing",
            format!(
                "{} in {}",
                many(gaps.clone().map(|c| c.missing).sum(), "value"),
                some(gaps.map(|c| c.name.as_str()), 8)
            ),
        ));
    }
    let constant = profile.columns.iter().filter(|c| c.distinct == 1).map(|c| c.name.as_str());
    if constant.clone().count() > 0 {
        let n = many(constant.clone().count() as u64, "column");
        out.push(("constant", format!("{n}: {}", some(constant, 12))));
    }
    if !profile.equal.is_empty() {
        let pairs: Vec<String> =
            profile.equal.iter().map(|e| format!("{} = {}", shown(&e.column, SHORT), shown(&e.to, SHORT))).collect();
        out.push(("repeats", listed(&pairs, 12)));
    }
    out.push(("rows", rows(looked, repeated)));
    if let Ok(guess) = &looked.guess {
        if guess.repeats.conflicting > 0 {
            let (sets, rows) = (guess.repeats.conflicting, guess.repeats.conflicting_rows);
            let (sets, rows) = (many(sets, "set"), many(rows, "row"));
            out.push(("conflicts", format!("{sets} of equal features, {rows} in all, with more than one class")));
        }
        out.extend(dependencies(guess, profile.rows).into_iter().map(|finding| ("gives away", finding)));
    }
    match strong {
        Some(c) if c.columns > 1 => out.push(("correlated", correlations(c))),
        Some(_) => {}
        None => out.push(("correlated", "not counted: more than 1,000 numeric columns".into())),
    }
    out.extend(looked.warnings.iter().map(|w| ("note", w.message.clone())));
    out
}

fn classes(guess: &Guess) -> String {
    let mut order: Vec<&Class> = guess.classes.iter().collect();
    order.sort_by_key(|c| std::cmp::Reverse(c.rows));
    let list: Vec<String> =
        order.iter().take(40).map(|c| unbroken(&format!("{} {}", shown(&c.name, SHORT), thousands(c.rows)))).collect();
    let more = if order.len() > 40 { format!(" and {} more", order.len() - 40) } else { String::new() };
    let without =
        if guess.unlabelled > 0 { format!("; {} without one", many(guess.unlabelled, "row")) } else { String::new() };
    format!("{}: {}{more}{without}", order.len(), list.join(", "))
}

fn rows(looked: &Looked, repeated: u64) -> String {
    let repeat = |n: u64| if n == 1 { "1 row repeats".to_owned() } else { format!("{} rows repeat", thousands(n)) };
    let mut text = format!("{} an earlier one in all columns", repeat(repeated));
    if let Ok(guess) = &looked.guess {
        text.push_str(&format!(", {} in class and features", thousands(guess.repeats.with_target)));
    }
    text
}

/// Columns that tell the class, or that the class tells.
fn dependencies(guess: &Guess, rows: u64) -> Vec<String> {
    let mut out = Vec::new();
    let of = |wanted: &[Reason]| -> Vec<&str> {
        guess.aside.iter().filter(|a| wanted.contains(&a.reason)).map(|a| a.column.as_str()).collect()
    };
    for (reasons, what) in [
        (&[Reason::SameLabel][..], "the class under another name"),
        (&[Reason::FinerLabel, Reason::TellsTarget][..], "each value has one class"),
        (&[Reason::CoarserLabel, Reason::ToldByTarget][..], "each class has one value"),
    ] {
        let names = of(reasons);
        if !names.is_empty() {
            out.push(format!("{}: {what}", some(names, 8)));
        }
    }
    // Not quite, but nearly: half of the way from the largest class to all rows, and 99 in 100.
    let largest = guess.classes.iter().map(|c| c.rows).max().unwrap_or(0) as f64 / rows.max(1) as f64;
    let near = |r: &&Relation| {
        r.accuracy.is_some_and(|a| a >= 0.99 && a - largest >= (1.0 - largest) / 2.0)
            && guess.features.contains(&r.column)
    };
    let names: Vec<String> = guess
        .relations
        .iter()
        .filter(near)
        .map(|r| format!("{} {:.2}%", shown(&r.column, SHORT), r.accuracy.unwrap_or(0.0) * 100.0))
        .collect();
    if !names.is_empty() {
        out.push(format!("{}: so many rows are right by this column alone", listed(&names, 8)));
    }
    out
}

fn correlations(c: Correlated) -> String {
    let all = (c.columns * (c.columns - 1) / 2) as u64;
    let sample = if c.every > 1 { format!(", on one row in {}", c.every) } else { String::new() };
    let pairs = many(all, "pair");
    format!("{} of {pairs} of numeric features have |r| above {}{sample}", thousands(c.pairs), c.above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (v, text) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (5_301.0, "5,301"),
            (1.01e11, "1.01e11"),
            (120_000_000.0, "1.20e8"),
            (1e9, "1e9"),
            (2.34567, "2.346"),
            (1234.5678, "1,235"),
            (-99_999.5, "-100,000"),
            (0.00012, "1.20e-4"),
            (-0.25, "-0.25"),
        ] {
            assert_eq!(short(v), text);
        }
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(
            (percent(1, 1000), percent(999, 1000), percent(1000, 1000)),
            ("<1%".into(), "99%".into(), "100%".into())
        );
        assert_eq!((percent(0, 10), percent(1, 3), percent(2, 3)), ("0%".into(), "33%".into(), "67%".into()));
    }

    #[test]
    fn paragraphs_hang() {
        let text = paragraph("rows", &"word ".repeat(30), 60);
        assert!(text.lines().all(|l| l.len() <= 60), "{text}");
        assert!(text.lines().skip(1).all(|l| l.starts_with("             word")), "{text}");
    }
}
