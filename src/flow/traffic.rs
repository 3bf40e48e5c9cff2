//! Kinds of traffic and the packets they send. Counts, lengths and gaps are log-normal around a median that itself
//! varies from flow to flow; a gap is now and then a pause.

use crate::ml::random::Rng;

/// TCP flag bits.
pub const FIN: u8 = 1;
/// See [`FIN`].
pub const SYN: u8 = 2;
/// See [`FIN`].
pub const RST: u8 = 4;
/// See [`FIN`].
pub const PSH: u8 = 8;
/// See [`FIN`].
pub const ACK: u8 = 16;
/// See [`FIN`].
pub const URG: u8 = 32;
/// See [`FIN`].
pub const ECE: u8 = 64;
/// See [`FIN`].
pub const CWR: u8 = 128;

/// Group and name of each class, by class index.
pub const CLASSES: [(&str, &str); 8] = [
    ("Benign", "Audio"),
    ("Benign", "Background"),
    ("Malicious", "Bruteforce"),
    ("Malicious", "DoS"),
    ("Malicious", "Information Gathering"),
    ("Malicious", "Mirai"),
    ("Benign", "Text"),
    ("Benign", "Video"),
];

/// A flow is cut here, in microseconds, as CICFlowMeter does.
const TIMEOUT: u64 = 120_000_000;
/// Most packets of one flow.
const MOST_PACKETS: f64 = 600.0;
/// Largest payload in bytes.
const MOST_PAYLOAD: f64 = 1448.0;
/// Share of flows, whatever their class, that hold nothing but a failed or cut off contact: no measurement tells
/// the classes of these apart.
const STRAY: f64 = 0.025;

/// What carries the packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    /// A TCP conversation.
    Tcp,
    /// TCP packets that all have these flags and follow no conversation.
    Crafted(u8),
    /// UDP.
    Udp,
    /// TCP three times in five, else UDP.
    Either,
    /// Neither, as ARP or ICMP: no header is counted.
    Other,
}

/// One kind of traffic.
pub struct Kind {
    /// Class index.
    pub class: usize,
    /// Its name in the tables.
    pub subtype: &'static str,
    /// Share of all flows, in parts of the sum over all kinds.
    pub weight: f64,
    carrier: Carrier,
    /// Destination port; 0 for any.
    port: u16,
    /// Median number of packets, and spread: the standard deviation of the logarithm, as below.
    packets: (f64, f64),
    /// How often the other side answers at all, and the share of packets that it then sends.
    reply: (f64, f64),
    /// Median payload of forward and of backward packets, in bytes; 0 for none.
    payload: (f64, f64),
    /// Median gap in microseconds, and spread.
    gap: (f64, f64),
    /// How often a gap is a pause, and its median length in microseconds.
    pause: (f64, f64),
    /// TCP window announced first by either side; 0 for one of the usual sizes.
    window: u32,
}

#[rustfmt::skip]
#[allow(clippy::too_many_arguments)]
const fn kind(
    class: usize, subtype: &'static str, weight: f64, carrier: Carrier, port: u16, packets: (f64, f64),
    reply: (f64, f64), payload: (f64, f64), gap: (f64, f64), pause: (f64, f64), window: u32,
) -> Kind {
    Kind { class, subtype, weight, carrier, port, packets, reply, payload, gap, pause, window }
}

use Carrier::{Crafted, Either, Other, Tcp, Udp};

/// Every kind. Weights follow the published sample's counts.
#[rustfmt::skip]
pub const KINDS: [Kind; 28] = [
    kind(0, "Audio", 190., Either, 37700, (200., 1.0), (0.9, 0.7), (60., 140.), (2e4, 0.8), (0.01, 4e6), 0),
    kind(1, "Background", 32., Other, 0, (10., 0.5), (0.1, 0.3), (0., 0.), (3e6, 0.6), (0.3, 2e7), 0),
    kind(2, "Bruteforce DNS", 617., Udp, 53, (2.5, 0.4), (0.8, 0.5), (44., 58.), (1e4, 0.9), (0.03, 5e6), 0),
    kind(2, "Bruteforce FTP", 117., Tcp, 21, (12., 0.5), (0.95, 0.5), (14., 40.), (2e5, 1.0), (0.05, 3e6), 0),
    kind(2, "Bruteforce HTTP", 15., Tcp, 80, (10., 0.5), (0.95, 0.5), (250., 400.), (5e4, 1.0), (0.02, 3e6), 0),
    kind(2, "Bruteforce SSH", 121., Tcp, 22, (16., 0.6), (0.95, 0.5), (80., 120.), (8e4, 1.0), (0.05, 2e6), 0),
    kind(2, "Bruteforce Telnet", 130., Tcp, 23, (14., 0.6), (0.95, 0.5), (8., 18.), (3e5, 1.0), (0.08, 4e6), 0),
    kind(3, "DoS ACK", 120., Crafted(ACK), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS CWR", 135., Crafted(CWR), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS ECN", 127., Crafted(ECE), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS FIN", 69., Crafted(FIN), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS HTTP", 15., Tcp, 80, (12., 0.6), (0.9, 0.5), (180., 300.), (3e5, 1.2), (0.1, 6e6), 0),
    kind(3, "DoS PSH", 127., Crafted(PSH), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS RST", 144., Crafted(RST), 0, (2.3, 0.4), (0.1, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS SYN", 111., Crafted(SYN), 0, (2.3, 0.4), (0.5, 0.4), (180., 0.), (1e6, 1.6), (0.2, 1e7), 512),
    kind(3, "DoS UDP", 35., Udp, 0, (3., 0.5), (0.2, 0.4), (300., 60.), (1e6, 1.6), (0.2, 1e7), 0),
    kind(3, "DoS URG", 117., Crafted(URG), 0, (2.3, 0.4), (0.5, 0.4), (420., 0.), (1.5e6, 1.6), (0.2, 1e7), 512),
    kind(4, "Information Gathering", 1000., Crafted(SYN), 0, (2.2, 0.3), (0.7, 0.5), (0., 0.), (1.2e5, 1.7),
        (0.12, 5e6), 512),
    kind(5, "Mirai DDoS ACK", 32., Crafted(ACK), 0, (2.4, 0.4), (0.3, 0.4), (0., 0.), (1e6, 1.4), (0.2, 8e6), 0),
    kind(5, "Mirai DDoS DNS", 620., Udp, 53, (2.6, 0.4), (0.2, 0.4), (38., 48.), (2e6, 1.2), (0.2, 8e6), 0),
    kind(5, "Mirai DDoS HTTP", 118., Tcp, 80, (10., 0.6), (0.8, 0.45), (120., 250.), (3e5, 1.2), (0.1, 6e6), 0),
    kind(5, "Mirai DDoS SYN", 147., Crafted(SYN), 0, (2.4, 0.4), (0.3, 0.4), (0., 0.), (1.5e6, 1.2), (0.2, 8e6), 0),
    kind(5, "Mirai DDoS UDP", 1., Udp, 0, (3., 0.5), (0.1, 0.4), (512., 60.), (1e6, 1.2), (0.2, 8e6), 0),
    kind(5, "Mirai Scan Bruteforce", 82., Tcp, 23, (9., 0.6), (0.9, 0.5), (10., 16.), (5e5, 1.0), (0.1, 5e6), 0),
    kind(6, "Text", 209., Either, 37700, (55., 0.8), (0.9, 0.45), (45., 45.), (4e5, 1.0), (0.08, 5e6), 0),
    kind(7, "Video HTTP", 376., Tcp, 8080, (90., 1.2), (0.85, 0.6), (160., 1100.), (4e3, 1.2), (0.02, 6e6), 0),
    kind(7, "Video RTP", 349., Udp, 5004, (110., 1.2), (0.1, 0.1), (1100., 60.), (6e3, 1.2), (0.01, 8e6), 0),
    kind(7, "Video UDP", 145., Udp, 5005, (160., 1.2), (0.1, 0.1), (1316., 60.), (5e3, 1.2), (0.01, 8e6), 0),
];

/// One packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Microseconds since the first.
    pub time: u64,
    /// From the side that began.
    pub forward: bool,
    /// Bytes.
    pub payload: u32,
    /// Bits of TCP flags.
    pub flags: u8,
    /// Bytes of transport header.
    pub header: u32,
}

/// One flow: at least two packets, in order of time, the first at 0 and forward.
#[derive(Clone, Debug)]
pub struct Flow {
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port.
    pub port: u16,
    /// First TCP window of each side; 0 without TCP.
    pub windows: [u32; 2],
    /// The packets.
    pub packets: Vec<Packet>,
}

fn log_normal(median: f64, spread: f64, rng: &mut Rng) -> f64 {
    median * (spread * rng.normal()).exp()
}

/// Draws one flow of a kind.
pub fn draw(kind: &Kind, rng: &mut Rng) -> Flow {
    let stray = rng.uniform() < STRAY;
    let carrier = match kind.carrier {
        _ if stray => Crafted(SYN),
        Either if rng.uniform() < 0.6 => Tcp,
        Either => Udp,
        other => other,
    };
    let (count, reply, payload, gap, pause) = if stray {
        ((2.2, 0.3), (0.5, 0.5), (0.0, 0.0), (5e5, 1.5), (0.15, 6e6))
    } else {
        (kind.packets, kind.reply, kind.payload, kind.gap, kind.pause)
    };
    let count = log_normal(count.0, count.1, rng).round().clamp(2.0, MOST_PACKETS) as usize;
    let answered = rng.uniform() < reply.0;
    let typical_gap = log_normal(gap.0, gap.1 * 0.7, rng);
    let typical_payload = [payload.0, payload.1].map(|median| log_normal(median, 0.25, rng));
    let header = match carrier {
        Tcp => 32,
        Crafted(_) => 20,
        Udp | Either => 8,
        Other => 0,
    };
    let mut packets: Vec<Packet> = Vec::with_capacity(count);
    let mut time = 0_u64;
    for i in 0..count {
        if i > 0 {
            let wait = if rng.uniform() < pause.0 {
                log_normal(pause.1, 0.3, rng)
            } else {
                log_normal(typical_gap, gap.1 * 0.7, rng)
            };
            time += wait.clamp(1.0, TIMEOUT as f64) as u64;
            if time > TIMEOUT {
                if packets.len() >= 2 {
                    break;
                }
                time = TIMEOUT;
            }
        }
        let forward = i == 0 || !answered || (count > 2 && rng.uniform() >= reply.1);
        let median = typical_payload[usize::from(!forward)];
        let handshake = carrier == Tcp && i < 3;
        let payload = if handshake { 0.0 } else { log_normal(median, 0.3, rng).round().min(MOST_PAYLOAD) } as u32;
        let flags = match carrier {
            Tcp => conversation(i, i + 1 == count, payload > 0, rng),
            Crafted(flags) if forward => flags,
            Crafted(_) => RST | ACK,
            _ => 0,
        };
        packets.push(Packet { time, forward, payload, flags, header });
    }
    let usual = [502, 1024, 29_200, 64_240, 65_280][rng.index(5)];
    let window = if kind.window == 0 || rng.uniform() < 0.1 { usual } else { kind.window };
    let (protocol, windows) = match carrier {
        Tcp => (6, [window, if answered { 502 } else { 0 }]),
        Crafted(_) => (6, [window, 0]),
        Udp | Either => (17, [0, 0]),
        Other => (0, [0, 0]),
    };
    let port = match (carrier, kind.port) {
        (Other, _) => 0,
        (_, 0) => 1 + rng.below(65_535) as u16,
        (_, port) => port,
    };
    Flow { protocol, port, windows, packets }
}

/// Flags of packet `i` of a TCP conversation whose start or end may lie outside the flow.
fn conversation(i: usize, last: bool, data: bool, rng: &mut Rng) -> u8 {
    match i {
        0 if rng.uniform() < 0.8 => SYN,
        1 => SYN | ACK,
        _ if last && rng.uniform() < 0.4 => FIN | ACK,
        _ if data && rng.uniform() < 0.5 => PSH | ACK,
        _ => ACK,
    }
}
