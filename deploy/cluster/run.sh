#!/usr/bin/env bash
# A whole cluster on this machine, for trying it and for tests: Redis with an append-only file, two
# workers with their ptyhosts, three gateways, and nginx in front. `make cluster` runs it.
#
#   run.sh start    in the foreground: prints the URL when it is ready; Ctrl-C ends everything
#   run.sh stop     ends it from another terminal
#
# variable        default           what it is
# TERMFLEET_BIN   termfleet         the binary
# CLUSTER_STATE   target/cluster    keys, configuration, logs, data: kept from one run to the next
# PORT_BASE       4100              nginx listens here; the others on ports above it, up to + 50
#
# What crashes is started again at once: workers find their shells alive in their ptyhosts.
set -euo pipefail

REPOSITORY="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
BIN="${TERMFLEET_BIN:-termfleet}"
STATE="$(realpath -m "${CLUSTER_STATE:-$REPOSITORY/target/cluster}")"
BASE="${PORT_BASE:-4100}"
PATH="$PATH:/usr/sbin" # Where Debian puts nginx.
HOST=127.0.0.1
GATEWAYS=(gateway-1 gateway-2 gateway-3)
WORKERS=(worker-1 worker-2)
# Longer than anything takes to become ready, or to end after it was asked to.
READY_SECONDS=30
STOP_SECONDS=15
# A process that ends so soon, so often in a row, will not get better by itself.
SOON_SECONDS=2
TOO_OFTEN=5

# What runs, by name.
declare -A PID_OF STARTED FAILED
ending=""

say() { printf 'cluster: %s\n' "$*"; }
fail() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
log_of() { printf '%s/logs/%s.log' "$STATE" "$1"; }
port() { printf '%s' $((BASE + $1)); }

# Ports: each process has one for clients and one for its admin port.
client_port() {
  case "$1" in
    nginx) port 0 ;;
    redis) port 1 ;;
    gateway-*) port $((10 + ${1#gateway-})) ;;
    worker-*) port $((20 + ${1#worker-})) ;;
  esac
}
admin_port() {
  case "$1" in
    gateway-*) port $((30 + ${1#gateway-})) ;;
    worker-*) port $((40 + ${1#worker-})) ;;
  esac
}

is_open() { (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }
runs() { # Is it there, and no zombie? Asked often, so that it starts no process.
  local stat
  { read -r stat <"/proc/${1:-none}/stat"; } 2>/dev/null && [[ "$stat" != *") Z "* ]]
}
# Nothing is ever written to it: reading it with a deadline is a sleep that a signal ends.
exec {pause}<> <(:)
doze() { read -r -t "$1" -u "$pause" || true; }
# Is that process one of this cluster's? Its working directory tells.
is_ours() { [[ "$(readlink "/proc/$1/cwd" 2>/dev/null)" == "$STATE"/* ]]; }

check_ports() {
  local name of
  for name in nginx redis "${GATEWAYS[@]}" "${WORKERS[@]}"; do
    for of in client_port admin_port; do
      of="$($of "$name")"
      if [ -n "$of" ] && is_open "$of"; then
        fail "$HOST:$of ($name) is in use, perhaps by another cluster: end that with \`make" \
          "cluster-stop\`, or choose other ports with PORT_BASE (now $BASE)"
      fi
    done
  done
}

configure() {
  local name gateways=""
  for name in "${GATEWAYS[@]}"; do
    gateways="$gateways $HOST:$(client_port "$name")"
    cat >"$STATE/$name/termfleet.toml" <<END
[server]
listen = ["$HOST:$(client_port "$name")"]
admin_listen = "$HOST:$(admin_port "$name")"
proxies = ["$HOST"]
[redis]
url = "redis://$HOST:$(client_port redis)"
[auth]
secret_file = "$STATE/keys/tokens.key"
[cluster]
signing_key_file = "$STATE/keys/cluster.key"
[gateway]
id = "$name"
END
  done
  for name in "${WORKERS[@]}"; do
    cat >"$STATE/$name/termfleet.toml" <<END
[server]
admin_listen = "$HOST:$(admin_port "$name")"
[redis]
url = "redis://$HOST:$(client_port redis)"
[cluster]
verify_key_file = "$STATE/keys/cluster.pub"
[worker]
id = "$name"
listen = "$HOST:$(client_port "$name")"
state_dir = "$STATE/$name"
END
  done
  GATEWAYS="${gateways# }" LISTEN="$HOST:$(client_port nginx)" LOGS="$STATE/logs" STATE="$STATE/nginx" \
    "$REPOSITORY/deploy/nginx/render.sh" >"$STATE/nginx/nginx.conf"
}

# The command line of a process, in COMMAND.
command_of() {
  case "$1" in
    redis)
      COMMAND=(redis-server "$REPOSITORY/deploy/redis/redis.conf" --bind "$HOST"
        --port "$(client_port redis)" --dir "$STATE/redis")
      ;;
    nginx) COMMAND=(nginx -p "$STATE/nginx" -c "$STATE/nginx/nginx.conf" -g 'daemon off;') ;;
    gateway-*) COMMAND=("$BIN" gateway --config "$STATE/$1/termfleet.toml") ;;
    worker-*) COMMAND=("$BIN" worker --config "$STATE/$1/termfleet.toml") ;;
  esac
}

launch() {
  local COMMAND
  command_of "$1"
  # In a session of its own: Ctrl-C is for us, who end things in their order.
  (cd "$STATE/$1" && exec setsid "${COMMAND[@]}") </dev/null >>"$(log_of "$1")" 2>&1 &
  PID_OF[$1]=$!
  STARTED[$1]=$SECONDS
  printf '%s\n' "${PID_OF[$1]}" >"$STATE/pids/$1"
}

# A process has ended by itself: it is started again, unless that helps nothing.
again() {
  local name="$1" code="$2"
  if ((SECONDS - STARTED[$name] < SOON_SECONDS)); then
    FAILED[$name]=$((${FAILED[$name]:-0} + 1))
    if ((FAILED[$name] >= TOO_OFTEN)); then
      say "$name does not stay up; the end of $(log_of "$name"):" >&2
      tail -n 5 "$(log_of "$name")" >&2
      ending=1 failed=1
      return
    fi
  else
    FAILED[$name]=0
  fi
  say "$name ended ($code) and is started again"
  launch "$name"
}

# Looks after what runs, some times a second.
watch_once() {
  local name code
  for name in "${!PID_OF[@]}"; do
    runs "${PID_OF[$name]}" && continue
    code=0
    wait "${PID_OF[$name]}" || code=$?
    [ -n "$ending" ] || again "$name" "$code"
  done
  doze 0.2
}

await() { # await WHAT COMMAND...: until it succeeds
  local what="$1" end=$((SECONDS + READY_SECONDS)) name
  shift
  until "$@" >/dev/null 2>&1; do
    [ -z "$ending" ] || return 1
    for name in "${!PID_OF[@]}"; do
      runs "${PID_OF[$name]}" && continue
      say "$name ended before it was ready; the end of $(log_of "$name"):" >&2
      tail -n 5 "$(log_of "$name")" >&2
      return 1
    done
    if ((SECONDS > end)); then
      say "$what takes too long; logs are in $STATE/logs" >&2
      return 1
    fi
    doze 0.05
  done
}

start_all() {
  local name
  launch redis
  await "Redis" is_open "$(client_port redis)" || return 1
  for name in "${WORKERS[@]}" "${GATEWAYS[@]}"; do launch "$name"; done
  for name in "${WORKERS[@]}" "${GATEWAYS[@]}"; do
    await "$name" "$BIN" health --admin "$HOST:$(admin_port "$name")" || return 1
  done
  launch nginx
  await "nginx" is_open "$(client_port nginx)"
}

# Ends processes by their ids: asked first, killed if that does not help.
end_pids() {
  local pid end=$((SECONDS + STOP_SECONDS))
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    while runs "$pid"; do
      if ((SECONDS > end)); then kill -KILL "$pid" 2>/dev/null || true; fi
      doze 0.02
    done
  done
}

# The ptyhosts of our workers: they outlive them, so that no worker knows their end.
ptyhosts() {
  local entry words
  for entry in /proc/[0-9]*; do
    { mapfile -d '' -t words <"$entry/cmdline"; } 2>/dev/null || continue
    if [ "${words[1]:-}" = ptyhost ] && [[ "${words[*]}" == *" $STATE/"* ]]; then
      printf '%s\n' "${entry#/proc/}"
    fi
  done
}

end_all() {
  local name group pids
  for group in nginx "${GATEWAYS[*]}" "${WORKERS[*]}"; do
    pids=()
    for name in $group; do [ -z "${PID_OF[$name]:-}" ] || pids+=("${PID_OF[$name]}"); done
    end_pids "${pids[@]}"
  done
  mapfile -t pids < <(ptyhosts)
  end_pids "${pids[@]}"
  [ -z "${PID_OF[redis]:-}" ] || end_pids "${PID_OF[redis]}"
  rm -rf "$STATE/pids" "$STATE/supervisor.pid"
}

start() {
  local name token failed="" program
  for program in "$BIN" nginx redis-server setsid; do
    command -v "$program" >/dev/null || fail "$program is missing: \`make cluster\` sets it up"
  done
  check_ports
  for name in nginx redis "${GATEWAYS[@]}" "${WORKERS[@]}" logs pids; do mkdir -p "$STATE/$name"; done
  chmod 700 "$STATE"
  "$BIN" keys --dir "$STATE/keys" >/dev/null
  configure
  printf '%s\n' $$ >"$STATE/supervisor.pid"
  trap 'ending=1' INT TERM HUP
  if start_all; then
    token="$(TERMFLEET__AUTH__SECRET_FILE="$STATE/keys/tokens.key" "$BIN" token)"
    printf '\nTermfleet runs as a cluster. Open this in a browser:\n\n  http://%s:%s/#token=%s\n\n' \
      "$HOST" "$(client_port nginx)" "$token"
    say "gateways ${GATEWAYS[*]} behind nginx, workers ${WORKERS[*]}, Redis on port $(client_port redis)"
    say "logs: $STATE/logs"
    say "Ctrl-C ends it with all shells; so does \`make cluster-stop\` in another terminal"
    while [ -z "$ending" ]; do watch_once; done
  else
    failed=1
  fi
  say "ending"
  end_all
  [ -z "$failed" ] || exit 1
  say "everything has ended"
}

stop() {
  local pid="" file left=()
  [ ! -e "$STATE/supervisor.pid" ] || pid="$(<"$STATE/supervisor.pid")"
  if runs "$pid" && grep -qz 'cluster/run.sh' "/proc/$pid/cmdline"; then
    kill -TERM "$pid"
    while runs "$pid"; do doze 0.05; done
    say "everything has ended"
    return
  fi
  # Its supervisor was killed: what it had started is ended here.
  for file in "$STATE"/pids/*; do
    [ -e "$file" ] || continue
    pid="$(<"$file")"
    if runs "$pid" && is_ours "$pid"; then left+=("$pid"); fi
  done
  mapfile -t -O "${#left[@]}" left < <(ptyhosts)
  if [ "${#left[@]}" = 0 ]; then
    say "no cluster runs on $STATE"
    return
  fi
  end_pids "${left[@]}"
  rm -rf "$STATE/pids" "$STATE/supervisor.pid"
  say "everything has ended"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  *) fail "run.sh start | stop" ;;
esac
