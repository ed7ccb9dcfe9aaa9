#!/usr/bin/env bash
# Print the tables of docs/results.md and docs/generalisation.md into these pages: benchmarks/tables.sh FOLDER
# FOLDER holds PDEBench's 1D files. Takes some six hours on one CPU core. Runs are kept in runs/ and used again.
set -euo pipefail
cd "$(dirname "$0")/.."
table() { python benchmarks/generalisation.py "$@" --data "$data"; }
data=${1:?usage: benchmarks/tables.sh FOLDER}
table burgers advection --seeds 0 1 2 --into docs/results.md --figures docs/figures
table burgers advection --table published --into docs/results.md
table burgers-long --only "CAPE, no equation" "CAPE, no equation, 3 substeps" --seeds 0 1 2 --into docs/results.md
table advection-long --only "CAPE, no equation" --seeds 0 1 2 --into docs/results.md
table burgers advection --table embeddings --seeds 0 1 2 --into docs/generalisation.md
for name in ablations bases trainings; do
    table burgers --table "$name" --seeds 0 1 2 --into docs/generalisation.md
done
table burgers-long --table ablations --seeds 0 1 2 --into docs/generalisation.md \
    --only "CAPE, no equation" "no symmetries" "32 wide" "3 substeps" "three times the epochs"
