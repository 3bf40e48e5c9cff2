//! What differs between two recipes.

use serde::Serialize;
use serde_json::Value as Json;

/// A value that two documents do not share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Dotted path: `mlp.alpha`.
    pub field: String,
    /// In the first document, if it is there.
    pub before: Option<Json>,
    /// In the second, if it is there.
    pub now: Option<Json>,
}

/// The values that differ, in the order of the documents. Lists of different lengths differ as a whole.
#[must_use]
pub fn differences(before: &Json, now: &Json) -> Vec<Difference> {
    let mut out = Vec::new();
    compare(String::new(), Some(before), Some(now), &mut out);
    out
}

fn compare(field: String, before: Option<&Json>, now: Option<&Json>, out: &mut Vec<Difference>) {
    if before == now {
        return;
    }
    let inner = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    match (before, now) {
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            for (name, value) in b {
                compare(inner(name), a.get(name), Some(value), out);
            }
            for (name, value) in a.iter().filter(|(name, _)| !b.contains_key(*name)) {
                compare(inner(name), Some(value), None, out);
            }
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(inner(&i.to_string()), Some(a), Some(b), out);
            }
        }
        _ => out.push(Difference { field, before: before.cloned(), now: now.cloned() }),
    }
}

/// A value that several documents do not all share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Varied {
    /// Dotted path: `models.mlp.alpha`.
    pub field: String,
    /// In each document, if it is there.
    pub values: Vec<Option<Json>>,
}

/// The values in which several documents differ, in the order of the documents, as [`differences`] of two.
#[must_use]
pub fn variations(documents: &[&Json]) -> Vec<Varied> {
    let mut out = Vec::new();
    vary(String::new(), &documents.iter().map(|d| Some(*d)).collect::<Vec<_>>(), &mut out);
    out
}

fn vary(field: String, values: &[Option<&Json>], out: &mut Vec<Varied>) {
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return;
    }
    let inner = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    let maps: Vec<_> = values.iter().filter_map(|v| v.and_then(Json::as_object)).collect();
    let lists: Vec<_> = values.iter().filter_map(|v| v.and_then(Json::as_array)).collect();
    if maps.len() == values.len() {
        let mut names: Vec<&String> = Vec::new();
        for map in &maps {
            // A document repeats the names of the one before; only new ones are looked for.
            if names.len() != map.len() || !names.iter().zip(map.keys()).all(|(a, b)| *a == b) {
                names.extend(map.keys().filter(|name| !names.contains(name)).collect::<Vec<_>>());
            }
        }
        for name in names {
            vary(inner(name), &maps.iter().map(|map| map.get(name)).collect::<Vec<_>>(), out);
        }
    } else if lists.len() == values.len() && lists.windows(2).all(|pair| pair[0].len() == pair[1].len()) {
        for i in 0..lists.first().map_or(0, |list| list.len()) {
            vary(inner(&i.to_string()), &lists.iter().map(|list| list.get(i)).collect::<Vec<_>>(), out);
        }
    } else {
        out.push(Varied { field, values: values.iter().map(|v| v.cloned()).collect() });
    }
}

/// What differs between two recipes: what they say themselves, and the names of the inputs that come from other
/// results.
#[must_use]
pub fn recipe_differences(before: &Json, now: &Json) -> (Vec<Difference>, Vec<String>) {
    let mut inputs: Vec<String> = Vec::new();
    let mut own = Vec::new();
    for difference in differences(before, now) {
        let mut parts = difference.field.split('.');
        match (parts.next(), parts.next()) {
            (Some("inputs"), Some(name)) => {
                if !inputs.iter().any(|i| i == name) {
                    inputs.push(name.to_owned());
                }
            }
            // Parameters go by the names that they have in the file.
            (Some("parameters"), Some(_)) => {
                let field = difference.field["parameters.".len()..].to_owned();
                own.push(Difference { field, ..difference });
            }
            _ => own.push(difference),
        }
    }
    (own, inputs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn several_documents_vary_where_two_of_them_differ() {
        let a = json!({"models": {"mlp": {"alpha": 1}, "knn": {}}, "prepare": ["x", {"pca": {"n": 2}}], "seed": 1});
        let b = json!({"models": {"mlp": {"alpha": 2}}, "prepare": ["x", {"pca": {"n": 3}}], "seed": 1});
        let got = variations(&[&a, &b, &a]);
        let fields: Vec<&str> = got.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["models.mlp.alpha", "models.knn", "prepare.1.pca.n"]);
        assert_eq!(got[1].values, [Some(json!({})), None, Some(json!({}))]);
        assert_eq!(variations(&[&a, &a]), []);
        assert_eq!(variations(&[&a]), []);
        let two = differences(&a, &b);
        for one in variations(&[&a, &b]) {
            assert!(two.iter().any(|d| (&d.field, &d.before, &d.now) == (&one.field, &one.values[0], &one.values[1])));
        }
    }

    #[test]
    fn differences_are_named_by_their_path() {
        let a = json!({"parameters": {"mlp": {"alpha": 1, "layers": [3, 4]}}, "inputs": {"train": {"key": "x"}}, "seed": 1});
        let b = json!({"parameters": {"mlp": {"alpha": 2, "layers": [3, 5]}}, "inputs": {"train": {"key": "y"}}, "seed": 1});
        let (own, inputs) = recipe_differences(&a, &b);
        let fields: Vec<&str> = own.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(fields, ["mlp.alpha", "mlp.layers.1"]);
        assert_eq!((own[0].before.clone(), own[0].now.clone()), (Some(json!(1)), Some(json!(2))));
        assert_eq!(inputs, ["train"]);
        assert_eq!(differences(&json!({"a": 1}), &json!({"b": 1})).len(), 2);
        assert_eq!(differences(&json!([1]), &json!([1, 2])).len(), 1);
        assert_eq!(differences(&a, &a), []);
    }
}
