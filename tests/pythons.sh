#!/bin/sh
# Runs the quick unit tests with every Python from 3.11 on that this machine has, but for the one that `make test` uses.
# It needs neither pip nor ensurepip of these, which Debian leaves out.
set -eu

# Where one of these is newer, an environment is made anew.
MADE_FROM="requirements-test.lock setup.cfg tests/pythons.sh"

say() { "$1" -c "import sys; print($2)" 2>/dev/null; }

candidates() {
  for version in 3.11 3.12 3.13 3.14; do
    command -v uv >/dev/null 2>&1 && uv python find --no-python-downloads --no-project "$version" 2>/dev/null
    echo "python$version"
    ls "$HOME/.pyenv/versions/$version".*/bin/python 2>/dev/null
  done
  echo /usr/bin/python3
}

seen=$(say .venv/bin/python sys.version)
tried=0
for python in $(candidates || true); do
  [ "$(say "$python" 'sys.version_info >= (3, 11)' || true)" = True ] || continue
  version=$(say "$python" sys.version)
  case "$seen" in *"$version"*) continue ;; esac
  seen="$seen|$version"
  tried=$((tried + 1))
  name=$(say "$python" '".".join(map(str, sys.version_info[:3]))')
  folder=.tools/python-$name
  if [ ! -e "$folder/.ready" ] || [ -n "$(find $MADE_FROM -newer "$folder/.ready")" ]; then
    rm -rf "$folder"
    "$python" -m venv --without-pip "$folder"
    .venv/bin/pip --python "$folder/bin/python" install --quiet --disable-pip-version-check \
      --require-hashes -r requirements-test.lock
    .venv/bin/pip --python "$folder/bin/python" install --quiet --disable-pip-version-check \
      --no-deps --no-build-isolation -e .
    touch "$folder/.ready"
  fi
  echo "Python $name"
  "$folder/bin/python" -m pytest --numprocesses 4 -m "not slow" tests/unit
done
[ "$tried" -gt 0 ] || echo "skipped: this machine has no other Python from 3.11 on"
