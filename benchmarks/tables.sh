#!/usr/bin/env bash
# Regenerate the tables of README.md and docs/generalisation.md from PDEBench's 1D files: benchmarks/tables.sh FOLDER
# Some six hours on one CPU core; runs are kept in runs/ and used again.
set -euo pipefail
cd "$(dirname "$0")/.."
table() { python benchmarks/generalisation.py "$@" --data "$data"; }
data=${1:?usage: benchmarks/tables.sh FOLDER}
table burgers advection --seeds 0 1 2 --into README.md --figures docs/figures
table burgers advection --table published --into README.md
table burgers-long --only "CAPE (default)" "CAPE, 3 substeps" --seeds 0 1 2 --into README.md
table advection-long --only "CAPE (default)" --seeds 0 1 2 --into README.md
table burgers advection --table embeddings --seeds 0 1 2 --into docs/generalisation.md
for kind in ablations bases trainings; do
    table burgers --table "$kind" --seeds 0 1 2 --into docs/generalisation.md
done
table burgers-long --table ablations --seeds 0 1 2 --into docs/generalisation.md \
    --only "CAPE (default)" "no symmetries" "32 wide" "3 substeps" "three times the epochs"
