// Tests of a run's own page. `at` has the folder of the runs, the program, and the ids of two runs: one with all models,
// one with a hostile name.
export function runPage() {
  return {};
}
