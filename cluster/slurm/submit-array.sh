#!/bin/bash
# Submits a screen as three jobs, each after the one before: prepare, an array of parts, merge.
# No port is opened; the nodes need to see one directory.
#
#   cluster/slurm/submit-array.sh PARTS SCREEN.h5ad --method nb-glm ... --output RESULT.h5ad
#
# CRISPYX_RUN_DIR      the run directory; by default a new one here
# CRISPYX_PREPARE      options of sbatch for preparing (default: --cpus-per-task=8 --mem=32G)
# CRISPYX_FIT          for each part (default: --cpus-per-task=8 --mem=16G)
# CRISPYX_MERGE        for merging (default: --cpus-per-task=1 --mem=8G)
#
# Prints the numbers of the three jobs and the run directory. Submitting again with the same
# CRISPYX_RUN_DIR does what is left to do.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parts=$1
shift
run=${CRISPYX_RUN_DIR:-$(mktemp -d "$PWD/crispyx-array.XXXXXX")}
# Words of these variables are options: they are meant to be split.
read -ra for_prepare <<<"${CRISPYX_PREPARE:---cpus-per-task=8 --mem=32G}"
read -ra for_fit <<<"${CRISPYX_FIT:---cpus-per-task=8 --mem=16G}"
read -ra for_merge <<<"${CRISPYX_MERGE:---cpus-per-task=1 --mem=8G}"

prepare=$(sbatch --parsable --job-name=crispyx-prepare --output=crispyx-prepare-%j.log \
    "${for_prepare[@]}" "$folder/array.sbatch" prepare "$run" "$@")
prepare=${prepare%%;*}
fit=$(sbatch --parsable --job-name=crispyx-fit --output=crispyx-fit-%A_%a.log \
    --dependency="afterok:$prepare" --kill-on-invalid-dep=yes --array="0-$((parts - 1))" \
    "${for_fit[@]}" "$folder/array.sbatch" fit "$run" "$parts")
fit=${fit%%;*}
# After any end of the parts: merge says what is missing, and which commands fit it.
merge=$(sbatch --parsable --job-name=crispyx-merge --output=crispyx-merge-%j.log \
    --dependency="afterany:$fit" --kill-on-invalid-dep=yes \
    "${for_merge[@]}" "$folder/array.sbatch" merge "$run")
echo "$prepare $fit ${merge%%;*} $run"
