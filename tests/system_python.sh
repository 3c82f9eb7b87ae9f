#!/bin/sh
# Run the unit tests with another Python than that of .venv, such as Debian's. $1 is its path.
# It needs neither pip nor ensurepip, which Debian leaves out.
set -eu
python=$1
version() { "$1" -c 'import sys; print(sys.version)'; }

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "skipped: $python is missing, or older than 3.11"
  exit 0
fi
if [ "$(version "$python")" = "$(version .venv/bin/python)" ]; then
  echo "skipped: $python is the Python that ran the tests"
  exit 0
fi
if [ ! -e .tools/system/.ready ] || [ requirements-test.lock -nt .tools/system/.ready ]; then
  rm -rf .tools/system
  "$python" -m venv --without-pip .tools/system
  .venv/bin/pip --python .tools/system/bin/python install --quiet --disable-pip-version-check \
    --require-hashes -r requirements-test.lock
  touch .tools/system/.ready
fi
"$python" --version
.tools/system/bin/python -m pytest --numprocesses 4 -m "not slow and not alone" tests/unit
