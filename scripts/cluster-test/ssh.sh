# Workers over the system's ssh; sourced by scripts/test-cluster.sh.
# shellcheck shell=bash disable=SC2154

# Two machines with an sshd, one that nobody has, one that refuses, one that accepts and is silent.
start_ssh_machines() {
    local folder=$work/ssh machine
    mkdir -p "$folder"
    if [ ! -d /run/sshd ]; then
        mkdir /run/sshd
        made_sshd_folder=yes
    fi
    ssh-keygen -q -t ed25519 -N '' -f "$folder/user"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/machine"
    cp "$folder/user.pub" "$folder/authorized_keys"
    cat >"$folder/sshd_config" <<END
HostKey $folder/machine
AuthorizedKeysFile $folder/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
PidFile none
END
    for machine in good1:11 good2:12 refusing:13 hanging:14; do
        make_machine "${machine%:*}" "${machine#*:}"
    done
    for machine in good1 good2; do
        keep ip netns exec "cx-$machine" /usr/sbin/sshd -D -e -f "$folder/sshd_config" \
            2>"$folder/$machine.log"
    done
    keep ip netns exec cx-hanging python3 -c "
import socket, time
server = socket.create_server(('$network.14', 22))
server.listen(50)
time.sleep(3600)"
    printf '%s ' "$network.11,$network.12" >"$folder/known_hosts"
    cat "$folder/machine.pub" >>"$folder/known_hosts"
    cat >"$folder/hosts.txt" <<END
* worker=$bin/crispyx-worker threads=1 ssh=IdentityFile=$folder/user
* ssh=UserKnownHostsFile=$folder/known_hosts ssh=IdentitiesOnly=yes
$network.99               # nobody has this address
$network.13               # refuses
$network.14               # accepts, says nothing
$network.[11-12]
END
    eventually 20 ssh_works "$network.11" && eventually 20 ssh_works "$network.12"
}

ssh_works() {
    ssh -o BatchMode=yes -o ConnectTimeout=3 -i "$work/ssh/user" \
        -o UserKnownHostsFile="$work/ssh/known_hosts" "$1" true
}

workers_on() { ip netns pids "cx-$1" | xargs -r ps -o args= -p | grep -c '[c]rispyx-worker'; }

no_workers() { [ "$(workers_on good1)" = 0 ] && [ "$(workers_on good2)" = 0 ]; }

# The token's digits in any command line or environment of this machine.
token_is_visible() {
    local digits
    digits=$(tr -d '\n' <"$work/ssh/token")
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' |
        grep -v grep | grep -qF "$digits"
}

# Becomes the coordinator, so that the number of the shell is its own.
run_on_hosts() {
    local output=$1
    shift
    exec "$bin/crispyx-coordinator" "$screen" "${options[@]}" --hosts "$work/ssh/hosts.txt" \
        --token-file "$work/ssh/token" --output "$output" "$@"
}

test_ssh() {
    # What fails is noted by proof; the rest is still worth trying.
    set +e
    say "ssh: five machines, two of them good"
    start_ssh_machines
    local output=$work/ssh.h5ad log=$work/ssh/run.log events
    events=$output.crispyx/events.jsonl
    local began=$SECONDS
    keep run_on_hosts "$output" >/dev/null 2>"$log"
    local coordinator=$kept_pid
    proof "ssh: workers of the good machines fit within 15 s although others are dead, refuse or hang" \
        eventually 15 grep -q '"event":"row"' "$events"
    say "first row after $((SECONDS - began)) s"
    proof "ssh: the token is in no command line and no environment" not token_is_visible
    local seen
    seen=$(workers_on good1)
    proof "ssh: worker processes run in the machine's own network namespace" [ "$seen" -gt 0 ]
    local status=0
    wait "$coordinator" || status=$?
    proof "ssh: the run ends with status 0" [ "$status" = 0 ]
    proof "ssh: the result is byte for byte that of a local run" same "$output"
    proof "ssh: ssh's own words appear with the machine's name" grep -q "^$network.13| ssh:" "$log"
    proof "ssh: a new token file has mode 0600" \
        [ "$(stat -c %a "$work/ssh/token" 2>/dev/null)" = 600 ]
    proof "ssh: no worker is left on the machines" eventually 10 no_workers

    say "ssh: a worker is killed, then the coordinator"
    output=$work/ssh-killed.h5ad
    events=$output.crispyx/events.jsonl
    keep run_on_hosts "$output" >/dev/null 2>"$work/ssh/killed.log"
    coordinator=$kept_pid
    proof "ssh: the second run has begun" eventually 20 grep -q '"event":"row"' "$events"
    ip netns pids cx-good1 | xargs -r ps -o pid=,args= -p |
        awk '/[c]rispyx-worker/ { print $1 }' | xargs -r kill -9
    proof "ssh: the worker of a machine that was killed is started again" \
        eventually 20 joined_again "$events"
    kill -9 "$coordinator"
    wait "$coordinator" 2>/dev/null || true
    proof "ssh: workers end within 15 s when the coordinator is killed" eventually 15 no_workers
    status=0
    (run_on_hosts "$output" --resume) >/dev/null 2>>"$work/ssh/killed.log" || status=$?
    proof "ssh: --resume after both ends with status 0" [ "$status" = 0 ]
    proof "ssh: ... keeping rows of before" grep -qE 'resuming.*rows_kept=[1-9]' \
        "$work/ssh/killed.log"
    proof "ssh: ... and the same bytes" same "$output"
    proof "ssh: no worker is left on the machines again" eventually 10 no_workers
}

clean_up_ssh() { if [ -n "${made_sshd_folder:-}" ]; then rmdir /run/sshd; fi; }

joined_again() { [ "$(joined "$1")" -ge 3 ]; }
