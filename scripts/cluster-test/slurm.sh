# The sbatch template on a real Slurm; sourced by scripts/test-cluster.sh.
# shellcheck shell=bash disable=SC2154

# One controller and four nodes in a network namespace of their own, several slurmd on one machine.
start_slurm() {
    slurm=$work/slurm
    mkdir -p "$slurm"/{state,log} "$slurm"/spool/n{1..4}
    make_machine slurm 21
    export SLURM_CONF=$slurm/slurm.conf
    # A key, a socket and a log of this test's own.
    head -c 1024 /dev/urandom >"$slurm/munge.key"
    chown munge: "$slurm/munge.key"
    chmod 400 "$slurm/munge.key"
    install -d -o munge -g munge "$slurm/munge"
    keep setpriv --reuid munge --regid munge --clear-groups /usr/sbin/munged --foreground \
        --key-file="$slurm/munge.key" --socket="$slurm/munge/socket" \
        --pid-file="$slurm/munge/pid" --log-file="$slurm/munge/log" \
        --seed-file="$slurm/munge/seed" --force >"$slurm/log/munged" 2>&1
    cat >"$SLURM_CONF" <<END
ClusterName=crispyx-test
SlurmctldHost=$(hostname)($network.21)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge/socket
CryptoType=crypto/munge
SlurmctldPort=7817
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool/%n
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/%n.pid
SlurmctldLogFile=$slurm/log/slurmctld
SlurmdLogFile=$slurm/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmctldTimeout=10
SlurmdTimeout=20
KillWait=10
InactiveLimit=0
MinJobAge=600
SchedulerParameters=requeue_setup_env_fail
JobRequeue=1
SlurmdParameters=config_overrides
NodeName=n[1-4] NodeHostname=$(hostname) NodeAddr=$network.21 Port=[7821-7824] CPUs=4 RealMemory=2000
PartitionName=test Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP
END
    local version=v1
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] && version=v2
    printf 'CgroupPlugin=cgroup/%s\nIgnoreSystemd=yes\n' "$version" >"$slurm/cgroup.conf"
    eventually 10 test -S "$slurm/munge/socket"
    keep in_slurm /usr/sbin/slurmctld -D -c >"$slurm/log/ctld.out" 2>&1
    for node in n1 n2 n3 n4; do start_node "$node"; done
    eventually 60 all_idle
}

# Not "ip netns exec", which hides /sys/fs/cgroup.
in_slurm() { nsenter --net=/run/netns/cx-slurm "$@"; }

start_node() { keep in_slurm /usr/sbin/slurmd -D -N "$1" >"$slurm/log/$1.out" 2>&1; }

all_idle() { [ "$(in_slurm sinfo -h -t idle -o %D)" = 4 ]; }

# Kills the slurmd of a node and all that runs there, without a word to anybody, as a power failure
# would: first the daemons that would report it, then what they have started.
lose_node() {
    local pid parent daemons=() rest=()
    daemons+=("$(pgrep -f "slurmd -D -N $1\$" | head -1)")
    for pid in $(ip netns pids cx-slurm); do
        is_of_node "$pid" "$1" || continue
        rest+=("$pid")
        parent=$(ps -o ppid= -p "$pid" | tr -d ' ') || continue
        if [ "$(cat "/proc/$parent/comm" 2>/dev/null)" = slurmstepd ]; then
            daemons+=("$parent")
        fi
    done
    kill -9 "${daemons[@]}" 2>/dev/null || true
    kill -9 "${rest[@]}" 2>/dev/null || true
}

is_of_node() {
    { tr '\0' '\n' <"/proc/$1/environ" | grep -q "SLURMD_NODENAME=$2\$"; } 2>/dev/null
}

# A controller on a busy machine may not answer at once.
submit() { try_to_submit "$@" || { sleep 10 && try_to_submit "$@"; }; }

try_to_submit() {
    local output=$1
    shift
    (cd "$slurm" && CRISPYX_COORDINATOR=$bin/crispyx-coordinator CRISPYX_WORKER=$bin/crispyx-worker \
        in_slurm sbatch --parsable --nodes=4 --cpus-per-task=1 --mem=1000 "$@" \
        "$root/cluster/slurm/crispyx.sbatch" "$screen" "${options[@]}" --output "$output")
}

state_of() { in_slurm scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }

field_of() { in_slurm scontrol show job "$1" 2>/dev/null | grep -o "$2=[^ ]*" | head -1 | cut -d= -f2; }

is_over() {
    case "$(state_of "$1")" in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) return 0 ;; esac
    return 1
}

has_state() { [ "$(state_of "$1")" = "$2" ]; }

has_restarted() { [ "$(field_of "$1" Restarts)" -ge 1 ]; }

all_joined() { [ "$(joined "$(events_of "$1")")" -ge 4 ]; }

events_of() { echo "$slurm/crispyx-$1.run/events.jsonl"; }

# The loss of the first node, with the batch shell and the coordinator; only when it is asked for by
# CRISPYX_TEST_FIRST_NODE=1, since Slurm takes its time and a small screen is over before.
lose_first_node() {
    local output job
    say "slurm: the first node is lost, and the coordinator with it (this takes a few minutes)"
    output=$work/slurm-first.h5ad
    job=$(submit "$output" --time=30)
    eventually 60 grep -q '"event":"row"' "$(events_of "$job")"
    lose_node n1
    proof "slurm: a job that loses its first node is requeued" eventually 120 has_restarted "$job"
    start_node n1
    in_slurm scontrol update NodeName=n1 State=RESUME 2>/dev/null || true
    proof "slurm: ... and completes" eventually 600 has_state "$job" COMPLETED
    proof "slurm: ... with the same bytes" same "$output"
}

# The three steps of array mode: all at once, and with a part that is killed.
test_slurm_array() {
    local output=$work/slurm-array.h5ad numbers prepare fit merge run killed
    say "slurm: array mode"
    numbers=$(submit_array 4 "$output")
    read -r prepare fit merge run <<<"$numbers"
    proof "slurm: array mode: prepare completes" eventually 120 has_state "$prepare" COMPLETED
    proof "slurm: ... every part, and the merge after them" eventually 300 has_state "$merge" COMPLETED
    proof "slurm: ... with the bytes of a local run" same "$output"

    say "slurm: array mode: a part is killed, one is asked to stop"
    output=$work/slurm-array-killed.h5ad
    numbers=$(CRISPYX_FIT="--cpus-per-task=1 --mem=400" submit_array 2 "$output")
    read -r prepare fit merge run <<<"$numbers"
    eventually 120 rows_begun "$run" 00000-of-00002
    killed=$(pgrep -f "fit --run-dir $run --shard 0/2" | head -1)
    kill -9 "$killed"
    eventually 60 rows_begun "$run" 00001-of-00002
    # What --signal=B:USR1@60 does at the time limit.
    in_slurm scancel --batch --signal=USR1 "${fit}_1"
    proof "slurm: array mode: a part near its time limit is requeued" \
        eventually 120 has_restarted "${fit}_1"
    proof "slurm: ... its rows are saved before" grep -q 'every finished row is saved' \
        "$slurm/crispyx-fit-${fit}_1.log"
    proof "slurm: ... and merging without the killed part is refused" \
        eventually 400 has_state "$merge" FAILED
    proof "slurm: ... naming the part" grep -q -- '--shard 0/2' "$slurm/crispyx-merge-$merge.log"
    numbers=$(CRISPYX_RUN_DIR=$run submit_array 2 "$output")
    read -r prepare fit merge run <<<"$numbers"
    proof "slurm: ... submitted again, the merge completes" eventually 400 has_state "$merge" COMPLETED
    proof "slurm: ... with the same bytes" same "$output"
    proof "slurm: ... keeping the rows of the first attempts" \
        grep -qE 'part 0/2 of the run.*rows_there=[1-9]' "$slurm/crispyx-fit-${fit}_0.log"
}

# Whether a part has left rows: its segment is larger than a record without one.
rows_begun() { [ -n "$(find "$1/rows" -name "$2.*" -size +40k 2>/dev/null)" ]; }

submit_array() { try_to_submit_array "$@" || { sleep 10 && try_to_submit_array "$@"; }; }

try_to_submit_array() {
    local parts=$1 output=$2
    (cd "$slurm" && CRISPYX_COORDINATOR=$bin/crispyx-coordinator CRISPYX_WORKER=$bin/crispyx-worker \
        CRISPYX_PREPARE="--cpus-per-task=1 --mem=1000" CRISPYX_MERGE="--cpus-per-task=1 --mem=500" \
        CRISPYX_FIT=${CRISPYX_FIT:---cpus-per-task=1 --mem=400} \
        in_slurm "$root/cluster/slurm/submit-array.sh" "$parts" "$screen" "${options[@]}" \
        --output "$output")
}

test_slurm() {
    # What fails is noted by proof; the rest is still worth trying.
    set +e
    say "slurm: a controller and four nodes"
    start_slurm || say "not every node is there"
    proof "slurm: $(in_slurm sinfo --version) has four idle nodes" all_idle
    local output=$work/slurm.h5ad job
    job=$(submit "$output" --time=30)
    proof "slurm: the template's job completes" eventually 300 has_state "$job" COMPLETED
    proof "slurm: ... with the bytes of a local run" same "$output"
    proof "slurm: ... and a worker on each of four nodes" [ "$(grep -c 'worker joins' \
        "$slurm/crispyx-$job.log")" -ge 4 ]

    test_slurm_array

    say "slurm: a node is lost"
    output=$work/slurm-node.h5ad
    job=$(submit "$output" --time=30)
    # A node whose worker has not come yet would be lost unnoticed.
    eventually 60 all_joined "$job"
    eventually 60 grep -q '"event":"row"' "$(events_of "$job")"
    lose_node n3
    proof "slurm: a run that loses a node completes" eventually 300 has_state "$job" COMPLETED
    proof "slurm: ... with the same bytes" same "$output"
    proof "slurm: ... and the loss was seen" grep -q 'worker died' "$slurm/crispyx-$job.log"
    start_node n3
    in_slurm scontrol update NodeName=n3 State=RESUME 2>/dev/null || true
    eventually 180 all_idle

    say "slurm: the time limit comes near (this takes a few minutes)"
    output=$work/slurm-requeue.h5ad
    job=$(submit "$output" --time=30)
    eventually 60 grep -q '"event":"row"' "$(events_of "$job")"
    # What --signal=B:USR1@120 does at the limit, without waiting for it.
    in_slurm scancel --batch --signal=USR1 "$job"
    proof "slurm: the signal for the time limit sends the job back into the queue" \
        eventually 60 has_restarted "$job"
    proof "slurm: ... every row so far was saved" grep -q 'finish with --resume' \
        "$slurm/crispyx-$job.log"
    proof "slurm: ... and goes on there until it completes" eventually 600 has_state "$job" COMPLETED
    proof "slurm: ... with the same bytes" same "$output"
    proof "slurm: ... keeping rows of the first attempt" grep -qE 'resuming.*rows_kept=[1-9]' \
        "$slurm/crispyx-$job.log"

    if [ -n "${CRISPYX_TEST_FIRST_NODE:-}" ]; then lose_first_node; fi

    say "slurm: stopped by a person"
    output=$work/slurm-stopped.h5ad
    job=$(submit "$output" --time=30)
    eventually 60 grep -q '"event":"row"' "$(events_of "$job")"
    in_slurm scancel --batch --signal=TERM "$job"
    proof "slurm: a job that is asked to stop ends" eventually 60 is_over "$job"
    proof "slurm: ... with exit status 143" [ "$(field_of "$job" ExitCode)" = 143:0 ]
    local first=$job
    job=$(CRISPYX_RUN_DIR=$slurm/crispyx-$first.run submit "$output" --time=30)
    proof "slurm: the same sbatch with its run directory goes on" \
        eventually 300 has_state "$job" COMPLETED
    proof "slurm: ... with the same bytes" same "$output"
}
