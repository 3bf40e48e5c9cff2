//! `dataset.groups`: a coarser label read off the classes.

use super::TableError;
use super::error::{count, shorten};
use crate::ml::{Code, Grouping, Warning};
use crate::param::closest;
use crate::spec::dataset::DatasetSpec;

/// The group of every class, `None` where the experiment names no groups. Members that no row has are warned about.
///
/// # Errors
/// [`TableError`] at `dataset.groups` for a class in no group or in two, a member that is a misspelt class of another
/// group; at `dataset.positive` for a name that is no group or a group without a row.
pub(super) fn group(classes: &[String], dataset: &DatasetSpec) -> Result<(Option<Grouping>, Vec<Warning>), TableError> {
    if dataset.groups.is_empty() {
        return match &dataset.positive {
            None => Ok((None, Vec::new())),
            Some(p) => Err(TableError::new(format!("{:?} is no group: dataset.groups is empty", p.0))
                .at("dataset.positive")
                .hint("name the groups: dataset.groups: {benign: [...], malicious: [...]}")),
        };
    }
    let names: Vec<String> = dataset.groups.keys().cloned().collect();
    let members: Vec<(&str, usize)> = dataset
        .groups
        .values()
        .enumerate()
        .flat_map(|(g, list)| list.iter().map(move |name| (name.0.as_str(), g)))
        .collect();
    if let Some((name, first, second)) = members.iter().enumerate().find_map(|(i, &(name, g))| {
        members[i + 1..].iter().find(|&&(n, h)| n == name && h != g).map(|&(_, h)| (name, g, h))
    }) {
        return Err(TableError::new(format!(
            "class {name:?} is in two groups: {:?} and {:?}",
            names[first], names[second]
        ))
        .at("dataset.groups")
        .hint("leave it in one of them"));
    }
    let group_of = |class: &str| members.iter().find(|(name, _)| *name == class).map(|&(_, g)| g);
    let ungrouped: Vec<&str> = classes.iter().map(String::as_str).filter(|c| group_of(c).is_none()).collect();
    let absent: Vec<(&str, usize)> =
        members.iter().copied().filter(|(name, _)| !classes.iter().any(|c| c == name)).collect();
    if !ungrouped.is_empty() {
        return Err(in_no_group(&ungrouped, &absent, &names));
    }
    // Every class has its group. A leftover member can still say that its author meant another group for a class.
    let folded = |s: &str| s.to_lowercase().replace(['_', '-', ' '], "");
    for &(name, g) in &absent {
        let twin = classes.iter().find(|c| folded(c) == folded(name) && group_of(c) != Some(g));
        if let Some(class) = twin {
            return Err(TableError::new(format!(
                "no row has the class {name:?} of group {:?}, but {class:?} is in another group",
                names[g]
            ))
            .at("dataset.groups")
            .hint(format!("did you mean {class:?}? leave it in one group")));
        }
    }
    let mut warnings = Vec::new();
    if !absent.is_empty() {
        let list: Vec<String> = absent.iter().map(|(name, g)| format!("{name:?} ({})", names[*g])).collect();
        let message =
            format!("{} of dataset.groups without a row: {}", count(list.len(), "member"), shorten(&list, 10));
        warnings.push(Warning::new(Code::R06, message).at("dataset.groups"));
    }
    let of_class: Vec<u32> = classes.iter().filter_map(|c| group_of(c)).map(|g| g as u32).collect();
    let positive = match &dataset.positive {
        None => None,
        Some(p) => {
            let index = names.iter().position(|n| *n == p.0).ok_or_else(|| {
                TableError::new(format!("{:?} is no group", p.0))
                    .at("dataset.positive")
                    .suggest(&p.0, names.iter().map(String::as_str))
            })?;
            if !of_class.contains(&(index as u32)) {
                return Err(TableError::new(format!("no row is in the positive group {:?}", p.0))
                    .at("dataset.positive")
                    .hint("check the members of the group, and which rows clean leaves"));
            }
            Some(index as u32)
        }
    };
    Ok((Some(Grouping { names, of_class, positive }), warnings))
}

/// The error for classes in no group, with the members that were probably meant to be them.
fn in_no_group(ungrouped: &[&str], absent: &[(&str, usize)], names: &[String]) -> TableError {
    let quoted: Vec<String> = ungrouped.iter().map(|c| format!("{c:?}")).collect();
    let message = match &quoted[..] {
        [one] => format!("class {one} is in no group"),
        many => format!("{} are in no group: {}", format_args!("{} classes", many.len()), shorten(many, 20)),
    };
    let mut error = TableError::new(message).at("dataset.groups");
    let mut explained = Vec::new();
    for &(name, g) in absent {
        error = match closest(name, ungrouped.iter().copied()) {
            Some(class) => {
                explained.push(class);
                error.hint(format!("no row has the class {name:?} of group {:?}: did you mean {class:?}?", names[g]))
            }
            None => error.hint(format!("no row has the class {name:?} of group {:?}", names[g])),
        };
    }
    if ungrouped.iter().any(|c| !explained.contains(c)) {
        error = error.hint(format!("every class must be in one group; the groups are {}", names.join(", ")));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::param::Name;

    fn dataset(groups: &[(&str, &[&str])], positive: Option<&str>) -> DatasetSpec {
        DatasetSpec {
            groups: groups
                .iter()
                .map(|(g, list)| ((*g).to_owned(), list.iter().map(|m| Name((*m).to_owned())).collect()))
                .collect(),
            positive: positive.map(|p| Name(p.to_owned())),
            ..DatasetSpec::default()
        }
    }

    fn classes(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn every_class_gets_its_group() {
        let spec = dataset(&[("benign", &["a"]), ("malicious", &["c", "b"])], Some("malicious"));
        let (grouping, warnings) = group(&classes(&["a", "b", "c"]), &spec).unwrap();
        let expected =
            Grouping { names: classes(&["benign", "malicious"]), of_class: vec![0, 1, 1], positive: Some(1) };
        assert_eq!((grouping, warnings.len()), (Some(expected), 0));
        assert_eq!(group(&classes(&["a"]), &DatasetSpec::default()).unwrap().0, None);
    }

    #[test]
    fn the_published_misspelling_is_refused() {
        let spec =
            dataset(&[("benign", &["Audio"]), ("malicious", &["DoS", "Information_Gathering"])], Some("malicious"));
        let error = group(&classes(&["Audio", "DoS", "Information Gathering"]), &spec).unwrap_err();
        assert_eq!(error.message, "class \"Information Gathering\" is in no group");
        assert_eq!(error.place.as_deref(), Some("dataset.groups"));
        assert_eq!(
            error.hints,
            [
                "no row has the class \"Information_Gathering\" of group \"malicious\": did you mean \"Information Gathering\"?"
            ]
        );
    }

    #[test]
    fn a_class_in_two_groups_or_a_twin_in_another_is_refused() {
        let spec = dataset(&[("x", &["a"]), ("y", &["a", "b"])], None);
        let error = group(&classes(&["a", "b"]), &spec).unwrap_err();
        assert_eq!(error.message, "class \"a\" is in two groups: \"x\" and \"y\"");
        let spec = dataset(&[("x", &["a b"]), ("y", &["a_b", "c"])], None);
        assert!(group(&classes(&["a b", "c"]), &spec).unwrap_err().message.contains("another group"));
    }

    #[test]
    fn members_without_a_row_only_warn() {
        let spec = dataset(&[("x", &["a", "DoS"]), ("y", &["DDoS"])], None);
        let (_, warnings) = group(&classes(&["DDoS", "a"]), &spec).unwrap();
        assert_eq!(warnings[0].message, "1 member of dataset.groups without a row: \"DoS\" (x)");
    }

    #[test]
    fn positive_must_be_a_group_with_rows() {
        let groups: &[(&str, &[&str])] = &[("benign", &["a"]), ("malicious", &["b"])];
        let error = group(&classes(&["a", "b"]), &dataset(groups, Some("malicous"))).unwrap_err();
        assert_eq!(
            (error.message.as_str(), error.hints[0].as_str()),
            ("\"malicous\" is no group", "did you mean \"malicious\"?")
        );
        assert!(group(&classes(&["a"]), &dataset(groups, Some("malicious"))).is_err());
        assert!(group(&classes(&["a"]), &dataset(&[], Some("malicious"))).is_err());
    }
}
