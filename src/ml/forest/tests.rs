//! Trees and forests against scikit-learn 1.9.1 and hand-worked cases.

use std::collections::BTreeMap;

use ndarray::{Array2, array};

use super::*;
use crate::ml::{Part, Role};
use crate::param::Parameter;

pub(super) fn training(x: Array2<f64>, y: Vec<u32>, n_classes: usize) -> Training<Dataset> {
    let names = |p: &str, n: usize| (0..n).map(|i| format!("{p}{i}")).collect();
    let (rows, width) = x.dim();
    let data = Dataset::new(x, y, names("class ", n_classes), names("f", width), (0..rows as u64).collect()).unwrap();
    Training::new(Part::first(Role::Train), data).unwrap()
}

/// 300 rows x 4 columns of scrambled multiples of 1/64 and three noisy classes. The figures of scikit-learn below are
/// `DecisionTreeClassifier(**parameters).fit(X, y)` on these rows, the same for `random_state` 0 to 29 (no ties).
pub(super) fn scrambled() -> Training<Dataset> {
    let value = |i: usize, j: usize| ((i * i * 31 + i * 7919 + j * j * 577 * (i + 3) + j * 1049) % 9973) as f64 / 64.0;
    let x = Array2::from_shape_fn((300, 4), |(i, j)| value(i, j));
    let class = |i: usize| match (x[[i, 0]] + 0.5 * x[[i, 1]] < 90.0, x[[i, 2]] > 70.0) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    let y = (0..300).map(|i| if i * 37 % 11 == 0 { (class(i) + 1) % 3 } else { class(i) }).collect();
    training(x, y, 3)
}

fn depth_3() -> DecisionTree {
    DecisionTree { max_depth: Some(3), ..DecisionTree::default() }
}

fn map(weights: &[(&str, f64)]) -> BTreeMap<String, f64> {
    weights.iter().map(|(name, w)| ((*name).to_owned(), *w)).collect()
}

fn fit(tree: &DecisionTree, train: &Training<Dataset>) -> Forest {
    tree.fit(train, Seed::new(1), Progress::none()).unwrap().0
}

/// Features and thresholds of the splits in depth-first order.
fn splits(forest: &Forest) -> (Vec<usize>, Vec<f64>) {
    let (mut features, mut thresholds) = (Vec::new(), Vec::new());
    let mut stack = vec![0];
    while let Some(at) = stack.pop() {
        if let TreeNode::Split { feature, threshold, left, right } = forest.trees()[0].node(at, forest.n_classes()) {
            features.push(feature);
            thresholds.push(threshold);
            stack.extend([right, left]);
        }
    }
    (features, thresholds)
}

#[track_caller]
fn assert_close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "got {got:?}, want {want:?}");
}

#[track_caller]
fn check(
    tree: &DecisionTree,
    features: &[usize],
    thresholds: &[f64],
    importances: &[f64],
    first: &[f64],
    second: &[f64],
) {
    let train = scrambled();
    let forest = fit(tree, &train);
    assert_eq!(splits(&forest), (features.to_vec(), thresholds.to_vec()));
    assert_close(&forest.feature_importances(), importances);
    let shares = forest.predict_proba(train.get().x().view());
    assert_close(&shares.row(0).to_vec(), first);
    assert_close(&shares.row(1).to_vec(), second);
}

#[test]
fn gini_is_scikit_learns() {
    check(
        &depth_3(),
        &[2, 0, 1, 1, 0, 1, 0],
        &[68.4140625, 45.546875, 143.8515625, 7.6953125, 57.2109375, 133.109375, 76.7265625],
        &[0.4301680475599449, 0.11969780845070319, 0.45013414398935186, 0.0],
        &[0.7333333333333333, 0.25, 0.016666666666666666],
        &[0.0, 0.9634146341463414, 0.036585365853658534],
    );
}

#[test]
fn entropy_is_scikit_learns() {
    for criterion in [Criterion::Entropy, Criterion::LogLoss] {
        check(
            &DecisionTree { criterion, ..depth_3() },
            &[2, 0, 1, 1, 0, 1, 3],
            &[68.4140625, 45.546875, 113.8828125, 7.6953125, 76.7265625, 92.0625, 75.3515625],
            &[0.3501303521234913, 0.1288991499185779, 0.5105312008679017, 0.010439297090029144],
            &[0.703125, 0.296875, 0.0],
            &[0.0, 0.9285714285714286, 0.07142857142857142],
        );
    }
}

#[test]
fn balanced_weights_are_scikit_learns() {
    check(
        &DecisionTree { class_weight: ClassWeight::Rule(Balanced::Balanced), ..depth_3() },
        &[2, 0, 1, 1, 0, 1, 0],
        &[70.234375, 56.0078125, 143.8515625, 7.6953125, 57.2109375, 133.109375, 76.7265625],
        &[0.44175538899290595, 0.11946372576172694, 0.4387808852453672, 0.0],
        &[0.7994091580502217, 0.20059084194977858, 0.0],
        &[0.0, 0.9448348034085813, 0.05516519659141877],
    );
    check(
        &DecisionTree {
            class_weight: ClassWeight::Rule(Balanced::Balanced),
            criterion: Criterion::LogLoss,
            ..depth_3()
        },
        &[2, 0, 1, 1, 0, 1, 3],
        &[70.234375, 56.0078125, 96.2265625, 7.6953125, 76.7265625, 92.0625, 75.3515625],
        &[0.35182321829773033, 0.13170731133914657, 0.5037729005562446, 0.01269656980687855],
        &[0.7601977750309026, 0.2398022249690979, 0.0],
        &[0.0, 0.8942390369733446, 0.10576096302665523],
    );
}

#[test]
fn named_class_weights_are_scikit_learns() {
    let named = map(&[("class 0", 1.0), ("class 1", 5.0), ("class 2", 0.5)]);
    check(
        &DecisionTree { class_weight: ClassWeight::Map(named), ..depth_3() },
        &[2, 0, 3, 1, 0, 1, 3],
        &[68.4140625, 53.5703125, 70.1953125, 7.6953125, 54.109375, 98.5546875, 151.546875],
        &[0.24992334918947998, 0.08966220018879183, 0.5832448983979684, 0.07716955222375961],
        &[0.4484848484848485, 0.5454545454545454, 0.006060606060606061],
        &[0.0137524557956778, 0.9823182711198428, 0.003929273084479371],
    );
    // Weight 0 takes the rows of a class away.
    check(
        &DecisionTree { class_weight: ClassWeight::Map(map(&[("class 1", 0.0)])), ..depth_3() },
        &[0, 1, 2, 0, 1, 0, 0],
        &[66.21875, 96.2265625, 1.9375, 18.7890625, 27.4921875, 91.890625, 147.234375],
        &[0.8450943182800761, 0.14555446289982754, 0.009351218820096308, 0.0],
        &[1.0, 0.0, 0.0],
        &[0.16666666666666666, 0.0, 0.8333333333333334],
    );
}

#[test]
fn leaf_and_split_limits_are_scikit_learns() {
    check(
        &DecisionTree { min_samples_leaf: MinSamplesLeaf::Count(20), ..DecisionTree::default() },
        &[2, 0, 1, 2, 3, 0, 1, 0, 0, 3, 3],
        &[
            68.4140625, 45.546875, 37.0546875, 45.4921875, 93.4609375, 57.2109375, 93.96875, 18.125, 76.7265625,
            75.3515625, 41.53125,
        ],
        &[0.449548930037772, 0.07166868269009682, 0.4692341767749987, 0.009548210497132547],
        &[0.6818181818181818, 0.3181818181818182, 0.0],
        &[0.0, 1.0, 0.0],
    );
    check(
        &DecisionTree {
            min_samples_split: MinSamplesSplit::Share(0.3),
            min_samples_leaf: MinSamplesLeaf::Share(0.08),
            ..DecisionTree::default()
        },
        &[2, 0, 0, 0],
        &[68.4140625, 45.546875, 57.2109375, 76.7265625],
        &[0.48865952134330864, 0.0, 0.5113404786566914, 0.0],
        &[0.6376811594202898, 0.3333333333333333, 0.028985507246376812],
        &[0.0, 0.9634146341463414, 0.036585365853658534],
    );
}

#[test]
fn a_small_tree_by_hand() {
    let train = training(array![[1.0, 9.0], [2.0, 9.0], [3.0, 9.0], [4.0, 9.0]], vec![0, 0, 2, 2], 3);
    let forest = fit(&DecisionTree::default(), &train);
    assert_eq!(splits(&forest), (vec![0], vec![2.5]));
    assert_eq!(forest.feature_importances(), [1.0, 0.0]);
    assert_eq!((forest.trees()[0].node_count(), forest.trees()[0].depth()), (3, 1));
    let shares = forest.predict_proba(array![[2.5, 0.0], [2.500001, 0.0]].view());
    assert_eq!(shares, array![[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    // A split that gains nothing is still made where it is the only way on: exclusive or.
    let xor = training(array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], vec![0, 1, 1, 0], 2);
    assert_eq!(fit(&DecisionTree::default(), &xor).trees()[0].node_count(), 7);
}

#[test]
fn neighbouring_floats_are_told_apart() {
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    let train = training(array![[1.0], [next], [1.0], [next]], vec![0, 1, 0, 1], 2);
    let forest = fit(&DecisionTree::default(), &train);
    assert_eq!(forest.predict_proba(train.get().x().view()).column(1).to_vec(), [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn one_class_one_row_and_constant_columns() {
    let one_class = training(array![[1.0], [2.0]], vec![1, 1], 3);
    let one_row = training(array![[1.0, 2.0]], vec![1], 3);
    let constant = training(array![[5.0, 5.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0]], vec![0, 0, 0, 1], 3);
    let share = |train: &Training<Dataset>| {
        let forest = fit(&DecisionTree::default(), train);
        assert_eq!(forest.trees()[0].node_count(), 1);
        assert!(forest.feature_importances().iter().all(|&v| v == 0.0));
        let width = forest.width();
        forest.predict_proba(Array2::zeros((1, width)).view()).row(0).to_vec()
    };
    assert_eq!(share(&one_class), [0.0, 1.0, 0.0]);
    assert_eq!(share(&one_row), [0.0, 1.0, 0.0]);
    assert_eq!(share(&constant), [0.75, 0.25, 0.0]);
    for train in [one_class, one_row, constant] {
        let (forest, _) = RandomForest::default().fit(&train, Seed::new(3), Progress::none()).unwrap();
        let shares = forest.predict_proba(train.get().x().view());
        assert!(shares.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
    }
    // Among many constant columns the one that varies is found, although few are drawn.
    let mut x = Array2::zeros((40, 50));
    (0..40).for_each(|i| x[[i, 31]] = i as f64);
    let train = training(x, (0..40).map(|i| u32::from(i >= 20)).collect(), 2);
    let (forest, _) = RandomForest::default().fit(&train, Seed::new(3), Progress::none()).unwrap();
    assert!(forest.trees().iter().all(|tree| tree.node_count() == 3));
    assert_eq!(forest.feature_importances()[31], 1.0);
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let train = scrambled();
    let configs = [
        RandomForest { n_estimators: 20, ..RandomForest::default() },
        RandomForest {
            n_estimators: 20,
            criterion: Criterion::Entropy,
            class_weight: ClassWeight::Rule(ForestBalanced::BalancedSubsample),
            split_mode: SplitMode::Histogram,
            ..RandomForest::default()
        },
    ];
    for forest in configs {
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let (fitted, _) = forest.fit(&train, Seed::new(5), Progress::none()).unwrap();
                let rows = Array2::from_shape_fn((3000, 4), |(i, j)| ((i * 37 + j * 11) % 157) as f64);
                (postcard::to_stdvec(&fitted).unwrap(), fitted.predict_proba(rows.view()))
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(8));
    }
}

#[test]
fn stored_forests_come_back_and_damaged_ones_do_not() {
    let (forest, _) = RandomForest { n_estimators: 5, max_depth: Some(4), ..RandomForest::default() }
        .fit(&scrambled(), Seed::new(5), Progress::none())
        .unwrap();
    let bytes = postcard::to_stdvec(&forest).unwrap();
    assert_eq!(postcard::from_bytes::<Forest>(&bytes).unwrap(), forest);
    let mut damaged = forest.clone();
    damaged.width = 1;
    damaged.importances.truncate(1);
    assert!(postcard::from_bytes::<Forest>(&postcard::to_stdvec(&damaged).unwrap()).is_err());
}

#[test]
fn single_rows_are_predicted_like_tables() {
    let train = scrambled();
    let (forest, _) = RandomForest { n_estimators: 30, max_depth: Some(5), ..RandomForest::default() }
        .fit(&train, Seed::new(5), Progress::none())
        .unwrap();
    let x = train.get().x();
    let all = forest.predict_proba(x.view());
    let mut out = vec![0.0; 3];
    for (row, want) in x.outer_iter().zip(all.outer_iter()) {
        forest.predict_proba_row(row.as_slice().unwrap(), &mut out);
        assert_eq!(out, want.to_vec());
    }
    // Any layout, any number of rows.
    let columns = x.t().as_standard_layout().into_owned();
    assert_eq!(forest.predict_proba(columns.t()), all);
    assert_eq!(forest.predict_proba(x.slice(ndarray::s![..13, ..])), all.slice(ndarray::s![..13, ..]));
    assert_eq!(forest.predict_proba(x.slice(ndarray::s![..0, ..])).dim(), (0, 3));
}

#[test]
fn numbers_of_features_and_rows() {
    let of = |m: MaxFeatures| m.of(15);
    assert_eq!(of(MaxFeatures::All), 15);
    assert_eq!(of(MaxFeatures::Rule(FeatureRule::Sqrt)), 3);
    assert_eq!(of(MaxFeatures::Rule(FeatureRule::Log2)), 3);
    assert_eq!((of(MaxFeatures::Count(4)), of(MaxFeatures::Count(40))), (4, 15));
    assert_eq!((of(MaxFeatures::Share(0.5)), of(MaxFeatures::Share(0.01))), (7, 1));
    assert_eq!(MaxFeatures::Rule(FeatureRule::Log2).of(1), 1);
    assert_eq!((MinSamplesSplit::Share(0.3).of(301), MinSamplesSplit::Share(0.001).of(300)), (91, 2));
    assert_eq!((MinSamplesLeaf::Share(0.3).of(301), MinSamplesLeaf::Count(4).of(301)), (91, 4));
    assert_eq!((MaxSamples::Share(0.5).of(301, 301.0), MaxSamples::Count(7).of(301, 301.0)), (150, 7));
}

#[test]
fn parameters_are_read_by_their_declaration() {
    let read = |text: &str| {
        let value = RandomForest::shape().read(&serde_json::from_str(text).unwrap())?;
        Ok::<RandomForest, Vec<crate::param::Fault>>(serde_json::from_value(value).unwrap())
    };
    assert_eq!(read("{}").unwrap(), RandomForest::default());
    let forest = read(
        r#"{"max_features": 1, "min_samples_leaf": 0.25, "min_samples_split": 0.75, "max_samples": 0.5, "max_depth": 3,
            "class_weight": {"Mirai": 2}, "criterion": "entropy", "random_state": 7}"#,
    )
    .unwrap();
    assert_eq!(forest.max_features, MaxFeatures::Count(1));
    assert_eq!(forest.min_samples_leaf, MinSamplesLeaf::Share(0.25));
    assert_eq!(forest.min_samples_split, MinSamplesSplit::Share(0.75));
    assert_eq!(forest.max_samples, MaxSamples::Share(0.5));
    assert_eq!(forest.class_weight, ClassWeight::Map(map(&[("Mirai", 2.0)])));
    assert_eq!(read(r#"{"max_features": null}"#).unwrap().max_features, MaxFeatures::All);
    assert_eq!(read(r#"{"max_features": 1.0}"#).unwrap().max_features, MaxFeatures::Share(1.0));
    let balanced = read(r#"{"class_weight": "balanced_subsample"}"#).unwrap().class_weight;
    assert_eq!(balanced, ClassWeight::Rule(ForestBalanced::BalancedSubsample));
    for bad in [
        r#"{"max_features": 0}"#,
        r#"{"max_features": 1.5}"#,
        r#"{"min_samples_leaf": 1.0}"#,
        r#"{"min_samples_split": 1}"#,
        r#"{"max_depth": 0}"#,
        r#"{"n_estimators": 0}"#,
        r#"{"class_weight": {"a": -1}}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    let faults = read(r#"{"class_weight": "balancd"}"#).unwrap_err();
    assert_eq!(faults[0].hint.as_deref(), Some("did you mean \"balanced\"?"));
    assert!(DecisionTree::shape().read(&serde_json::json!({"class_weight": "balanced_subsample"})).is_err());
    let back = serde_json::from_value::<RandomForest>(serde_json::to_value(&forest).unwrap()).unwrap();
    assert_eq!(back, forest);
}

#[test]
fn parameters_that_the_data_refuses() {
    let train = scrambled();
    let told =
        |forest: RandomForest| forest.fit(&train, Seed::new(1), Progress::none()).map(|_| ()).unwrap_err().to_string();
    let weights = |named: &[(&str, f64)]| {
        told(RandomForest { class_weight: ClassWeight::Map(map(named)), ..RandomForest::default() })
    };
    assert_eq!(weights(&[("Class_1", 2.0)]), "class_weight: unknown class \"Class_1\": did you mean \"class 1\"?");
    assert!(weights(&[("zebra", 2.0)]).contains("the classes are class 0, class 1, class 2"));
    assert!(weights(&[("class 0", 0.0), ("class 1", 0.0), ("class 2", 0.0)]).contains("weight 0"));
    let without = RandomForest { bootstrap: false, max_samples: MaxSamples::Count(5), ..RandomForest::default() };
    assert!(told(without).contains("bootstrap"));
    let often = RandomForest { max_samples: MaxSamples::Count(30_000_000), n_estimators: 1, ..RandomForest::default() };
    assert!(told(often).contains("65535"));
}

#[test]
fn seeds_and_progress() {
    let train = scrambled();
    let forest = |random_state| RandomForest { n_estimators: 10, random_state, ..RandomForest::default() };
    let with = |random_state, seed| forest(random_state).fit(&train, Seed::new(seed), Progress::none()).unwrap().0;
    assert_eq!(with(None, 4), with(Some(4), 9));
    assert_ne!(with(None, 4), with(None, 5));
    // Tree i does not depend on how many there are.
    let more = RandomForest { n_estimators: 12, ..RandomForest::default() };
    let more = more.fit(&train, Seed::new(4), Progress::none()).unwrap().0;
    assert_eq!(more.trees()[..10], with(None, 4).trees()[..]);
    let told = std::sync::Mutex::new(Vec::new());
    let listen = |share: f64| told.lock().unwrap().push(share);
    forest(None).fit(&train, Seed::new(4), Progress::new(&listen)).unwrap();
    let mut told = told.into_inner().unwrap();
    told.sort_by(f64::total_cmp);
    assert_eq!(told.len(), 10);
    assert_eq!(told[9], 1.0);
}

#[test]
fn forests_learn_in_every_mode() {
    let train = scrambled();
    let right = |forest: RandomForest| {
        let (fitted, warnings) = forest.fit(&train, Seed::new(2), Progress::none()).unwrap();
        assert!(warnings.is_empty());
        assert!((fitted.feature_importances().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let shares = fitted.predict_proba(train.get().x().view());
        let hit = |(row, &class): (ndarray::ArrayView1<f64>, &u32)| row[class as usize] > 0.5;
        shares.outer_iter().zip(train.get().y()).filter(|pair| hit((pair.0, pair.1))).count()
    };
    let base = RandomForest { n_estimators: 40, ..RandomForest::default() };
    let named = ClassWeight::Map(map(&[("class 1", 3.0)]));
    for forest in [
        base.clone(),
        RandomForest { split_mode: SplitMode::Histogram, ..base.clone() },
        RandomForest { criterion: Criterion::Entropy, max_features: MaxFeatures::All, ..base.clone() },
        RandomForest { class_weight: ClassWeight::Rule(ForestBalanced::Balanced), ..base.clone() },
        RandomForest { class_weight: ClassWeight::Rule(ForestBalanced::BalancedSubsample), ..base.clone() },
        RandomForest { class_weight: named.clone(), ..base.clone() },
        RandomForest { bootstrap: false, class_weight: named, ..base.clone() },
    ] {
        assert!(right(forest.clone()) >= 280, "{} {forest:?}", right(forest.clone()));
    }
    assert!(right(RandomForest { max_samples: MaxSamples::Share(0.2), max_depth: Some(3), ..base }) >= 220);
}

#[test]
fn shallow_histogram_trees_are_exact_where_values_are_few() {
    let x = Array2::from_shape_fn((500, 3), |(i, j)| ((i * (7 + j * 4) + i * i * (j + 1)) % 97) as f64);
    let y = (0..500).map(|i| u32::from(x[[i, 0]] > 40.0) + u32::from(x[[i, 1]] > 60.0 && i % 7 > 0)).collect();
    let train = training(x, y, 3);
    for max_features in [MaxFeatures::All, MaxFeatures::Count(1)] {
        let in_mode = |split_mode| fit(&DecisionTree { split_mode, max_features, ..DecisionTree::default() }, &train);
        assert_eq!(in_mode(SplitMode::Exact), in_mode(SplitMode::Histogram));
    }
}

#[test]
fn random_cuts_lie_between_the_values_of_a_node_and_fit_all_rows() {
    let train = scrambled();
    for split_mode in [SplitMode::Exact, SplitMode::Histogram] {
        let trees = ExtraTrees { n_estimators: 30, split_mode, ..ExtraTrees::default() };
        let (forest, _) = trees.fit(&train, Seed::new(3), Progress::none()).unwrap();
        // Every row is in every tree, so all are predicted right.
        let predicted = crate::ml::argmax(&forest.predict_proba(train.get().x().view()));
        assert_eq!(predicted, train.get().y());
        assert!((forest.feature_importances().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // No two trees begin alike, and cuts are no midpoints of values that are multiples of 1/32.
        let roots: Vec<f64> = forest
            .trees()
            .iter()
            .map(|tree| match tree.node(0, 3) {
                TreeNode::Split { threshold, .. } => threshold,
                _ => f64::NAN,
            })
            .collect();
        let drawn = roots.iter().filter(|&&t| (t * 64.0).fract() != 0.0).count();
        assert!(if split_mode == SplitMode::Exact { drawn == 30 } else { drawn > 0 }, "{roots:?}");
        let (best, _) = RandomForest { n_estimators: 30, bootstrap: false, split_mode, ..RandomForest::default() }
            .fit(&train, Seed::new(3), Progress::none())
            .unwrap();
        let nodes = |forest: &Forest| forest.trees().iter().map(Tree::node_count).sum::<usize>();
        assert!(nodes(&forest) > nodes(&best), "{} {}", nodes(&forest), nodes(&best));
    }
}

#[test]
fn random_cuts_keep_limits_and_weights_and_stay_off_constants() {
    let train = scrambled();
    let trees = ExtraTrees {
        n_estimators: 10,
        min_samples_leaf: MinSamplesLeaf::Count(20),
        class_weight: ClassWeight::Rule(ForestBalanced::Balanced),
        ..ExtraTrees::default()
    };
    let (forest, _) = trees.fit(&train, Seed::new(3), Progress::none()).unwrap();
    assert!(forest.trees().iter().all(|tree| tree.node_count() > 1 && tree.node_count() < 2 * 300 / 20));
    let huge = training(array![[-f64::MAX, 1.0], [f64::MAX, 1.0], [0.0, 1.0]], vec![0, 1, 0], 2);
    let (forest, _) = ExtraTrees::default().fit(&huge, Seed::new(3), Progress::none()).unwrap();
    assert_eq!(forest.feature_importances(), [1.0, 0.0]);
    let shares = forest.predict_proba(huge.get().x().view());
    assert_eq!(shares.column(1).to_vec(), [0.0, 1.0, 0.0]);
}
