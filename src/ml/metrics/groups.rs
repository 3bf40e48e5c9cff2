//! What groups hide: how far each of the classes that were merged into one was told from the other groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ml::{Code, Grouping, Warning};

/// One class seen as part of its group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRecall {
    /// The class.
    pub class: String,
    /// Its group.
    pub group: String,
    /// Judged rows of the class, at least one.
    pub support: u64,
    /// Those that were predicted as any class of its group.
    pub found: u64,
    /// `found` over `support`; in `[0, 1]`.
    pub recall: f64,
    /// The same over all rows of the group.
    pub group_recall: f64,
}

/// Recall within the groups by class, for every class with rows: by group in its order, then by name. `y_true` and
/// `y_pred` are what was learnt (classes, or the groups themselves); `class` names the class of a row, which may be
/// finer than `y_true`.
#[must_use]
pub fn group_recalls<'a>(
    grouping: &Grouping,
    y_true: &[u32],
    y_pred: &[u32],
    class: impl Fn(usize) -> &'a str,
) -> Vec<GroupRecall> {
    let group = |label: u32| grouping.of_class[label as usize];
    let mut counts: BTreeMap<(u32, &str), (u64, u64)> = BTreeMap::new();
    let mut of_group: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for (row, (&truth, &said)) in y_true.iter().zip(y_pred).enumerate() {
        let found = u64::from(group(truth) == group(said));
        let add = |(support, hits): &mut (u64, u64)| {
            *support += 1;
            *hits += found;
        };
        add(counts.entry((group(truth), class(row))).or_default());
        add(of_group.entry(group(truth)).or_default());
    }
    let share = |(support, found): (u64, u64)| found as f64 / support as f64;
    counts
        .into_iter()
        .map(|((group, class), count)| GroupRecall {
            class: class.to_owned(),
            group: grouping.names[group as usize].clone(),
            support: count.0,
            found: count.1,
            recall: share(count),
            group_recall: of_group.get(&group).map_or(0.0, |&count| share(count)),
        })
        .collect()
}

/// Fewest rows of a class whose recall says something.
const FEWEST: u64 = 5;
/// Most classes that a warning names.
const NAMED: usize = 8;

/// S28: the classes with less than half of their group's recall, the worst first, if there are any.
#[must_use]
pub fn hidden_classes(recalls: &[GroupRecall]) -> Option<Warning> {
    let mut hidden: Vec<&GroupRecall> =
        recalls.iter().filter(|r| r.support >= FEWEST && r.recall < r.group_recall / 2.0).collect();
    // Of equally bad ones the largest.
    let share = |r: &GroupRecall| r.recall / r.group_recall;
    hidden.sort_by(|a, b| share(a).total_cmp(&share(b)).then(b.support.cmp(&a.support)));
    let worst = hidden.first()?;
    let of_group: Vec<&&GroupRecall> = hidden.iter().filter(|r| r.group == worst.group).collect();
    let named: Vec<String> =
        of_group.iter().take(NAMED).map(|r| format!("{:?} {:.2} of {} rows", r.class, r.recall, r.support)).collect();
    let more = match hidden.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "the group {:?} has recall {:.2}, but of its classes {}{more}",
        worst.group,
        worst.group_recall,
        named.join(", ")
    );
    Some(Warning::new(Code::S28, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping() -> Grouping {
        Grouping { names: vec!["attack".into(), "normal".into()], of_class: vec![0, 1, 0], positive: Some(0) }
    }

    #[test]
    fn a_class_is_found_where_its_group_is() {
        // Classes 0 and 2 are attacks: taking one for the other is no miss.
        let (y, said) = ([0, 0, 2, 2, 1, 1], [2, 1, 0, 2, 1, 0]);
        let names = ["dos", "normal", "probe"];
        let recalls = group_recalls(&grouping(), &y, &said, |row| names[y[row] as usize]);
        let told: Vec<_> = recalls.iter().map(|r| (r.class.as_str(), r.support, r.found, r.recall)).collect();
        assert_eq!(told, [("dos", 2, 1, 0.5), ("probe", 2, 2, 1.0), ("normal", 2, 1, 0.5)]);
        assert_eq!(recalls.iter().map(|r| r.group_recall).collect::<Vec<_>>(), [0.75, 0.75, 0.5]);
    }

    #[test]
    fn classes_finer_than_the_labels_are_counted_by_name() {
        // What was learnt are the groups.
        let groups = Grouping { of_class: vec![0, 1], ..grouping() };
        let class = ["u2r", "u2r", "dos", "dos", "dos", "normal"];
        let recalls = group_recalls(&groups, &[0, 0, 0, 0, 0, 1], &[1, 1, 0, 0, 0, 1], |row| class[row]);
        let told: Vec<_> = recalls.iter().map(|r| (r.class.as_str(), r.found, r.support)).collect();
        assert_eq!(told, [("dos", 3, 3), ("u2r", 0, 2), ("normal", 1, 1)]);
        assert_eq!(hidden_classes(&recalls), None, "two rows say little");
    }

    #[test]
    fn classes_far_below_their_group_are_named_worst_first() {
        let row = |class: &str, group: &str, support: u64, found: u64, group_recall: f64| GroupRecall {
            class: class.into(),
            group: group.into(),
            support,
            found,
            recall: found as f64 / support as f64,
            group_recall,
        };
        let recalls = [
            row("dos", "attack", 900, 890, 0.9),
            row("r2l", "attack", 100, 40, 0.9),
            row("u2r", "attack", 5, 0, 0.9),
            row("spy", "attack", 4, 0, 0.9),
            row("normal", "normal", 50, 50, 1.0),
        ];
        let warning = hidden_classes(&recalls).unwrap();
        assert_eq!(
            (warning.code, warning.message.as_str()),
            (
                Code::S28,
                "the group \"attack\" has recall 0.90, but of its classes \"u2r\" 0.00 of 5 rows, \"r2l\" 0.40 of 100 rows"
            )
        );
        assert_eq!(hidden_classes(&recalls[..1]), None);
        // A group that is missed altogether hides nothing.
        assert_eq!(hidden_classes(&[row("a", "b", 9, 0, 0.0), row("c", "b", 9, 0, 0.0)]), None);
    }
}
