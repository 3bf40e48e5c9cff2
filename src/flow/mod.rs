//! Network flows that are made up: packets are drawn per kind of traffic and measured as CICFlowMeter measures them.
//! No I/O.

mod features;
mod traffic;

use self::features::FEATURES;
pub use self::traffic::CLASSES;
use self::traffic::{KINDS, Kind, draw};
use crate::digest::Seed;
use crate::ml::Column;
use crate::ml::random::Rng;

/// Rows that each class gets at least, where there are enough rows to give.
const FEWEST: usize = 20;

/// A table of made-up flows.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedFlows {
    /// The 86 columns of the TII-SSRC-23 flow tables, in their order: addresses and time, 77 features, then `Label`
    /// (Benign, Malicious), `Traffic Type` (8 classes) and `Traffic Subtype`.
    pub columns: Vec<Column>,
}

/// Makes `rows` flows in random order. Classes have about the shares of the published sample; the smallest ones have
/// at least 20 rows, or a twentieth of the rows where that is less. No value is missing or infinite. The same
/// arguments give the same table.
#[must_use]
pub fn simulate(rows: usize, seed: Seed) -> SimulatedFlows {
    let mut order: Vec<usize> =
        class_counts(rows).into_iter().enumerate().flat_map(|(class, n)| std::iter::repeat_n(class, n)).collect();
    Rng::new(seed.child("order")).shuffle(&mut order);
    let mut numbers: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); FEATURES.len()];
    let (mut sources, mut targets) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut texts: [Vec<Option<String>>; 7] = std::array::from_fn(|_| Vec::with_capacity(rows));
    for (i, &class) in order.iter().enumerate() {
        let mut rng = Rng::new(seed.index(i as u64));
        let kind = pick(class, &mut rng);
        let flow = draw(kind, &mut rng);
        for (column, value) in numbers.iter_mut().zip(features::measure(&flow)) {
            column.push(value);
        }
        let [from, to] = [1 + rng.below(40), 41 + rng.below(20)].map(|host| format!("192.168.1.{host}"));
        let (from_port, to_port) = (32_768 + rng.below(28_232), u64::from(flow.port));
        let id = format!("{from}-{to}-{from_port}-{to_port}-{}", flow.protocol);
        let (group, class) = CLASSES[kind.class];
        let words = [id, from, to, timestamp(i, rows, &mut rng), group.into(), class.into(), kind.subtype.into()];
        for (column, word) in texts.iter_mut().zip(words) {
            column.push(Some(word));
        }
        sources.push(from_port as f64);
        targets.push(to_port as f64);
    }
    let [id, from, to, time, group, class, subtype] = texts;
    let mut columns = vec![
        Column::category("Flow ID", &id),
        Column::category("Src IP", &from),
        Column::number("Src Port", sources),
        Column::category("Dst IP", &to),
        Column::number("Dst Port", targets),
    ];
    let mut measured = FEATURES.iter().zip(numbers).map(|(name, values)| Column::number(*name, values));
    columns.extend(measured.next()); // the protocol stands before the time
    columns.push(Column::category("Timestamp", &time));
    columns.extend(measured);
    columns.push(Column::category("Label", &group));
    columns.push(Column::category("Traffic Type", &class));
    columns.push(Column::category("Traffic Subtype", &subtype));
    SimulatedFlows { columns }
}

/// Rows of each class, adding up to `rows`.
fn class_counts(rows: usize) -> Vec<usize> {
    let weight = |class: usize| KINDS.iter().filter(|k| k.class == class).map(|k| k.weight).sum::<f64>();
    let total: f64 = KINDS.iter().map(|k| k.weight).sum();
    let least = FEWEST.min(rows / 20);
    let mut counts: Vec<usize> =
        (0..CLASSES.len()).map(|c| ((weight(c) / total * rows as f64) as usize).max(least)).collect();
    // What rounding and the lower bound left over or took too much goes to or comes from the largest class.
    loop {
        let sum: usize = counts.iter().sum();
        let Some(largest) = counts.iter_mut().max() else { return counts };
        match sum.cmp(&rows) {
            std::cmp::Ordering::Less => *largest += 1,
            std::cmp::Ordering::Equal => return counts,
            std::cmp::Ordering::Greater => *largest -= 1,
        }
    }
}

fn pick(class: usize, rng: &mut Rng) -> &'static Kind {
    let of_class = || KINDS.iter().filter(move |k| k.class == class);
    let mut left = rng.uniform() * of_class().map(|k| k.weight).sum::<f64>();
    let mut last = &KINDS[0];
    for kind in of_class() {
        last = kind;
        left -= kind.weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// `dd/mm/yyyy hh:mm:ss AM`: row `i` of `rows` within five days of February 2023.
fn timestamp(i: usize, rows: usize, rng: &mut Rng) -> String {
    let span = 5 * 86_400_u64;
    let second = (span as f64 * i as f64 / rows as f64) as u64 + rng.below(30);
    let (day, hour) = (6 + second / 86_400, second / 3600 % 24);
    let (twelve, half) = (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
    format!("{day:02}/02/2023 {twelve:02}:{:02}:{:02} {half}", second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::Values;

    const HEADER: &str = "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,\
        Total Bwd packets,Total Length of Fwd Packet,Total Length of Bwd Packet,Fwd Packet Length Max,\
        Fwd Packet Length Min,Fwd Packet Length Mean,Fwd Packet Length Std,Bwd Packet Length Max,\
        Bwd Packet Length Min,Bwd Packet Length Mean,Bwd Packet Length Std,Flow Bytes/s,Flow Packets/s,Flow IAT Mean,\
        Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Total,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,\
        Bwd IAT Total,Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,\
        Bwd URG Flags,Fwd Header Length,Bwd Header Length,Fwd Packets/s,Bwd Packets/s,Packet Length Min,\
        Packet Length Max,Packet Length Mean,Packet Length Std,Packet Length Variance,FIN Flag Count,SYN Flag Count,\
        RST Flag Count,PSH Flag Count,ACK Flag Count,URG Flag Count,CWR Flag Count,ECE Flag Count,Down/Up Ratio,\
        Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,Fwd Bytes/Bulk Avg,Fwd Packet/Bulk Avg,\
        Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,Bwd Bulk Rate Avg,Subflow Fwd Packets,\
        Subflow Fwd Bytes,Subflow Bwd Packets,Subflow Bwd Bytes,FWD Init Win Bytes,Bwd Init Win Bytes,\
        Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,Idle Max,\
        Idle Min,Label,Traffic Type,Traffic Subtype";

    fn numbers<'a>(flows: &'a SimulatedFlows, name: &str) -> &'a [f64] {
        match flows.columns.iter().find(|c| c.name == name).map(|c| &c.values) {
            Some(Values::Number(values)) => values,
            _ => &[],
        }
    }

    #[test]
    fn the_header_is_the_published_one() {
        let flows = simulate(200, Seed::new(1));
        let names: Vec<&str> = flows.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.join(","), HEADER);
        assert_eq!(names.len(), 86);
        assert!(flows.columns.iter().all(|c| c.len() == 200));
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(simulate(300, Seed::new(1)), simulate(300, Seed::new(1)));
        assert_ne!(simulate(300, Seed::new(1)), simulate(300, Seed::new(2)));
    }

    #[test]
    fn every_class_has_rows() {
        assert_eq!(class_counts(6000).iter().sum::<usize>(), 6000);
        assert!(class_counts(6000).iter().all(|&n| n >= 20), "{:?}", class_counts(6000));
        for rows in [0, 1, 7, 100, 101, 1000] {
            assert_eq!(class_counts(rows).iter().sum::<usize>(), rows);
        }
        assert!(class_counts(100).iter().all(|&n| n >= 5));
    }

    #[test]
    fn columns_agree_with_each_other() {
        let flows = simulate(2000, Seed::new(3));
        for column in &flows.columns {
            assert!((0..2000).all(|row| !column.is_missing(row)), "{}", column.name);
            if let Values::Number(values) = &column.values {
                assert!(values.iter().all(|v| v.is_finite() && *v >= 0.0), "{}", column.name);
            }
        }
        for of in ["Fwd Packet Length", "Bwd Packet Length", "Packet Length", "Flow IAT", "Fwd IAT", "Bwd IAT", "Idle"]
        {
            let [min, mean, max] = ["Min", "Mean", "Max"].map(|end| numbers(&flows, &format!("{of} {end}")));
            for row in 0..2000 {
                assert!(min[row] <= mean[row] + 1e-6 && mean[row] <= max[row] + 1e-6, "{of} {row}");
            }
        }
        let n = |name: &str| numbers(&flows, name);
        for row in 0..2000 {
            let seconds = n("Flow Duration")[row] / 1e6;
            let bytes = n("Total Length of Fwd Packet")[row] + n("Total Length of Bwd Packet")[row];
            let packets = n("Total Fwd Packet")[row] + n("Total Bwd packets")[row];
            assert!(seconds > 0.0 && seconds <= 120.0 && packets >= 2.0);
            assert!((n("Flow Bytes/s")[row] - bytes / seconds).abs() <= 1e-9 * bytes / seconds);
            assert!((n("Flow Packets/s")[row] - packets / seconds).abs() <= 1e-9 * packets / seconds);
            assert!((n("Average Packet Size")[row] - bytes / packets).abs() < 1e-9);
            assert!((n("Packet Length Variance")[row] - n("Packet Length Std")[row].powi(2)).abs() < 1e-3);
            assert!(n("SYN Flag Count")[row] <= packets && n("Fwd PSH Flags")[row] <= n("PSH Flag Count")[row]);
        }
        for name in ["Bwd PSH Flags", "Bwd URG Flags", "Fwd Bytes/Bulk Avg", "Fwd Packet/Bulk Avg", "Fwd Bulk Rate Avg"]
        {
            assert!(n(name).iter().all(|v| *v == 0.0), "{name} is constant in the published tables too");
        }
    }

    #[test]
    fn labels_follow_the_subtype() {
        let flows = simulate(500, Seed::new(8));
        let [group, class, subtype] = [83, 84, 85].map(|i| &flows.columns[i]);
        for row in 0..500 {
            let (class, group) = (class.text(row), group.text(row));
            assert!(CLASSES.iter().any(|(g, c)| Some((*g).into()) == group && Some((*c).into()) == class));
            let kind = KINDS.iter().find(|k| Some(k.subtype.into()) == subtype.text(row));
            assert!(kind.is_some_and(|k| Some(CLASSES[k.class].1.into()) == class));
        }
    }
}
