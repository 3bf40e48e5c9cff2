//! Newton's method with a line search (Nocedal and Wright 2006, chapters 3 and 7).

use super::problem::{Problem, dot};
use crate::ml::{Progress, cholesky};

/// Most numbers of a point for which the Hessian is written out.
const WRITTEN_OUT: usize = 1024;

/// The minimum from 0, the iterations, and whether the gradient came down to `tol` (per weight of the rows).
pub(super) fn newton(
    problem: &Problem<'_>,
    tol: f64,
    max_iter: usize,
    progress: Progress<'_>,
) -> (Vec<f64>, usize, bool) {
    if problem.outputs == 0 {
        return (Vec::new(), 0, true);
    }
    let mut w = vec![0.0; problem.outputs * problem.stride()];
    let total: f64 = problem.weights.iter().sum();
    let mut loss = problem.loss(&w);
    for iteration in 0..=max_iter {
        let gradient = problem.gradient(&w);
        let worst = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        if worst <= tol * total {
            return (w, iteration, true);
        }
        if iteration == max_iter {
            break;
        }
        let step = step(problem, &w, &gradient, (worst / total).min(0.1));
        let slope = dot(&step, &gradient);
        let mut length = 1.0;
        let moved = loop {
            let next: Vec<f64> = w.iter().zip(&step).map(|(w, step)| w + length * step).collect();
            let next_loss = problem.loss(&next);
            // Near the minimum the loss changes less than its rounding.
            if next_loss <= loss + 1e-4 * length * slope + 1e-13 * loss.abs() {
                break Some((next, next_loss));
            }
            length *= 0.5;
            if length < 1e-12 {
                break None;
            }
        };
        let Some((next, next_loss)) = moved else { return (w, iteration, false) };
        (w, loss) = (next, next_loss);
        progress.report(iteration + 1, max_iter);
    }
    (w, max_iter, false)
}

/// The Newton step: solved where the Hessian is small and definite, else approximated until the rest is `share` of the
/// gradient.
fn step(problem: &Problem<'_>, w: &[f64], gradient: &[f64], share: f64) -> Vec<f64> {
    if w.len() <= WRITTEN_OUT
        && let Some(factor) = cholesky::factor(&problem.hessian(w), w.len())
    {
        return cholesky::solve(&factor, gradient.iter().map(|g| -g).collect());
    }
    conjugate_gradients(problem, w, gradient, share)
}

/// An approximate Newton step by conjugate gradients (Nocedal and Wright, algorithm 7.1) in the scale of the diagonal of
/// the Hessian.
fn conjugate_gradients(problem: &Problem<'_>, w: &[f64], gradient: &[f64], share: f64) -> Vec<f64> {
    let diagonal = problem.diagonal(w);
    let scaled = |rest: &[f64]| -> Vec<f64> {
        rest.iter().zip(&diagonal).map(|(r, &d)| if d > 0.0 { r / d } else { 0.0 }).collect()
    };
    let mut step = vec![0.0; w.len()];
    let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut near = scaled(&rest);
    let mut along = near.clone();
    let mut size = dot(&rest, &near);
    let goal = share * share * size;
    for _ in 0..(2 * w.len()).clamp(50, 2000) {
        let bent = problem.hessian_times(w, &along);
        let curve = dot(&along, &bent);
        if curve <= 0.0 || !curve.is_finite() {
            break;
        }
        let length = size / curve;
        step.iter_mut().zip(&along).for_each(|(s, a)| *s += length * a);
        rest.iter_mut().zip(&bent).for_each(|(r, b)| *r -= length * b);
        near = scaled(&rest);
        let next = dot(&rest, &near);
        if next <= goal {
            break;
        }
        let turn = next / size;
        along.iter_mut().zip(&near).for_each(|(a, n)| *a = n + turn * *a);
        size = next;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::made_up::made_up;
    use crate::ml::simd::Level;

    fn problem<'a>(x: &'a [f64], y: Vec<u32>, unit: &'a [Vec<f64>; 2], outputs: usize, intercept: bool) -> Problem<'a> {
        Problem {
            level: Level::best(),
            x,
            weights: (0..y.len()).map(|i| 1.0 + (i % 3) as f64).collect(),
            y,
            mean: &unit[0],
            scale: &unit[1],
            penalty: vec![0.5; unit[0].len()],
            outputs,
            intercept,
        }
    }

    /// The gradient against differences of the loss, the Hessian against differences of the gradient, in all its forms.
    #[test]
    fn derivatives_agree_with_differences() {
        let (x, y) = made_up(150, 4, 3);
        let unit = [vec![2.0; 4], vec![1.5; 4]];
        for (outputs, intercept) in [(3, true), (3, false), (1, true), (1, false)] {
            let y = y.iter().map(|&y| if outputs == 1 { y.min(1) } else { y }).collect();
            let problem = problem(x.as_slice().unwrap(), y, &unit, outputs, intercept);
            let size = outputs * 5;
            let w: Vec<f64> = (0..size).map(|i| ((i * 7) % 11) as f64 / 40.0 - 0.1).collect();
            let (gradient, diagonal, hessian) = (problem.gradient(&w), problem.diagonal(&w), problem.hessian(&w));
            let moved = |i: usize, h: f64| {
                let mut w = w.clone();
                w[i] += h;
                w
            };
            let ends: Vec<bool> = (0..size).map(|i| i % 5 == 4).collect();
            let slope: f64 =
                ends.iter().zip(&diagonal).filter(|(end, _)| **end).map(|(_, d)| d).sum::<f64>() / outputs as f64;
            for i in 0..size {
                let h = 1e-5;
                let rise = (problem.loss(&moved(i, h)) - problem.loss(&moved(i, -h))) / (2.0 * h);
                assert!((rise - gradient[i]).abs() < 1e-5, "{outputs} {intercept} {i}: {rise} {}", gradient[i]);
                let unit: Vec<f64> = (0..size).map(|j| f64::from(u8::from(i == j))).collect();
                let times = problem.hessian_times(&w, &unit);
                assert!((times[i] - diagonal[i]).abs() < 1e-9);
                let (up, down) = (problem.gradient(&moved(i, h)), problem.gradient(&moved(i, -h)));
                for j in 0..size {
                    assert!(((up[j] - down[j]) / (2.0 * h) - times[j]).abs() < 1e-4);
                    let both = ends[i] && ends[j];
                    let more = match (intercept, outputs) {
                        (true, 3) if both => slope,
                        (false, _) if both && i == j => 1.0,
                        _ => 0.0,
                    };
                    assert!((hessian[i * size + j] - times[j] - more).abs() < 1e-9, "{outputs} {intercept} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn both_ways_to_a_step_lead_to_the_same_minimum_and_every_level_gives_the_same_bits() {
        let (x, y) = made_up(300, 4, 3);
        let unit = [vec![2.0; 4], vec![1.5; 4]];
        let mut problem = problem(x.as_slice().unwrap(), y, &unit, 3, true);
        let w: Vec<f64> = (0..15).map(|i| i as f64 / 50.0).collect();
        let gradient = problem.gradient(&w);
        // Adding the same to all intercepts means nothing.
        let centred = |mut step: Vec<f64>| {
            let middle = step.iter().skip(4).step_by(5).sum::<f64>() / 3.0;
            step.iter_mut().skip(4).step_by(5).for_each(|last| *last -= middle);
            step
        };
        let solved = centred(step(&problem, &w, &gradient, 0.1));
        let near = centred(conjugate_gradients(&problem, &w, &gradient, 1e-12));
        assert!(solved.iter().zip(&near).all(|(a, b)| (a - b).abs() < 1e-8), "{solved:?} {near:?}");
        let mut all = Vec::new();
        for level in Level::all() {
            problem.level = level;
            let (w, n_iter, converged) = newton(&problem, 1e-10, 50, Progress::none());
            assert!(converged && n_iter < 12, "{n_iter}");
            all.push(w.into_iter().map(f64::to_bits).collect::<Vec<u64>>());
        }
        assert!(all.iter().all(|w| *w == all[0]));
    }
}
