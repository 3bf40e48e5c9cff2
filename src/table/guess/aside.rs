//! Which columns are no features.

use serde::Serialize;

use super::names::{Says, says};
use crate::table::profile::{ColumnProfile, Kind, Looks, Profile, Relation};

/// Why a column is no feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It numbers or names a row, a flow, a session, a device.
    Identifier,
    /// Nearly every row has a word of its own.
    OwnWords,
    /// It counts the rows.
    RowNumber,
    /// An address.
    Address,
    /// A port.
    Port,
    /// A time.
    Time,
    /// Another label, which follows from the target.
    CoarserLabel,
    /// Another label, from which the target follows.
    FinerLabel,
    /// Another label, equivalent to the target.
    SameLabel,
    /// Another label, by its name.
    OtherLabel,
    /// A note of the makers of the data set.
    Bookkeeping,
    /// No label by name, but each of its values has one class.
    TellsTarget,
    /// No label by name, but each class has one value.
    ToldByTarget,
    /// More words than `one_hot` should turn into columns.
    ManyWords,
    /// No value at all.
    Empty,
}

impl Reason {
    /// The reason in a word, for a narrow column.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Identifier | Self::OwnWords | Self::RowNumber => "id",
            Self::Address => "address",
            Self::Port => "port",
            Self::Time => "time",
            Self::CoarserLabel | Self::FinerLabel | Self::SameLabel | Self::OtherLabel => "label",
            Self::Bookkeeping => "note",
            Self::TellsTarget | Self::ToldByTarget => "label?",
            Self::ManyWords => "words",
            Self::Empty => "empty",
        }
    }

    /// The reason in a few words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::OwnWords => "identifier: most rows have a word of their own",
            Self::RowNumber => "identifier: counts the rows",
            Self::Address => "address",
            Self::Port => "port: tells the hosts of this network apart",
            Self::Time => "time",
            Self::CoarserLabel => "another label: follows from the target",
            Self::FinerLabel => "another label: the target follows from it",
            Self::SameLabel => "another label: the target under other names",
            Self::OtherLabel => "another label, by its name",
            Self::Bookkeeping => "a note about the row, not about its traffic",
            Self::TellsTarget => "each of its values has one class only: a label, or too good to be true",
            Self::ToldByTarget => "each class has one value of it: a label, or too good to be true",
            Self::ManyWords => "too many different words for one_hot",
            Self::Empty => "empty",
        }
    }
}

/// Ports with no more values than this are no ports of a transport protocol, but those of a switch.
const FEW_PORTS: u64 = 16;
/// Most words that become columns.
const MOST_WORDS: u64 = 255;
/// Fewest rows where uniqueness means anything.
const ENOUGH: u64 = 20;

/// Why `column` should not be a feature, if so.
pub(super) fn reason(column: &ColumnProfile, relation: &Relation, profile: &Profile) -> Option<Reason> {
    let rows = profile.rows;
    let present = column.present(rows);
    let several = column.distinct > 2 || !column.kind.is_numeric();
    if column.kind == Kind::Empty {
        return Some(Reason::Empty);
    }
    let determines =
        |rows_each: u64| relation.determines && relation.values >= 2 && relation.values * rows_each <= rows;
    let follows = relation.follows && relation.values >= 2;
    match says(&column.name) {
        Says::Label | Says::LabelWord => {
            return Some(match (determines(2), follows) {
                (true, true) => Reason::SameLabel,
                (true, false) => Reason::FinerLabel,
                (false, true) => Reason::CoarserLabel,
                (false, false) => Reason::OtherLabel,
            });
        }
        Says::Bookkeeping => return Some(Reason::Bookkeeping),
        Says::Identifier => return Some(Reason::Identifier),
        Says::IdentifierOfWords if !column.kind.is_numeric() => return Some(Reason::Identifier),
        Says::Address if several => return Some(Reason::Address),
        Says::Time if several => return Some(Reason::Time),
        Says::Port if column.distinct > FEW_PORTS => return Some(Reason::Port),
        _ => {}
    }
    match column.looks {
        Some(Looks::Address) => return Some(Reason::Address),
        Some(Looks::Time) => return Some(Reason::Time),
        None => {}
    }
    if is_epoch(column) {
        return Some(Reason::Time);
    }
    if column.consecutive && rows >= ENOUGH {
        return Some(Reason::RowNumber);
    }
    let words = !column.kind.is_numeric();
    if words && present >= ENOUGH && column.distinct * 2 > present {
        return Some(Reason::OwnWords);
    }
    // Where most rows have a value of their own, it means nothing that each value has one class.
    match (determines(10), follows) {
        (true, _) => return Some(Reason::TellsTarget),
        (false, true) => return Some(Reason::ToldByTarget),
        (false, false) => {}
    }
    (words && column.distinct > MOST_WORDS).then_some(Reason::ManyWords)
}

/// Seconds, milli-, micro- or nanoseconds since 1970, in the years 2001 to 2033.
fn is_epoch(column: &ColumnProfile) -> bool {
    let (Some(low), Some(high)) = (column.min, column.max) else { return false };
    column.distinct > 10 && [1e9, 1e12, 1e15, 1e18].iter().any(|unit| low >= *unit && high <= 2.0 * unit)
}
