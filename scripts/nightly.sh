#!/usr/bin/env bash
# Runs the long fault tests and prints a table of what held. Takes hours on two cores.
#
#   scripts/nightly.sh [ROW...]        all rows when none is named; --list names them
#
#   kills        200 rounds of each kind of kill (CRISPYX_TEST_KILL_ROUNDS)
#   network      cuts, loss, narrow and half-open links in network namespaces
#   simulation   10,000 seeds of the simulated cluster (CRISPYX_SEED_COUNT)
#   fuzzing      a million inputs for each parser (CRISPYX_TEST_FUZZ_INPUTS)
#   cuts         1,000 connections cut at random bytes (CRISPYX_TEST_CUTS)
#   idle         4,000 idle connections (CRISPYX_TEST_IDLE_CONNECTIONS)
#   many         64 workers on this machine (CRISPYX_TEST_MANY_WORKERS)
#   cluster      real ssh and a real Slurm, several slurmd on this machine
#
# A number in the variable's environment replaces the row's own. Status 77 of a row means that this
# machine does not allow it, which is told and is no failure.
# CRISPYX_NIGHTLY_LOGS   folder of the rows' logs (default .build/nightly)
set -uo pipefail
cd "$(dirname "$0")/.."
rows=(kills network simulation fuzzing cuts idle many cluster)
if [ "${1:-}" = --list ]; then
    printf '%s\n' "${rows[@]}"
    exit 0
fi
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${rows[@]}")
for row in "${wanted[@]}"; do
    [[ " ${rows[*]} " == *" $row "* ]] || { echo "nightly: there is ${rows[*]}, not $row" >&2; exit 64; }
done
logs=${CRISPYX_NIGHTLY_LOGS:-.build/nightly}
mkdir -p "$logs"
scripts/build.sh || exit 1

# Suites of the test run with a variable: tests FILTER NAME VALUE
tests() {
    local filter=$1 name=$2 value=$3
    env "$name=${!name:-$value}" swift test -c release --skip-build --disable-xctest \
        --no-parallel --filter "$filter"
}

row_kills() { tests KillRoundTests CRISPYX_TEST_KILL_ROUNDS 200; }
row_network() { scripts/faults/network.sh; }
row_simulation() { tests SimulationTests CRISPYX_SEED_COUNT 10000; }
row_fuzzing() { tests '(Mutated[A-Za-z]*|HostileBytes)Tests' CRISPYX_TEST_FUZZ_INPUTS 1000000; }
row_cuts() { tests FaultyNetworkTests CRISPYX_TEST_CUTS 1000; }
row_idle() { tests HostilePeerTests/idleFlood CRISPYX_TEST_IDLE_CONNECTIONS 4000; }
row_many() { tests HostilePeerTests/manyWorkers CRISPYX_TEST_MANY_WORKERS 64; }
row_cluster() { scripts/test-cluster.sh; }

# The numbers a row is about, from its log.
figures() { grep -hE '^(kill rounds|simulation|fuzzing|cuts|idle|many workers):' "$1" | sort -u; }

failed=0
table=()
for row in "${wanted[@]}"; do
    log=$logs/$row.log
    echo "nightly: $row, see $log" >&2
    began=$SECONDS
    "row_$row" >"$log" 2>&1
    status=$?
    took=$((SECONDS - began))
    verdict=passed
    # A filter that finds no test is a row that does not exist any more.
    if [ $status -eq 0 ] && grep -qE 'with 0 tests|No matching test' "$log"; then status=1; fi
    case $status in
    0) ;;
    77) verdict="not possible here" ;;
    *) verdict="FAILED ($status)"; failed=1 ;;
    esac
    table+=("$(printf '%-11s %-18s %6d s' "$row" "$verdict" "$took")")
    while IFS= read -r line; do table+=("            $line"); done < <(figures "$log")
    while IFS= read -r line; do table+=("            $line"); done < <(grep -E '^  [+-] ' "$log")
done
echo
echo "Nightly fault tests, $(date -u +%Y-%m-%d), $(nproc) processors, commit $(git rev-parse --short HEAD)"
printf '%s\n' "${table[@]}"
exit $failed
