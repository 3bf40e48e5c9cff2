//! Rows for the tests of several models, made by a formula that a reference script can repeat.

use ndarray::{Array1, Array2};

use super::{Dataset, Part, Role, Training};

/// Rows `i` with columns `j`: `((i (7 + 4j) + 5 j^2) mod 23) / 4 + 0.8 y (j mod 3) + 0.0137 ((i^2 (j + 3)) mod 17)`, where
/// the class `y` is `i mod classes`.
pub(super) fn made_up(rows: usize, width: usize, classes: usize) -> (Array2<f64>, Vec<u32>) {
    let x = Array2::from_shape_fn((rows, width), |(i, j)| {
        ((i * (7 + 4 * j) + j * j * 5) % 23) as f64 * 0.25
            + (i % classes) as f64 * (j % 3) as f64 * 0.8
            + ((i * i * (j + 3)) % 17) as f64 * 0.0137
    });
    (x, (0..rows).map(|i| (i % classes) as u32).collect())
}

/// A training part with classes `a`, `b`, `c` ... as many as `classes`.
pub(super) fn training(x: Array2<f64>, y: Vec<u32>, classes: usize) -> Training<Dataset> {
    let (rows, width) = x.dim();
    let names = (0..classes).map(|i| char::from(b'a' + i as u8).to_string()).collect();
    let features = (0..width).map(|i| format!("f{i}")).collect();
    let data = Dataset::new(x, y, names, features, (0..rows as u64).collect()).unwrap();
    Training::new(Part::first(Role::Train), data).unwrap()
}

/// The greatest absolute difference from the expected figures.
pub(super) fn gap<'a>(got: impl IntoIterator<Item = &'a f64>, expected: &[f64]) -> f64 {
    let got: Array1<f64> = got.into_iter().copied().collect();
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// What `work` gives on 1, 2 and 8 threads, after a check that it is the same.
pub(super) fn on_any_threads<T: PartialEq + std::fmt::Debug + Send>(work: impl Fn() -> T + Sync) -> T {
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(8), one);
    one
}

/// A model written by postcard and read again, after a check that nothing changed.
pub(super) fn stored<T>(model: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let again: T = postcard::from_bytes(&postcard::to_stdvec(model).unwrap()).unwrap();
    assert_eq!(&again, model);
    again
}
