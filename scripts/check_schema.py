#!/usr/bin/env python3
"""Check experiments/schema.json with an independent reader of JSON Schema: it is a schema, every shipped experiment
fits it, and samples whose faults a schema can see do not."""
import json
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
# Faults of form; the others tie several keys together or need the data.
REFUSED = ("out-of-range", "quoted-number", "unknown-key", "unknown-metric", "unknown-model", "wrong-type")


class Yaml12(yaml.SafeLoader):
    """YAML 1.2: of the words, only true and false are booleans (PyYAML takes yes, no, on and off for booleans too)."""


Yaml12.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path):
    return yaml.load(path.read_text(), Yaml12)


def main():
    schema = json.loads((ROOT / "experiments/schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    experiments = sorted((ROOT / "experiments").glob("*.yaml"))
    assert experiments, "there is no experiment"
    for path in experiments:
        found = validator.iter_errors(read(path))
        faults = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in found]
        assert not faults, f"{path.name}: {faults}"
    for name in REFUSED:
        document = read(ROOT / f"tests/samples/invalid/{name}.yaml")
        assert not validator.is_valid(document), f"{name}.yaml fits the schema"
    print(f"{len(experiments)} experiments fit the schema, {len(REFUSED)} invalid samples do not")


if __name__ == "__main__":
    main()
