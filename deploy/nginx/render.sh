#!/usr/bin/env bash
# Fills in `nginx.conf.template` from the environment and prints the configuration:
#
#   GATEWAYS="10.0.0.1:4001 10.0.0.2:4001" CERTIFICATE=/etc/tls/cert.pem KEY=/etc/tls/key.pem \
#     deploy/nginx/render.sh >/etc/nginx/nginx.conf && nginx -t
#
# variable                default                     what it is
# GATEWAYS                (needed)                    host:port of every gateway, separated by spaces
# LISTEN                  443 with TLS, else 127.0.0.1:8080   where clients come in, as in `listen`
# CERTIFICATE, KEY        (none: no TLS)              PEM files; without them only for loopback or behind
#                                                     a proxy that ends TLS
# REDIRECT_LISTEN         (none)                      with TLS: where plain HTTP is sent on to HTTPS
# PROXIES                 (none)                      networks whose X-Forwarded-For is believed: proxies
#                                                     in front of this one, never clients
# HANDSHAKE_RATE          20r/s                       sockets that one client may open, and
# HANDSHAKE_BURST         200                         how many at once beyond that; then 429
# CONNECTIONS_PER_CLIENT  1024                        requests and sockets of one client at once; then 503
# SOCKET_TIMEOUT          75s                         silence after which a socket is given up: five pings
# SHUTDOWN_TIMEOUT        1h                          how long sockets outlive a reload
# WORKERS                 auto                        processes
# RUN_AS                  (nginx's own choice)        user of the worker processes, if the master is root
# STATE                   /run                        directory of nginx.pid
# LOGS                    /var/log/nginx              directory of access.log and error.log
#
# The gateways must believe this nginx: its address belongs in their `server.proxies`.
set -euo pipefail

fail() { printf 'render.sh: %s\n' "$*" >&2; exit 64; }

GATEWAYS="${GATEWAYS:-}"
CERTIFICATE="${CERTIFICATE:-}" KEY="${KEY:-}" REDIRECT_LISTEN="${REDIRECT_LISTEN:-}"
PROXIES="${PROXIES:-}" RUN_AS="${RUN_AS:-}"
HANDSHAKE_RATE="${HANDSHAKE_RATE:-20r/s}" HANDSHAKE_BURST="${HANDSHAKE_BURST:-200}"
CONNECTIONS_PER_CLIENT="${CONNECTIONS_PER_CLIENT:-1024}"
SOCKET_TIMEOUT="${SOCKET_TIMEOUT:-75s}" SHUTDOWN_TIMEOUT="${SHUTDOWN_TIMEOUT:-1h}"
WORKERS="${WORKERS:-auto}" STATE="${STATE:-/run}" LOGS="${LOGS:-/var/log/nginx}"

[ -n "$GATEWAYS" ] || fail "GATEWAYS is not set: name host:port of every gateway"
if [ -n "$CERTIFICATE$KEY" ]; then
  [ -r "$CERTIFICATE" ] || fail "CERTIFICATE=$CERTIFICATE cannot be read"
  [ -r "$KEY" ] || fail "KEY=$KEY cannot be read"
  LISTEN="${LISTEN:-443}"
else
  LISTEN="${LISTEN:-127.0.0.1:8080}"
  [ -z "$REDIRECT_LISTEN" ] || fail "REDIRECT_LISTEN needs CERTIFICATE and KEY"
fi
# A value is one word: nothing in it may end the directive that it stands in.
for name in LISTEN CERTIFICATE KEY REDIRECT_LISTEN HANDSHAKE_RATE HANDSHAKE_BURST WORKERS RUN_AS \
  CONNECTIONS_PER_CLIENT SOCKET_TIMEOUT SHUTDOWN_TIMEOUT STATE LOGS; do
  [[ "${!name}" =~ ^[A-Za-z0-9_./:@+-]*$|^\[[0-9a-f:]+\]:[0-9]+$ ]] || fail "$name='${!name}' is not one plain word"
done
for value in $GATEWAYS $PROXIES; do
  [[ "$value" =~ ^[][A-Za-z0-9_./:-]+$ ]] || fail "'$value' is not an address"
done

lines() { # lines PATTERN WORD...: one line for each word, which stands for %
  local pattern="$1" text="" word
  shift
  for word in "$@"; do text="$text${text:+$'\n'        }${pattern//%/$word}"; done
  printf '%s' "$text"
}

USER_LINE=""
[ -z "$RUN_AS" ] || USER_LINE="user $RUN_AS;"
# shellcheck disable=SC2086
GATEWAY_LINES="$(lines 'server % max_fails=2 fail_timeout=2s;' $GATEWAYS)"
# shellcheck disable=SC2086
PROXY_LINES="$(lines 'set_real_ip_from %;' $PROXIES)"
LISTEN_TLS="" TLS_LINES="" REDIRECT_SERVER=""
if [ -n "$CERTIFICATE" ]; then
  LISTEN_TLS=" ssl"
  TLS_LINES="ssl_certificate $CERTIFICATE;
        ssl_certificate_key $KEY;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
        ssl_prefer_server_ciphers off;
        ssl_session_cache shared:sessions:10m;
        ssl_session_tickets off;"
fi
if [ -n "$REDIRECT_LISTEN" ]; then
  REDIRECT_SERVER="server {
        listen $REDIRECT_LISTEN;
        return 308 https://\$host\$request_uri;
    }"
fi

template="$(<"$(dirname "${BASH_SOURCE[0]}")/nginx.conf.template")"
for name in USER_LINE WORKERS STATE LOGS SHUTDOWN_TIMEOUT PROXY_LINES HANDSHAKE_RATE GATEWAY_LINES \
  REDIRECT_SERVER LISTEN LISTEN_TLS TLS_LINES HANDSHAKE_BURST CONNECTIONS_PER_CLIENT SOCKET_TIMEOUT; do
  template="${template//"\${$name}"/"${!name}"}"
done
printf '%s\n' "$template"
