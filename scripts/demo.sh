#!/usr/bin/env bash
# Simulates a small screen with known knock-downs, tests it, and shows that they are found again.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
swift build -c release --product crispyx-coordinator
swift build -c release --product crispyx-worker
bin=$(swift build -c release --show-bin-path)

work=$(mktemp -d "${TMPDIR:-/tmp}/crispyx-demo.XXXXXX")
screen=$work/screen.h5ad
result=$work/result.h5ad

echo
echo "A screen of 40 perturbations, 2,000 genes, and a knock-down of each target to a quarter:"
"$bin/crispyx-coordinator" simulate "$screen" --perturbations 40 --genes 2000 \
    --cells-per-perturbation 100 --control-cells 1000 --depth 4000 --knockdown -2 --effects 20 --effect-sd 0.15 --seed 7 --quiet >/dev/null
"$bin/crispyx-coordinator" inspect "$screen" --perturbation-column perturbation

echo
echo "Testing every perturbation against control, two worker processes:"
"$bin/crispyx-coordinator" "$screen" --method nb-glm --perturbation-column perturbation \
    --control-label control --local-workers 2 --threads 1 --output "$result"

echo
echo "The strongest effect in each perturbation (each is named after the gene it knocks down):"
"$bin/crispyx-coordinator" show "$result" --top 1 | head -n 12
"$bin/crispyx-coordinator" show "$result" --top 1 --tsv |
    awk -F '\t' 'NR > 1 { all++; if ($1 == $2) found++ }
        END { printf "...\n%d of %d perturbations have their own target as the top hit.\n", found, all
              exit found < all }'
echo
echo "Screen and result are in $work; scanpy opens the result: anndata.read_h5ad(\"$result\")"
