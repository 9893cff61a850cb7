# Common parts of scripts/test-cluster.sh, which sources this.
# shellcheck shell=bash disable=SC2034,SC2154

proved=()
failed=()
namespaces=()
processes=()
bridge=crispyx-br
network=10.213.7
packages=(iproute2 munge openssh-client openssh-server slurm-wlm)
test_name=test-cluster

say() { echo "$test_name: $*" >&2; }

# Notes one fact that was checked: proof TEXT COMMAND...
proof() {
    local text=$1
    shift
    if "$@"; then
        proved+=("$text")
        say "proved: $text"
    else
        failed+=("$text")
        say "FAILED: $text"
    fi
}

not() { ! "$@"; }

install_packages() {
    local missing=() package
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    # Packages must not start services; the machine's own policy comes back afterwards.
    local policy=/usr/sbin/policy-rc.d kept=
    if [ -e "$policy" ]; then
        kept=$(mktemp)
        cp -p "$policy" "$kept"
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    local status=0
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}"; } >&2 || status=$?
    if [ -n "$kept" ]; then mv "$kept" "$policy"; else rm -f "$policy"; fi
    return $status
}

prepare() {
    bin=${CRISPYX_BIN:-$root/.build/release}
    if [ ! -x "$bin/crispyx-coordinator" ] || [ ! -x "$bin/crispyx-worker" ]; then
        (cd "$root" && scripts/build.sh >&2)
    fi
    bin=$(cd "$bin" && pwd)
    work=$(mktemp -d /tmp/crispyx-cluster-test.XXXXXX)
    chmod 755 "$work"
    ip link add "$bridge" type bridge
    ip address add "$network.1/24" dev "$bridge"
    ip link set "$bridge" up
}

# A machine: make_machine NAME NUMBER makes the network namespace cx-NAME with address .NUMBER.
make_machine() {
    local name=cx-$1 number=$2
    ip netns add "$name"
    namespaces+=("$name")
    ip link add "cx$number" type veth peer name eth0 netns "$name"
    ip link set "cx$number" master "$bridge" up
    ip -n "$name" link set lo up
    ip -n "$name" address add "$network.$number/24" dev eth0
    ip -n "$name" link set eth0 up
}

# Starts something that has to be ended: keep COMMAND...; its number is in $kept_pid.
keep() {
    "$@" &
    kept_pid=$!
    processes+=("$kept_pid")
}

# Every process inside the namespaces of this test.
inside() {
    local name
    for name in "${namespaces[@]}"; do ip netns pids "$name" 2>/dev/null; done
}

clean_up() {
    local status=$? pid
    set +e
    trap '' INT TERM
    for pid in "${processes[@]}" $(inside); do kill "$pid" 2>/dev/null; done
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -z "$(inside)" ] && break
        sleep 0.3
    done
    for pid in "${processes[@]}" $(inside); do kill -9 "$pid" 2>/dev/null; done
    wait 2>/dev/null
    if declare -f clean_up_ssh >/dev/null; then clean_up_ssh; fi
    for name in "${namespaces[@]}"; do ip netns delete "$name" 2>/dev/null; done
    ip link delete "$bridge" 2>/dev/null
    if [ "$status" -ne 0 ] && [ ${#failed[@]} -eq 0 ]; then
        summary
        echo "  - NOT FINISHED: ended with status $status before every check"
    fi
    if [ ${#failed[@]} -gt 0 ] || [ "$status" -ne 0 ]; then
        say "logs are kept in $work"
    else
        rm -rf "$work"
    fi
    exit "$status"
}

options=(--method nb-glm --perturbation-column perturbation --control-label control)

# A screen and its undisturbed result. It takes long enough that faults fall into the fitting.
make_screen() {
    screen=$work/screen.h5ad
    say "simulating a screen"
    "$bin/crispyx-coordinator" simulate "$screen" --perturbations "${CRISPYX_TEST_ROWS:-1200}" \
        --genes 3000 --cells-per-perturbation 60 --control-cells 800 --depth 6000 --seed 4 \
        --quiet >/dev/null
    expected=$work/local.h5ad
    "$bin/crispyx-coordinator" "$screen" "${options[@]}" --output "$expected" --quiet \
        --local-workers 1 --threads 1 >/dev/null
    say "its result on this machine alone: $(sha256sum <"$expected" | cut -c1-16)"
}

same() { cmp -s "$expected" "$1"; }

# Waits until a command succeeds: eventually SECONDS COMMAND...
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

# Workers that joined a run, from its event log or the copy of it.
joined() { grep -c '"event":"worker_joined"' "$1"; }

summary() {
    local text
    echo
    echo "Proved on this machine:"
    for text in "${proved[@]}"; do echo "  + $text"; done
    for text in "${failed[@]}"; do echo "  - FAILED: $text"; done
    [ ${#failed[@]} -eq 0 ]
}
