# List the recipes.
_default:
    @just --list

# Format, lint and documentation, without running tests.
check:
    scripts/test fmt clippy doc

# Everything that must be green, from a clean clone on: tools, lints, tests, docs, goldens, licences.
test:
    scripts/test

# Run the experiment that needs no download.
demo:
    cargo run --release -- run experiments/baseline.yaml

# Time every kernel by itself, on rows made for it; a word takes those with it in their name: just bench forest.
bench *ARGS:
    cargo bench --bench kernels -- {{ARGS}}

# Time runner beside its pinned peers, in turn (needs RUNNER_DATA_DIR; about an hour): --tasks, --sizes, --peers, --rounds.
bench-peers *ARGS:
    scripts/test packages
    RUNNER_DATA_DIR="${RUNNER_DATA_DIR:-../shared/data}" python3 scripts/bench_peers.py {{ARGS}}

# Time reading tables beside pandas and polars, in turn (needs RUNNER_DATA_DIR).
bench-load:
    scripts/test packages venv
    RUNNER_DATA_DIR="${RUNNER_DATA_DIR:-../shared/data}" target/venv/bin/python scripts/bench_load.py

# Make the page of all runs and the comparison of the latest ones; print the path, and open it where there is a browser.
report *ARGS:
    @cargo run --release --quiet -- report {{ARGS}}

# Try the pages in headless Chromium; a word takes the tests with it in their name: just browser comparison.
browser *ARGS:
    scripts/test packages
    cargo build --release
    cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund --silent
    node tests/browser/pages.mjs {{ARGS}}

# Time the server beside two FastAPI servers, with wrk (needs RUNNER_DATA_DIR): --seconds, --rounds.
bench-serve *ARGS:
    scripts/test packages
    command -v wrk >/dev/null || apt-get install -y -qq wrk
    [ -x target/peers-venv/bin/uvicorn ] || (python3 -m venv target/peers-venv && target/peers-venv/bin/pip install -q --no-deps -r scripts/peers/requirements.txt)
    cargo build --release
    RUNNER_DATA_DIR="${RUNNER_DATA_DIR:-../shared/data}" python3 scripts/bench_serve.py {{ARGS}}

# Write tests/golden/*.json anew with the pinned scikit-learn (needs RUNNER_DATA_DIR, see docs/data.md).
golden:
    scripts/test packages venv
    RUNNER_DATA_DIR="${RUNNER_DATA_DIR:-../shared/data}" target/venv/bin/python scripts/golden.py

# The long tests, left out of `test`: 1,000 kills, 100 rounds of eight processes, ten minutes of load on the server, a store of 100,000 results.
soak:
    cargo test --release -- --ignored --nocapture --test-threads=1

# Licences, advisories and sources of the dependencies (first: cargo install cargo-deny --locked, some minutes).
deny:
    cargo deny check licenses advisories bans sources
