use proptest::prelude::*;

use super::*;
use crate::ml::random::Rng;

fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs().max(1e-300), "got {got}, want {want}");
}

#[test]
fn mcnemar_of_nothing_and_of_equal_counts() {
    assert_eq!(mcnemar(0, 0).p_value, 1.0);
    assert_eq!(mcnemar(40, 40).p_value, 1.0);
    assert_eq!(mcnemar(1, 0).p_value, 1.0);
    assert!(mcnemar(MOST_EXACT / 2, MOST_EXACT / 2).exact && !mcnemar(MOST_EXACT, 1).exact);
}

#[test]
fn holm_is_statsmodels() {
    // statsmodels.stats.multitest.multipletests([0.01, 0.04, 0.03, 0.005], method="holm")
    let got = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (got, want) in got.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        near(*got, want, 1e-12);
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn binomial_draws_have_the_right_mean_and_variance() {
    let mut rng = Rng::new(Seed::new(5));
    for (n, p) in [(1, 0.3), (40, 0.1), (200, 0.04), (60, 0.5), (1000, 0.02), (1000, 0.37), (100_000, 0.9)] {
        let draws: Vec<f64> = (0..20_000).map(|_| binomial(n, p, &mut rng) as f64).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        let want = n as f64 * p * (1.0 - p);
        let off = (mean - n as f64 * p).abs() / (want / draws.len() as f64).sqrt();
        assert!(off < 4.5, "mean {mean} of {n} x {p}");
        assert!((variance / want - 1.0).abs() < 0.05, "variance {variance} of {n} x {p}, not {want}");
    }
}

#[test]
fn an_interval_of_the_accuracy_is_that_of_the_binomial_distribution() {
    // 870 of 1,000 right: scipy.stats.binom.ppf([0.025, 0.975], 1000, 0.87) is [849, 890]; a row more or less is chance.
    let confusion = ConfusionMatrix { counts: vec![vec![600, 50], vec![80, 270]] };
    let bootstrap = Bootstrap { resamples: 40_000, ..Bootstrap::default() };
    let [low, high] = interval(&confusion, Metric::Accuracy, &bootstrap).unwrap().map(|v| (v * 1000.0).round());
    assert!((low - 849.0).abs() <= 1.0 && (high - 890.0).abs() <= 1.0, "{low} {high}");
    assert_eq!(interval(&confusion, Metric::LogLoss, &bootstrap), None);
}

fn rows() -> impl Strategy<Value = Vec<[u32; 3]>> {
    prop::collection::vec(prop::array::uniform3(0..4_u32), 1..80)
}

fn pairs(rows: &[[u32; 3]], second: usize) -> Pairs {
    let column = |i: usize| rows.iter().map(|r| r[i]).collect::<Vec<_>>();
    Pairs::new(4, &column(0), &column(1), &column(second))
}

proptest! {
    #[test]
    fn a_model_does_not_differ_from_itself(rows in rows()) {
        let same = pairs(&rows, 1);
        prop_assert_eq!(same.mcnemar().p_value, 1.0);
        for metric in [Metric::Accuracy, Metric::F1Macro, Metric::Mcc] {
            prop_assert_eq!(same.difference(metric, &Bootstrap::default()), Some((0.0, [0.0, 0.0])));
        }
    }

    #[test]
    fn two_models_and_the_same_two_the_other_way_round(rows in rows()) {
        let there = pairs(&rows, 2);
        let swapped: Vec<[u32; 3]> = rows.iter().map(|[t, a, b]| [*t, *b, *a]).collect();
        let back = pairs(&swapped, 2);
        prop_assert_eq!(there.mcnemar().p_value, back.mcnemar().p_value);
        prop_assert_eq!(there.mcnemar().only_first, back.mcnemar().only_second);
        let few = Bootstrap { resamples: 50, ..Bootstrap::default() };
        let (a, [low, high]) = there.difference(Metric::Accuracy, &few).unwrap();
        let (b, _) = back.difference(Metric::Accuracy, &few).unwrap();
        prop_assert!((a + b).abs() < 1e-12 && low <= high);
        let right = |i: usize| rows.iter().filter(|r| r[0] == r[i]).count() as f64;
        prop_assert!((a - (right(2) - right(1)) / rows.len() as f64).abs() < 1e-12);
    }

    #[test]
    fn p_values_are_probabilities_and_fall_with_the_gap(b in 0_u64..3000, c in 0_u64..3000) {
        let p = mcnemar(b, c).p_value;
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert_eq!(p, mcnemar(c, b).p_value);
        if b >= c && (b + c <= MOST_EXACT || b + c > MOST_EXACT + 2) {
            // The same number of discordant rows, further apart.
            if c > 0 { prop_assert!(mcnemar(b + 1, c - 1).p_value <= p + 1e-12); }
        }
    }

    #[test]
    fn a_resample_has_as_many_rows(weights in prop::collection::vec(1_u64..500, 1..30), seed in 0_u64..1000) {
        let mut counts = vec![0; weights.len()];
        resample(&weights, &mut Rng::new(Seed::new(seed)), &mut counts);
        prop_assert_eq!(counts.iter().sum::<u64>(), weights.iter().sum::<u64>());
    }
}
