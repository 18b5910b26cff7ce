#!/usr/bin/env bash
# Makes sure that what the make targets need from the system is there: `packages.sh run|test|cluster`.
# Installs Debian packages where it may (root, or sudo without a password); else says what to do.
set -euo pipefail

# Where Debian puts nginx; root's PATH has it, others' does not.
PATH="$PATH:/usr/sbin"
need_command() { command -v "$1" >/dev/null 2>&1; }
fail() { printf 'termfleet: %s\n' "$*" >&2; exit 1; }

need_command cargo || fail "Rust is missing. Install it from https://rustup.rs, open a new shell, then try again."
need_command node || fail "Node.js is missing. Install Node.js 20.19 or newer (https://nodejs.org), then try again."
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
  || fail "Node.js $(node --version) is too old: 20.19 or newer is needed."
need_command npm || fail "npm is missing. It comes with Node.js (on Debian: apt install npm)."

# command:package pairs; a package is installed only if its command is missing.
wanted="cc:gcc git:git"
case "${1:-run}" in
  cluster) wanted="$wanted nginx:nginx-light redis-server:redis-server" ;;
  test)
    wanted="$wanted nginx:nginx-light redis-server:redis-server openssl:openssl"
    wanted="$wanted chromium:chromium vim:vim htop:htop ps:procps tmux:tmux"
    ;;
esac

missing=""
for pair in $wanted; do
  need_command "${pair%%:*}" || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0

if ! need_command apt-get; then
  fail "please install these with your system's package manager, then try again:$missing"
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo="sudo -n"
  $sudo true 2>/dev/null || fail "please run this, then try again: sudo apt-get install -y$missing"
fi
echo "termfleet: installing system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
# nginx and Redis are wanted as programs: the services that Debian would start with them stay off.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$sudo rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null \
  || fail "apt could not install:$missing. Install them by hand, then try again."
