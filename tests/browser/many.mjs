// Makes many runs out of one, as a sweep would have left them: node tests/browser/many.mjs RUN_FOLDER RUNS N
// The figures are made up; only the pages of many runs are tried with them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/// A number in [0, 1) for every i, the same each time.
const draw = (i) => {
  const x = Math.sin(i * 12.9898 + 4.1414) * 43758.5453;
  return x - Math.floor(x);
};

export function makeRuns(from, to, n) {
  const record = JSON.parse(readFileSync(join(from, "record.json"), "utf8"));
  const events = readFileSync(join(from, "events.jsonl"), "utf8").split("\n")[0] + "\n";
  for (let i = 0; i < n; i += 1) {
    const second = String(i % 60).padStart(2, "0");
    const minute = String(Math.floor(i / 60) % 60).padStart(2, "0");
    const hour = String(Math.floor(i / 3600)).padStart(2, "0");
    const id = `20260101-${hour}${minute}${second}-sweep-${i.toString(16).padStart(6, "0")}`;
    const made = structuredClone(record);
    made.name = "sweep";
    made.experiment.seed = 1 + Math.floor(i / 250);
    made.experiment.models.mlp.alpha = [0.0001, 0.001, 0.01, 0.1][i % 4];
    made.experiment.models.random_forest.n_estimators = [50, 100, 200, 400, 800][Math.floor(i / 4) % 5];
    made.experiment.models.random_forest.class_weight = i % 3 ? "balanced" : "none";
    made.experiment.models.decision_tree.max_depth = 4 + Math.floor(draw(i) * 20);
    const moved = (draw(i + 1000) - 0.5) * 0.05;
    for (const model of made.models) {
      for (const part of ["validation", "test"]) {
        const values = model[part].values;
        for (const metric of ["accuracy", "f1_macro", "f1_weighted", "roc_auc_ovr", "group_accuracy", "group_f1"]) {
          const value = values[metric]?.defined;
          if (value !== undefined) values[metric].defined = Math.min(1, value + moved * (1 + draw(i + 7)));
        }
      }
    }
    made.winner.value = made.models.find((m) => m.name === made.winner.model).validation.values.f1_macro.defined;
    made.volatile.run = id;
    made.volatile.seconds = 0.5 + draw(i + 3000) * 3;
    mkdirSync(join(to, id), { recursive: true });
    writeFileSync(join(to, id, "record.json"), JSON.stringify(made, null, 2) + "\n");
    writeFileSync(join(to, id, "events.jsonl"), events);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [from, to, n] = process.argv.slice(2);
  makeRuns(from, to, Number(n));
}
