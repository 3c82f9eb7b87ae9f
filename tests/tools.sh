#!/bin/sh
# Installs the servers that the tests run against, where they are missing and can be had: pouchdb-server, axe-core and
# sass from npm, RabbitMQ, nginx, HAProxy, Chromium and mmdebstrap from apt. A test whose server is not there says so and skips.
set -u

# Node does not look at the certificates of the system by itself.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r $certificates ]; then
  export NODE_EXTRA_CA_CERTS=$certificates
fi

missing=""

# The lock file names exact versions and their checksums, but no address: npm asks the registry that it is set up with.
if ! cmp -s tests/npm/package-lock.json .tools/package-lock.json; then
  if command -v npm >/dev/null 2>&1; then
    echo "installing pouchdb-server, axe-core and sass"
    mkdir -p .tools
    cp tests/npm/package.json .tools/
    # A download that hangs is begun again.
    for attempt in 1 2 3; do
      cp tests/npm/package-lock.json .tools/
      timeout 150 npm ci --prefix .tools --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error \
        --no-update-notifier --fetch-timeout=30000 >/dev/null && break
      rm -f .tools/package-lock.json
      echo "attempt $attempt failed" >&2
    done
    [ -e .tools/package-lock.json ] || missing="$missing pouchdb-server axe-core sass"
  else
    missing="$missing npm"
  fi
fi

# Whether a program is there. Instead of the small Chromium, which is quicker, the large one will do.
is_there() {
  PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return 0
  [ "$1" = chromium-headless-shell ] && command -v chromium >/dev/null 2>&1 &&
    { [ "$(id -u)" != 0 ] || ! apt-cache show chromium-headless-shell >/dev/null 2>&1; }
}

wanted=""
for pair in rabbitmq-server:rabbitmq-server nginx:nginx haproxy:haproxy mmdebstrap:mmdebstrap \
  chromium-headless-shell:chromium-headless-shell chromedriver:chromium-driver; do
  is_there "${pair%%:*}" || wanted="$wanted ${pair##*:}"
done
# The driver has to be of the browser's version.
case "$wanted" in
  *chromium-driver*) ;;
  *chromium-headless-shell*) wanted="$wanted chromium-driver" ;;
esac
if [ -n "$wanted" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing$wanted"
  export DEBIAN_FRONTEND=noninteractive
  # The packages must not start servers of their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  apt-get update -qq >/dev/null
  apt-cache show chromium-headless-shell >/dev/null 2>&1 ||
    wanted=$(echo "$wanted" | sed s/chromium-headless-shell/chromium/)
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $wanted >/dev/null && wanted=""
fi
missing="$missing$wanted"
[ -z "$missing" ] || echo "not installed:$missing. Tests that need these are skipped." >&2
exit 0
