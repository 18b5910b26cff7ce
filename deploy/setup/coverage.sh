#!/usr/bin/env bash
# How much of the Rust code do the tests reach? Every workspace crate is built with LLVM's counters,
# in a target directory of its own; the end-to-end tests start that binary, so what gateways, workers
# and ptyhosts do in processes of their own counts too (but for those that a test kills with -9,
# which write nothing). Prints a table; the report by line is target/coverage/html/index.html.
set -euo pipefail
cd "$(dirname "$0")/../.."

rustup component list --installed 2>/dev/null | grep -q llvm-tools \
  || rustup component add llvm-tools \
  || { echo "termfleet: coverage needs LLVM's tools: rustup component add llvm-tools" >&2; exit 1; }
command -v cargo-llvm-cov >/dev/null || cargo install --quiet --locked cargo-llvm-cov@0.9.1

target="$PWD/target/coverage"
export CARGO_TARGET_DIR="$target/build"
eval "$(cargo llvm-cov show-env --sh)"
cargo llvm-cov clean --workspace
cargo build --quiet --package termfleet
# A test that fails on a slow machine is `make test`'s to tell; here only what was reached counts.
TERMFLEET_BIN="$CARGO_TARGET_DIR/debug/termfleet" cargo test --workspace --no-fail-fast --quiet \
  || echo "termfleet: some tests failed under coverage; the figures are of what ran" >&2
# What measures or tests the product is not the product.
ignored='(^|/)(tests|loadtest)/|/tests\.rs$'
cargo llvm-cov report --ignore-filename-regex "$ignored" --html --output-dir "$target"
cargo llvm-cov report --ignore-filename-regex "$ignored" --summary-only
