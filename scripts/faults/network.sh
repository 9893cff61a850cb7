#!/usr/bin/env bash
# Breaks the network between a coordinator and its workers in every way this machine can, and
# compares every result with that of an undisturbed run, byte for byte.
#
#   scripts/faults/network.sh [ROW...]           all rows when none is named
#
#   short      both directions cut for less than the silence limit: nothing is lost
#   partition  both directions cut for longer: the work goes to others, the worker comes back
#   deaf       only what the coordinator sends is lost, for longer
#   dumb       only what the worker sends is lost, for longer
#   loss       1 % and 5 % of the packets are lost, both directions, all the time
#   narrow     every worker's link carries 20 Mbit/s
#   half-open  a worker is killed where its end cannot be heard
#   orphan     the coordinator is killed where its end cannot be heard, and resumed
#
# CRISPYX_BIN   folder of the executables (default .build/release, built when absent)
#
# Needs root, network namespaces and Debian's iproute2 and nftables, which are installed when they
# are missing; exit status 77 says that this machine does not allow it. Delay and reordering are not
# tried: they need the kernel's sch_netem.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/cluster-test/common.sh"
bridge=crispyx-nf
network=10.213.8
test_name=network
packages=(iproute2 nftables)

# Waiting times of the coordinator are a twentieth: a worker may be silent for 3 s.
export CRISPYX_TIME_SCALE=0.05
# Fits wait, so that runs last for a while without using a processor.
export CRISPYX_SLOW_FIT=300

wanted=("$@")
all=(short partition deaf dumb loss narrow half-open orphan)
[ ${#wanted[@]} -gt 0 ] || wanted=("${all[@]}")
for row in "${wanted[@]}"; do
    [[ " ${all[*]} " == *" $row "* ]] || { say "there is ${all[*]}, not $row"; exit 64; }
done

if [ "$(id -u)" -ne 0 ] || ! unshare -n true 2>/dev/null; then
    say "needs root and network namespaces"
    exit 77
fi
# Cuts in both directions need no packet filter, and their rows no package.
[[ "${wanted[*]}" =~ deaf|dumb|loss|narrow ]] || packages=(iproute2)
if [ -z "${CRISPYX_NETWORK_OF_ITS_OWN:-}" ]; then
    install_packages
    # Nothing of the machine's own network is touched, and two of these can run side by side.
    CRISPYX_NETWORK_OF_ITS_OWN=1 exec unshare -n -m "$0" "${wanted[@]}"
fi
mkdir -p /run/netns
mount -t tmpfs none /run/netns
ip link set lo up

make_small_screen() {
    screen=$work/screen.h5ad
    "$bin/crispyx-coordinator" simulate "$screen" --perturbations 100 --genes 1500 \
        --cells-per-perturbation 10 --control-cells 100 --depth 2000 --seed 4 --quiet >/dev/null
    expected=$work/local.h5ad
    CRISPYX_SLOW_FIT=0 "$bin/crispyx-coordinator" "$screen" "${options[@]}" \
        --output "$expected" --quiet --local-workers 1 --threads 1 >/dev/null
}

# --- faults ------------------------------------------------------------------------------------

# The worker's port of the bridge stops forwarding, or goes on.
sever() {
    bridge link set dev "cx$1" state 0
    proof "$(basename "$output" .h5ad): the fault fired (port $1 is cut)" port_is "$1" disabled
}
heal() {
    bridge link set dev "cx$1" state 3
    port_is "$1" forwarding || failed+=("port $1 stays cut")
}
port_is() { ip -d link show "cx$1" | grep -q "state $2 "; }

# Drops what reaches or leaves a machine: drop NAME input|output RULE...
drop() {
    local name=cx-$1 hook=$2
    shift 2
    ip netns exec "$name" nft add table inet fault
    ip netns exec "$name" nft "add chain inet fault $hook { type filter hook $hook priority 0 ; }"
    ip netns exec "$name" nft add rule inet fault "$hook" "$@" counter drop
}
undrop() { ip netns exec "cx-$1" nft delete table inet fault; }
dropped() {
    ip netns exec "cx-$1" nft list table inet fault |
        awk '/packets/ { for (i = 1; i < NF; i++) if ($i == "packets") n += $(i + 1) } END { print n + 0 }'
}

# --- a run -------------------------------------------------------------------------------------

start_coordinator() {
    keep "$bin/crispyx-coordinator" "$screen" "${options[@]}" --listen "$network.1:0" \
        --local-workers 0 --output "$output" --quiet --resume >/dev/null 2>>"$work/$1.log"
    coordinator=$kept_pid
}

start_worker() {
    keep ip netns exec "cx-$1" "$bin/crispyx-worker" --connect "@$output.crispyx" --threads 1 \
        --processes 1 --quiet 2>>"$work/worker-$1.log"
}

# Starts a run with the workers near and far, and waits until both fit.
begin() {
    output=$work/$1.h5ad
    events=$output.crispyx/events.jsonl
    say "$1"
    start_coordinator "$1"
    eventually 20 test -e "$output.crispyx/endpoint.json"
    start_worker near
    start_worker far
    eventually 20 has_joined 2
    eventually 20 grep -q '"event":"row"' "$events"
}

has_joined() { [ "$(joined "$events")" -ge "$1" ]; }
has_lost() { [ "$(lost_count)" -gt 0 ]; }
lost_count() { grep '"event":"worker_left"' "$events" | grep -c networkLost || true; }
blames_nobody() { ! grep '"event":"worker_left"' "$events" | grep -q processDied; }
gives_nothing_up() { ! grep -q '"event":"given_up"' "$events"; }

# Waits for the end and judges what every row has in common.
finish() {
    local status=0
    wait "$coordinator" || status=$?
    proof "$1: the run ends with status 0" [ "$status" = 0 ]
    proof "$1: the result is byte for byte the undisturbed one" same "$output"
    proof "$1: no perturbation is given up" gives_nothing_up
    proof "$1: no worker is left" eventually 20 no_workers
}

no_workers() { ! pgrep_here crispyx-worker; }
pgrep_here() { inside | xargs -r ps -o args= -p | grep -q "[/]$1"; }

far_pid() {
    ip netns pids cx-far | xargs -r ps -o pid=,args= -p |
        awk '/crispyx-worker.*--placement/ { print $1 }'
}

# --- rows --------------------------------------------------------------------------------------

row_short() {
    CRISPYX_SLOW_FIT=100 begin short
    sever 32; sleep 1; heal 32
    finish short
    proof "short: the session outlives the cut" [ "$(joined "$events")" = 2 ]
    proof "short: nobody is taken for lost" [ "$(lost_count)" = 0 ]
}

row_partition() {
    begin partition
    sever 32; sleep 6
    proof "partition: the loss is noticed within 6 s (limit 3 s)" has_lost
    heal 32
    proof "partition: the worker is back within 20 s of the cut's end" eventually 20 has_joined 3
    finish partition
    proof "partition: nobody is blamed" blames_nobody
}

# One direction: oneway ROW HOOK
oneway() {
    begin "$1"
    drop far "$2"; sleep 6
    proof "$1: the fault fired ($(dropped far) packets lost)" [ "$(dropped far)" -gt 0 ]
    undrop far
    proof "$1: the worker is back within 20 s of the cut's end" eventually 20 has_joined 3
    finish "$1"
    proof "$1: nobody is blamed" blames_nobody
}
row_deaf() { oneway deaf input; }
row_dumb() { oneway dumb output; }

row_loss() {
    local share
    for share in 1 5; do
        begin "loss-$share"
        drop far input numgen random mod 100 '<' "$share"
        drop near output numgen random mod 100 '<' "$share"
        finish "loss-$share"
        proof "loss-$share: the fault fired ($(dropped far) and $(dropped near) packets lost)" \
            [ "$(dropped far)" -gt 0 ]
        undrop far; undrop near
        proof "loss-$share: nobody is blamed" blames_nobody
    done
}

row_narrow() {
    local name
    for name in near far; do
        ip netns exec "cx-$name" tc qdisc add dev eth0 root tbf rate 20mbit burst 16kb latency 400ms
    done
    begin narrow
    finish narrow
    proof "narrow: nobody is taken for lost behind rows" [ "$(lost_count)" = 0 ]
    for name in near far; do ip netns exec "cx-$name" tc qdisc del dev eth0 root; done
}

row_half-open() {
    begin half-open
    local victim
    victim=$(far_pid)
    sever 32
    proof "half-open: the worker is killed" kill -9 "$victim"
    proof "half-open: its loss is noticed within 8 s" eventually 8 has_lost
    heal 32
    finish half-open
    proof "half-open: nobody is blamed" blames_nobody
}

row_orphan() {
    begin orphan
    local port
    sever 31; sever 32
    kill -9 "$coordinator"
    wait "$coordinator" 2>/dev/null || true
    sleep 4
    proof "orphan: the workers do not give up" pgrep_here crispyx-worker
    heal 31; heal 32
    start_coordinator orphan
    proof "orphan: both find the coordinator that resumed" eventually 40 has_joined 4
    finish orphan
}

prepare
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
make_machine near 31
make_machine far 32
make_small_screen
# What fails is noted by proof; the rest is still worth trying.
set +e
for row in "${wanted[@]}"; do "row_$row"; done
summary
