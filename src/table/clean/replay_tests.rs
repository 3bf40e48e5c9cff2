//! Rows by themselves come out as they did in the whole table.

use proptest::prelude::*;
use serde_json::json;

use super::super::Table;
use super::{Replay, clean_with_replay};
use crate::ml::{Column, Values};
use crate::param::Parameter;
use crate::spec::dataset::{CleanStep, DatasetSpec};

fn steps() -> Vec<CleanStep> {
    let steps = json!([
        {"replace": {"columns": ["proto"], "values": {"tcp": 6, "udp": 17, "-": null}}},
        {"replace": {"columns": ["port"], "values": {"80": "web", "53": "dns"}}},
        {"clip": {"quantiles": [0.1, 0.9], "columns": ["a"]}},
        {"derive": {"ratio": "a / b"}},
        {"drop_columns": "b"},
        {"derive": {"b": "ratio * 2"}},
        {"drop_duplicates": {}},
        {"round": 2},
    ]);
    serde_json::from_value(Vec::<CleanStep>::shape().read(&steps).unwrap()).unwrap()
}

fn table(rows: &[(f64, f64, usize, usize)]) -> Table {
    let (protocols, labels) = (["tcp", "udp", "-"], ["x", "y"]);
    let ports = [80.0, 53.0, 443.0];
    let of = |pick: &dyn Fn(usize) -> &'static str| (0..rows.len()).map(|i| Some(pick(i))).collect::<Vec<_>>();
    Table {
        row_ids: (0..rows.len() as u64).collect(),
        columns: vec![
            Column::number("a", rows.iter().map(|r| r.0).collect()),
            Column::number("b", rows.iter().map(|r| r.1).collect()),
            Column::category("proto", &of(&|i| protocols[rows[i].2])),
            Column::number("port", rows.iter().map(|r| ports[r.3]).collect()),
            Column::category("label", &of(&|i| labels[i % 2])),
        ],
        roles: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_row_alone_comes_out_as_in_the_table(
        rows in prop::collection::vec((-1e4..1e4_f64, -3.0..3.0_f64, 0..3_usize, 0..3_usize), 4..40),
    ) {
        let table = table(&rows);
        let dataset = DatasetSpec { target: Some(crate::param::Name("label".into())), ..DatasetSpec::default() };
        let Ok((frame, _, _, replay)) = clean_with_replay(table.clone(), &dataset, &steps()) else { return Ok(()) };
        let stored: Replay = serde_json::from_str(&serde_json::to_string(&replay).unwrap()).unwrap();
        prop_assert_eq!(&stored, &replay);
        let sources = replay.sources(frame.columns.iter().map(|c| c.name.as_str()));
        prop_assert_eq!(sources.into_iter().collect::<Vec<_>>(), ["a", "b", "port", "proto"]);
        for (at, id) in frame.row_ids.iter().enumerate() {
            let mut columns = table.take(&[*id as usize]).columns;
            columns.reverse();
            stored.apply(&mut columns).unwrap();
            for wanted in &frame.columns {
                let got = columns.iter().find(|c| c.name == wanted.name).unwrap();
                match (&got.values, &wanted.values) {
                    (Values::Number(a), Values::Number(b)) => prop_assert_eq!(a[0].to_bits(), b[at].to_bits()),
                    _ => prop_assert_eq!(got.text(0), wanted.text(at), "{}", &wanted.name),
                }
            }
        }
    }
}
