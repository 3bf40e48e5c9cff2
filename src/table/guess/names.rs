//! What the name of a column says it is: the words that the usual data sets of network traffic use.

/// A name without case, blanks and punctuation: `Src IP`, `src_ip` and `SrcIp` are the same.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a name: parts between punctuation, and between a small and a capital letter.
fn words(name: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (small && c.is_uppercase()) {
            out.push(String::new());
        }
        if c.is_alphanumeric() {
            out.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        small = c.is_lowercase();
    }
    out.retain(|word| !word.is_empty());
    out
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// A label, by its whole name.
    Label,
    /// A label, by a word in its name.
    LabelWord,
    /// Perhaps a label: features have such names too.
    Perhaps,
    /// A number of a row, a flow, a session, a device.
    Identifier,
    /// A name of such a thing, if its values are words.
    IdentifierOfWords,
    /// An address or the name of a host.
    Address,
    /// A port.
    Port,
    /// A time.
    Time,
    /// Something that the makers of the data set noted about the row, not about the traffic.
    Bookkeeping,
    /// Nothing of these.
    Nothing,
}

const LABELS: [&str; 49] = [
    "label",
    "labels",
    "labelmulticlass",
    "multiclasslabel",
    "labelbinary",
    "binarylabel",
    "multiclass",
    "binaryclass",
    "detailedlabel",
    "class",
    "classes",
    "classlabel",
    "classname",
    "class1",
    "class2",
    "class3",
    "target",
    "targets",
    "groundtruth",
    "ytrue",
    "attack",
    "attacks",
    "attackcat",
    "attackcategory",
    "attacktype",
    "typeofattack",
    "attacktool",
    "attackname",
    "attacklabel",
    "attackclass",
    "attackflag",
    "attacksubtype",
    "isattack",
    "isanomaly",
    "isanomalous",
    "ismalicious",
    "isbotnet",
    "anomaly",
    "intrusion",
    "malware",
    "malwarefamily",
    "malwaretype",
    "threat",
    "threattype",
    "traffictype",
    "trafficsubtype",
    "trafficcategory",
    "trafficclass",
    "subcategory",
];
const PERHAPS: [&str; 21] = [
    "category",
    "cat",
    "type",
    "subtype",
    "family",
    "outcome",
    "result",
    "verdict",
    "activity",
    "application",
    "app",
    "appname",
    "applicationname",
    "scenario",
    "kind",
    "group",
    "tag",
    "status",
    "y",
    "species",
    "diagnosis",
];
const LABEL_WORDS: [&str; 9] =
    ["label", "labels", "class", "target", "attack", "attacks", "malware", "category", "subcategory"];
const BOOKKEEPING: [&str; 13] = [
    "difficulty",
    "difficultylevel",
    "attemptedcategory",
    "attackid",
    "attackdescription",
    "severity",
    "dataset",
    "split",
    "fold",
    "partition",
    "subset",
    "remark",
    "comment",
];
const IDENTIFIERS: [&str; 24] = [
    "id",
    "ids",
    "index",
    "idx",
    "no",
    "nr",
    "row",
    "rowid",
    "rowno",
    "rownumber",
    "recordid",
    "uid",
    "uuid",
    "guid",
    "flowid",
    "flowkey",
    "flowhash",
    "sessionid",
    "connid",
    "serial",
    "pkseqid",
    "seq",
    "switch",
    "dpid",
];
const IDENTIFIERS_OF_WORDS: [&str; 19] = [
    "record",
    "session",
    "flow",
    "connection",
    "key",
    "hash",
    "md5",
    "sha1",
    "sha256",
    "filename",
    "file",
    "path",
    "pcap",
    "url",
    "uri",
    "user",
    "username",
    "device",
    "sensor",
];
const TIMES: [&str; 23] = [
    "time",
    "timestamp",
    "datetime",
    "date",
    "ts",
    "dt",
    "starttime",
    "endtime",
    "stime",
    "ltime",
    "etime",
    "firstseen",
    "lastseen",
    "datefirstseen",
    "datelastseen",
    "flowstart",
    "flowend",
    "flowstartmilliseconds",
    "flowendmilliseconds",
    "frametime",
    "frametimeepoch",
    "epoch",
    "epochtime",
];
const PORTS: [&str; 11] = [
    "port",
    "sport",
    "dport",
    "dsport",
    "srcport",
    "dstport",
    "sourceport",
    "destinationport",
    "destport",
    "idorigp",
    "idrespp",
];
const PORT_WORDS: [&str; 8] =
    ["port", "sport", "dport", "srcport", "dstport", "sourceport", "destinationport", "destport"];
const ADDRESSES: [&str; 20] = [
    "src",
    "dst",
    "source",
    "destination",
    "srcip",
    "dstip",
    "sourceip",
    "destinationip",
    "destip",
    "sip",
    "dip",
    "saddr",
    "daddr",
    "srcaddr",
    "dstaddr",
    "smac",
    "dmac",
    "idorigh",
    "idresph",
    "hostname",
];
const ADDRESS_WORDS: [&str; 12] =
    ["ip", "ipv4", "ipv6", "addr", "address", "mac", "host", "hostname", "srcip", "dstip", "nexthop", "gateway"];
/// Words that may stand beside "ip" or "port" and say which of two.
const SIDES: [&str; 30] = [
    "src",
    "dst",
    "source",
    "destination",
    "dest",
    "s",
    "d",
    "client",
    "server",
    "orig",
    "origin",
    "originator",
    "resp",
    "responder",
    "remote",
    "local",
    "sender",
    "receiver",
    "peer",
    "id",
    "l4",
    "l3",
    "tcp",
    "udp",
    "eth",
    "arp",
    "frame",
    "no",
    "number",
    "nexthop",
];

/// Reads a name.
pub(super) fn says(name: &str) -> Says {
    let folded = fold(name);
    let words = words(name);
    let exact = |list: &[&str]| list.contains(&folded.as_str());
    let any = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    let only = |list: &[&str]| words.iter().all(|w| list.contains(&w.as_str()) || SIDES.contains(&w.as_str()));
    if folded.is_empty() || name.starts_with("Unnamed: ") || exact(&IDENTIFIERS) {
        return Says::Identifier;
    }
    if exact(&BOOKKEEPING) {
        return Says::Bookkeeping;
    }
    if exact(&LABELS) || folded.strip_suffix(|c: char| c.is_ascii_digit()).is_some_and(|f| f == "label") {
        return Says::Label;
    }
    if exact(&PORTS) || (any(&PORT_WORDS) && only(&PORT_WORDS)) {
        return Says::Port;
    }
    if exact(&ADDRESSES) || (any(&ADDRESS_WORDS) && only(&ADDRESS_WORDS)) {
        return Says::Address;
    }
    if exact(&TIMES) || words.iter().any(|w| w == "timestamp") {
        return Says::Time;
    }
    if words.len() > 1 && words.last().is_some_and(|w| matches!(w.as_str(), "id" | "uid" | "uuid" | "guid" | "hash")) {
        return Says::Identifier;
    }
    if exact(&IDENTIFIERS_OF_WORDS) {
        return Says::IdentifierOfWords;
    }
    if any(&LABEL_WORDS) && !exact(&PERHAPS) {
        return Says::LabelWord;
    }
    if exact(&PERHAPS) {
        return Says::Perhaps;
    }
    Says::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all(names: &[&str], expected: Says) {
        for name in names {
            assert_eq!(says(name), expected, "{name}");
        }
    }

    #[test]
    fn names_of_the_usual_data_sets() {
        all(
            &["Label", "label_multiclass", "label_binary", "attack_cat", "Traffic Type", "Class", "Label.1"],
            Says::Label,
        );
        all(&["Attack_Sub-Category", "LabelName", "true label"], Says::LabelWord);
        all(&["type", "category", "y"], Says::Perhaps);
        all(&["difficulty", "Attempted Category"], Says::Bookkeeping);
        all(&["id", "Flow ID", "Unnamed: 0", "pkSeqID", "user_id", "switch", "ID"], Says::Identifier);
        all(
            &["Src IP", "srcip", "Source IP", "IPV4_SRC_ADDR", "saddr", "src", "id.orig_h", "eth.src.mac"],
            Says::Address,
        );
        all(
            &["Src Port", "L4_DST_PORT", "sport", "tcp.srcport", "id.resp_p", "Destination Port", "port_no"],
            Says::Port,
        );
        all(&["Timestamp", "ts", "Stime", "dt", "flow_timestamp", "Date first seen"], Says::Time);
    }

    #[test]
    fn names_of_features() {
        all(
            &[
                "Flow Duration",
                "Protocol",
                "Protocol Type",
                "Total TCP Flow Time",
                "Flow IAT Mean",
                "Time_To_Live",
                "ct_src_dport_ltm",
                "is_sm_ips_ports",
                "IPv",
                "Number",
                "Idle Max",
                "dst_host_srv_count",
                "ICMP Type",
                "num_file_creations",
                "srv_count",
                "Fwd Seg Size Min",
                "dur_nsec",
                "Pairflow",
                "sttl",
                "service",
                "state",
                "Rate",
                "Tot size",
                "worst_area",
                "sepal_length_cm",
                "su_attempted",
                "tcprtt",
            ],
            Says::Nothing,
        );
    }
}
