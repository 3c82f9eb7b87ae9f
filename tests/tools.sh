#!/bin/sh
# Installs the servers that the tests run against, where they are missing and can be had: pouchdb-server and axe-core
# from npm, RabbitMQ, nginx, HAProxy and Chromium from apt. A test whose server is not there says so and skips.
set -u

# Node does not look at the certificates of the system by itself.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r $certificates ]; then
  export NODE_EXTRA_CA_CERTS=$certificates
fi

if [ ! -x .tools/node_modules/.bin/pouchdb-server ] && command -v npm >/dev/null 2>&1; then
  echo "installing pouchdb-server"
  mkdir -p .tools
  # A download that hangs is begun again.
  for attempt in 1 2 3; do
    timeout 150 npm install --prefix .tools --no-save --ignore-scripts --omit=optional --no-audit --no-fund \
      --loglevel=error --fetch-timeout=30000 pouchdb-server@4.2.0 >/dev/null && break
    echo "pouchdb-server could not be installed, attempt $attempt" >&2
  done
fi

# What finds barriers for people in the console. In a folder of its own, since npm removes what it was not asked for.
if [ ! -e .tools/axe/node_modules/axe-core/axe.min.js ] && command -v npm >/dev/null 2>&1; then
  echo "installing axe-core"
  mkdir -p .tools/axe
  timeout 150 npm install --prefix .tools/axe --no-save --ignore-scripts --omit=optional --no-audit --no-fund \
    --loglevel=error --fetch-timeout=30000 axe-core@4.10.3 >/dev/null || echo "axe-core could not be installed" >&2
fi

# Only an unbuilt Monster UI needs it. In a folder of its own, as above.
if [ -n "${MONSTER_UI_DIR:-}" ] && [ ! -x .tools/sass/node_modules/.bin/sass ] && command -v npm >/dev/null 2>&1; then
  echo "installing sass"
  mkdir -p .tools/sass
  timeout 150 npm install --prefix .tools/sass --no-save --ignore-scripts --omit=optional --no-audit --no-fund \
    --loglevel=error --fetch-timeout=30000 sass@1.77.8 >/dev/null || echo "sass could not be installed" >&2
fi

missing=""
for pair in rabbitmq-server:rabbitmq-server nginx:nginx haproxy:haproxy chromium:chromium chromedriver:chromium-driver; do
  PATH="$PATH:/usr/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
if [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  # The packages must not start servers of their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  apt-get update -qq >/dev/null
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null || echo "not installed:$missing" >&2
fi
exit 0
