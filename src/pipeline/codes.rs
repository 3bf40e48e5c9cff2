//! Which features are numbers that stand for categories: a value between two of them means something else, or nothing.

use super::{FittedStep, InputKind, Pipeline};
use crate::ml::{Column, Frame, Values};

/// A feature whose numbers are codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// The input column.
    pub name: String,
    /// The categories, ascending: numbers of the training rows, or words in the order of their codes.
    pub categories: Vec<String>,
    /// Whether `ordinal` made the numbers out of words.
    pub ordinal: bool,
}

/// Words in a column's name that say that its numbers are codes.
const CODES: [&str; 19] = [
    "category",
    "class",
    "code",
    "dscp",
    "id",
    "interface",
    "opcode",
    "port",
    "ports",
    "proto",
    "protocol",
    "service",
    "state",
    "status",
    "switch",
    "tos",
    "type",
    "version",
    "vlan",
];
/// Words that say that they count or measure, whatever the others say.
const AMOUNTS: [&str; 26] = [
    "avg", "bytes", "cnt", "count", "counts", "ct", "duration", "iat", "len", "length", "max", "mean", "min", "num",
    "number", "packets", "pkts", "rate", "ratio", "size", "std", "sum", "time", "total", "ttl", "var",
];

impl Pipeline {
    /// The input columns that features are made of and whose numbers stand for three or more categories, or for two
    /// that are not 0 and 1: whole numbers with only two values in the training rows, or under a name that says so
    /// (`Protocol`, `Dst Port`); and words that `ordinal` has numbered. Columns of 0 and 1 are not among them: between
    /// these lies a share.
    #[must_use]
    pub fn codes(&self, train: &Frame) -> Vec<Coded> {
        let used = self.inputs().iter().filter(|input| input.used);
        used.filter_map(|input| match &input.kind {
            InputKind::Number { .. } => {
                let column = train.columns.iter().find(|c| c.name == input.name)?;
                let categories = whole_codes(column)?;
                Some(Coded { name: input.name.clone(), categories, ordinal: false })
            }
            InputKind::Category { .. } => {
                let numbered = self.steps().iter().find_map(|step| match step {
                    FittedStep::Ordinal(s) => s.columns.iter().find(|c| c.name == input.name),
                    _ => None,
                })?;
                let categories = numbered.levels.clone();
                (categories.len() > 2).then(|| Coded { name: input.name.clone(), categories, ordinal: true })
            }
        })
        .collect()
    }
}

/// The distinct values of a column of codes, ascending; `None` where it is none.
fn whole_codes(column: &Column) -> Option<Vec<String>> {
    let Values::Number(values) = &column.values else { return None };
    let there = || values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0);
    if there().any(|v| v.fract() != 0.0) {
        return None;
    }
    let mut seen: Vec<f64> = if named_as_code(&column.name) {
        there().collect()
    } else {
        // Two values, or none of the others is worth a look.
        let first = there().next()?;
        let second = there().find(|v| *v != first)?;
        if there().any(|v| v != first && v != second) {
            return None;
        }
        vec![first, second]
    };
    seen.sort_unstable_by(f64::total_cmp);
    seen.dedup();
    (seen.len() >= 2 && seen != [0.0, 1.0]).then(|| seen.iter().map(f64::to_string).collect())
}

fn named_as_code(name: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    any(&CODES) && !any(&AMOUNTS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Seed;
    use crate::ml::{Labels, Part, Progress, Role, Training};
    use crate::param::Parameter;
    use crate::pipeline::PrepareStep;

    #[test]
    fn names_say_what_numbers_are() {
        for name in
            ["Protocol", "proto", "Dst Port", "srcPort", "protocol_type", "ICMP Code", "port_no", "Protocol Type"]
        {
            assert!(named_as_code(name), "{name}");
        }
        for name in [
            "FIN Flag Count",
            "Flow Duration",
            "num_ports",
            "dst_host_same_src_port_rate",
            "Header",
            "ct_state_ttl",
            "Portable",
            "x0",
        ] {
            assert!(!named_as_code(name), "{name}");
        }
    }

    #[test]
    fn whole_numbers_with_two_values_or_a_telling_name_are_codes() {
        let codes =
            |name: &str, values: &[f64]| whole_codes(&Column::number(name, values.to_vec())).map(|c| c.join(" "));
        assert_eq!(codes("Protocol", &[17.0, 6.0, f64::NAN, 0.0, -0.0, 6.0]).as_deref(), Some("0 6 17"));
        assert_eq!(codes("x", &[17.0, 6.0, 6.0]).as_deref(), Some("6 17"));
        for (name, values) in [
            ("flag", &[0.0, 1.0, 1.0][..]),
            ("flag", &[1.0, 1.0]),
            ("Protocol", &[0.0, 1.0]),
            ("Protocol", &[6.0, 6.5, 17.0]),
            ("SYN Flag Count", &[0.0, 1.0, 2.0]),
            ("x", &[0.0, 6.0, 17.0]),
            ("rate", &[0.5, 1.0]),
            ("Protocol", &[f64::NAN]),
        ] {
            assert_eq!(codes(name, values), None, "{name} {values:?}");
        }
    }

    #[test]
    fn codes_are_seen_through_scaling_and_words_through_ordinal() {
        let words = |list: [&'static str; 6]| list.map(Some).to_vec();
        let frame = Frame {
            row_ids: (0..6).collect(),
            columns: vec![
                Column::number("Protocol", vec![6.0, 17.0, 6.0, 0.0, 6.0, 17.0]),
                Column::number("Dst Port", vec![80.0, 22.0, 80.0, 443.0, 53.0, 8080.0]),
                Column::number("bytes", vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
                Column::category("flag", &words(["SF", "S0", "REJ", "SF", "SF", "S0"])),
                Column::category("side", &words(["in", "out", "in", "in", "out", "in"])),
                Column::category("service", &words(["http", "ftp", "dns", "dns", "dns", "http"])),
            ],
            aside: Vec::new(),
            labels: Labels { codes: vec![0, 1, 0, 1, 0, 1], classes: vec!["a".into(), "b".into()] },
            grouping: None,
            roles: None,
        };
        let coded = |steps: serde_json::Value| -> Vec<String> {
            let steps: Vec<PrepareStep> =
                serde_json::from_value(Vec::<PrepareStep>::shape().read(&steps).unwrap()).unwrap();
            let train = Training::new(Part::first(Role::Train), frame.clone()).unwrap();
            let (pipeline, _) = Pipeline::fit(&steps, &train, Seed::new(1), Progress::none()).unwrap();
            pipeline.codes(&frame).into_iter().map(|c| format!("{} {}", c.name, c.categories.len())).collect()
        };
        let steps = json!([{"ordinal": {"columns": ["flag", "side"]}}, "one_hot", "standardize"]);
        assert_eq!(coded(steps), ["Protocol 3", "Dst Port 5", "flag 3"]);
        // Only what a feature is made of.
        let steps =
            json!(["one_hot", {"select": {"by": "variance", "threshold": 50, "columns": ["Protocol", "Dst Port"]}}]);
        assert_eq!(coded(steps), ["Dst Port 5"]);
        assert_eq!(coded(json!(["one_hot", "pca"])), ["Protocol 3", "Dst Port 5"]);
    }
}
