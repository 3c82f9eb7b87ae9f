#!/bin/sh
# Builds all files of a release in dist/: wheel, source distribution, Debian package, bill of materials and checksums.
# They are the same, byte for byte, for the same commit, Python and machine.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' app/version.py)
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
grep -q "^## \[$version\]" CHANGELOG.md || {
  echo "CHANGELOG.md has no section for $version" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist
mkdir dist

# From what git has, and nothing else. The times of files are in the archives.
git archive --prefix=source/ HEAD | tar -x -C "$work"
find "$work/source" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
.venv/bin/python -m build --no-isolation --outdir "$work/built" "$work/source" >/dev/null
cp "$work"/built/*.whl dist/
# setuptools writes the time and the user of the build into a source distribution.
tar -xf "$work"/built/*.tar.gz -C "$work"
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu \
  -C "$work" -c "kazoo_connectivity-$version" | gzip -n -9 >"dist/kazoo_connectivity-$version.tar.gz"

if command -v dpkg-deb >/dev/null 2>&1; then
  (cd "$work/source" && sh release/deb.sh >/dev/null)
  cp "$work"/source/dist/*.deb dist/
else
  echo "no dpkg-deb: no Debian package" >&2
fi

printf '[project]\nname = "kazoo-connectivity"\nversion = "%s"\nlicense = "MIT"\n' "$version" >"$work/pyproject.toml"
PYTHONWARNINGS=ignore .venv-release/bin/cyclonedx-py requirements requirements.lock --pyproject "$work/pyproject.toml" --output-reproducible \
  --of JSON -o "dist/kazoo-connectivity-$version.cdx.json"
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
