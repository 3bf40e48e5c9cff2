//! What CICFlowMeter 4 measures of a flow (Lashkari et al. 2017, "Characterization of Tor traffic using time based
//! features"). Times are in microseconds, lengths in payload bytes. Standard deviations divide by n - 1.

use super::traffic::{ACK, CWR, ECE, FIN, Flow, PSH, Packet, RST, SYN, URG};

/// A gap above this starts a new subflow.
const SUBFLOW_GAP: u64 = 1_000_000;
/// A gap above this is idle time.
const IDLE_GAP: u64 = 5_000_000;
/// Packets in one direction that make a bulk transfer.
const BULK: usize = 4;

/// Names of what [`measure`] gives, in its order: the protocol, which stands before the timestamp in the tables, then
/// the 76 columns after it.
pub const FEATURES: [&str; 77] = [
    "Protocol",
    "Flow Duration",
    "Total Fwd Packet",
    "Total Bwd packets",
    "Total Length of Fwd Packet",
    "Total Length of Bwd Packet",
    "Fwd Packet Length Max",
    "Fwd Packet Length Min",
    "Fwd Packet Length Mean",
    "Fwd Packet Length Std",
    "Bwd Packet Length Max",
    "Bwd Packet Length Min",
    "Bwd Packet Length Mean",
    "Bwd Packet Length Std",
    "Flow Bytes/s",
    "Flow Packets/s",
    "Flow IAT Mean",
    "Flow IAT Std",
    "Flow IAT Max",
    "Flow IAT Min",
    "Fwd IAT Total",
    "Fwd IAT Mean",
    "Fwd IAT Std",
    "Fwd IAT Max",
    "Fwd IAT Min",
    "Bwd IAT Total",
    "Bwd IAT Mean",
    "Bwd IAT Std",
    "Bwd IAT Max",
    "Bwd IAT Min",
    "Fwd PSH Flags",
    "Bwd PSH Flags",
    "Fwd URG Flags",
    "Bwd URG Flags",
    "Fwd Header Length",
    "Bwd Header Length",
    "Fwd Packets/s",
    "Bwd Packets/s",
    "Packet Length Min",
    "Packet Length Max",
    "Packet Length Mean",
    "Packet Length Std",
    "Packet Length Variance",
    "FIN Flag Count",
    "SYN Flag Count",
    "RST Flag Count",
    "PSH Flag Count",
    "ACK Flag Count",
    "URG Flag Count",
    "CWR Flag Count",
    "ECE Flag Count",
    "Down/Up Ratio",
    "Average Packet Size",
    "Fwd Segment Size Avg",
    "Bwd Segment Size Avg",
    "Fwd Bytes/Bulk Avg",
    "Fwd Packet/Bulk Avg",
    "Fwd Bulk Rate Avg",
    "Bwd Bytes/Bulk Avg",
    "Bwd Packet/Bulk Avg",
    "Bwd Bulk Rate Avg",
    "Subflow Fwd Packets",
    "Subflow Fwd Bytes",
    "Subflow Bwd Packets",
    "Subflow Bwd Bytes",
    "FWD Init Win Bytes",
    "Bwd Init Win Bytes",
    "Fwd Act Data Pkts",
    "Fwd Seg Size Min",
    "Active Mean",
    "Active Std",
    "Active Max",
    "Active Min",
    "Idle Mean",
    "Idle Std",
    "Idle Max",
    "Idle Min",
];

/// Total, mean, standard deviation, largest and smallest; all 0 of nothing.
#[derive(Clone, Copy, Default)]
struct Summary {
    total: f64,
    mean: f64,
    std: f64,
    max: f64,
    min: f64,
}

fn summary(values: &[f64]) -> Summary {
    if values.is_empty() {
        return Summary::default();
    }
    let n = values.len() as f64;
    let total: f64 = values.iter().sum();
    let mean = total / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Summary {
        total,
        mean,
        std: if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 },
        max: values.iter().copied().fold(f64::MIN, f64::max),
        min: values.iter().copied().fold(f64::MAX, f64::min),
    }
}

fn gaps(times: &[u64]) -> Vec<f64> {
    times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect()
}

/// Mean bytes, packets and bytes per second of the backward bulk transfers: at least four backward packets with
/// payload in a row, no gap above a second.
fn bulks(packets: &[Packet]) -> [f64; 3] {
    let (mut bytes, mut count, mut micros, mut bulks) = (0.0, 0.0, 0.0, 0.0);
    let mut run: Vec<&Packet> = Vec::new();
    let mut close = |run: &mut Vec<&Packet>| {
        if run.len() >= BULK {
            bulks += 1.0;
            count += run.len() as f64;
            bytes += run.iter().map(|p| f64::from(p.payload)).sum::<f64>();
            micros += (run[run.len() - 1].time - run[0].time) as f64;
        }
        run.clear();
    };
    for packet in packets {
        if run.last().is_some_and(|last| packet.forward || packet.time - last.time > SUBFLOW_GAP) {
            close(&mut run);
        }
        if !packet.forward && packet.payload > 0 {
            run.push(packet);
        }
    }
    close(&mut run);
    if bulks == 0.0 { [0.0; 3] } else { [bytes / bulks, count / bulks, bytes / (micros / 1e6).max(1e-6)] }
}

/// The 77 features of a flow of at least two packets in order of time.
pub fn measure(flow: &Flow) -> [f64; 77] {
    let packets = &flow.packets;
    let side = |forward: bool| packets.iter().filter(move |p| p.forward == forward);
    let lengths = |forward| summary(&side(forward).map(|p| f64::from(p.payload)).collect::<Vec<_>>());
    let waits = |forward| summary(&gaps(&side(forward).map(|p| p.time).collect::<Vec<_>>()));
    let header = |forward| side(forward).map(|p| f64::from(p.header)).sum::<f64>();
    let (fwd, bwd, fwd_wait, bwd_wait) = (lengths(true), lengths(false), waits(true), waits(false));
    let all = summary(&packets.iter().map(|p| f64::from(p.payload)).collect::<Vec<_>>());
    let times: Vec<u64> = packets.iter().map(|p| p.time).collect();
    let between = gaps(&times);
    let wait = summary(&between);
    let seconds = wait.total / 1e6;
    let [n_fwd, n_bwd] = [true, false].map(|forward| side(forward).count() as f64);
    let flag = |bit: u8| packets.iter().filter(|p| p.flags & bit != 0).count() as f64;
    let fwd_flag = |bit: u8| side(true).filter(|p| p.flags & bit != 0).count() as f64;
    let [bulk_bytes, bulk_packets, bulk_rate] = bulks(packets);
    let subflows = between.iter().filter(|&&g| g > SUBFLOW_GAP as f64).count() as f64;
    let per_subflow = |x: f64| if subflows == 0.0 { 0.0 } else { (x / subflows).floor() };
    let (mut idle, mut active, mut start) = (Vec::new(), Vec::new(), times[0]);
    for pair in times.windows(2) {
        if pair[1] - pair[0] > IDLE_GAP {
            if pair[0] > start {
                active.push((pair[0] - start) as f64);
            }
            idle.push((pair[1] - pair[0]) as f64);
            start = pair[1];
        }
    }
    let (active, idle) = (summary(&active), summary(&idle));
    let smallest_header = side(true).map(|p| p.header).min().unwrap_or(0);
    [
        f64::from(flow.protocol),
        wait.total,
        n_fwd,
        n_bwd,
        fwd.total,
        bwd.total,
        fwd.max,
        fwd.min,
        fwd.mean,
        fwd.std,
        bwd.max,
        bwd.min,
        bwd.mean,
        bwd.std,
        all.total / seconds,
        (n_fwd + n_bwd) / seconds,
        wait.mean,
        wait.std,
        wait.max,
        wait.min,
        fwd_wait.total,
        fwd_wait.mean,
        fwd_wait.std,
        fwd_wait.max,
        fwd_wait.min,
        bwd_wait.total,
        bwd_wait.mean,
        bwd_wait.std,
        bwd_wait.max,
        bwd_wait.min,
        fwd_flag(PSH),
        0.0, // constant in the published tables, as are the bulk columns of the forward side
        fwd_flag(URG),
        0.0,
        header(true),
        header(false),
        n_fwd / seconds,
        n_bwd / seconds,
        all.min,
        all.max,
        all.mean,
        all.std,
        all.std * all.std,
        flag(FIN),
        flag(SYN),
        flag(RST),
        flag(PSH),
        flag(ACK),
        flag(URG),
        flag(CWR),
        flag(ECE),
        if n_fwd > 0.0 { (n_bwd / n_fwd).floor() } else { 0.0 },
        all.mean,
        fwd.mean,
        bwd.mean,
        0.0,
        0.0,
        0.0,
        bulk_bytes,
        bulk_packets,
        bulk_rate,
        per_subflow(n_fwd),
        per_subflow(fwd.total),
        per_subflow(n_bwd),
        per_subflow(bwd.total),
        f64::from(flow.windows[0]),
        f64::from(flow.windows[1]),
        side(true).skip(1).filter(|p| p.payload > 0).count() as f64,
        f64::from(smallest_header),
        active.mean,
        active.std,
        active.max,
        active.min,
        idle.mean,
        idle.std,
        idle.max,
        idle.min,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_packets_by_hand() {
        let packet = |time, forward, payload, flags| Packet { time, forward, payload, flags, header: 20 };
        let flow = Flow {
            protocol: 6,
            port: 80,
            windows: [512, 100],
            packets: vec![
                packet(0, true, 100, SYN),
                packet(2_000_000, false, 40, ACK | PSH),
                packet(8_000_000, true, 0, ACK | FIN),
            ],
        };
        let values = measure(&flow);
        let get = |name: &str| FEATURES.iter().position(|f| *f == name).map_or(f64::NAN, |i| values[i]);
        for (name, want) in [
            ("Flow Duration", 8e6),
            ("Total Fwd Packet", 2.0),
            ("Fwd Packet Length Mean", 50.0),
            ("Fwd Packet Length Std", 5000.0_f64.sqrt()),
            ("Flow Bytes/s", 17.5),
            ("Flow Packets/s", 0.375),
            ("Flow IAT Mean", 4e6),
            ("Fwd IAT Total", 8e6),
            ("Bwd IAT Total", 0.0),
            ("Fwd Header Length", 40.0),
            ("SYN Flag Count", 1.0),
            ("ACK Flag Count", 2.0),
            ("PSH Flag Count", 1.0),
            ("Fwd PSH Flags", 0.0),
            ("Subflow Fwd Bytes", 50.0),
            ("Fwd Act Data Pkts", 0.0),
            ("Active Mean", 2e6),
            ("Idle Max", 6e6),
            ("FWD Init Win Bytes", 512.0),
            ("Down/Up Ratio", 0.0),
        ] {
            assert!((get(name) - want).abs() < 1e-9, "{name}: {} {want}", get(name));
        }
    }

    #[test]
    fn bulks_need_four_packets_in_a_row() {
        let run = |n: u64| -> Vec<Packet> {
            (0..n).map(|i| Packet { time: i * 1000, forward: false, payload: 10, flags: 0, header: 8 }).collect()
        };
        assert_eq!(bulks(&run(3)), [0.0; 3]);
        assert_eq!(bulks(&run(5)), [50.0, 5.0, 50.0 / 0.004]);
    }
}
