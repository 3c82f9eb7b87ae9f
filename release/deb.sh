#!/bin/sh
# Builds kazoo-connectivity_VERSION_ARCH.deb in a folder: a virtual environment for Debian's python3 below /opt, a
# systemd unit, a command, and /etc/kazoo-connectivity.env. It is the same, byte for byte, for the same commit and
# machine. Usage: sh release/deb.sh [FOLDER], which is dist/ of the checkout unless told, and must exist otherwise.
set -eu
umask 022
folder=${1:+$(cd "$1" && pwd)}
cd "$(dirname "$0")/.."
folder=${folder:-dist}
name=kazoo-connectivity home=/opt/kazoo-connectivity
python=${PYTHON:-python3}
minor=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' app/version.py)
arch=$(dpkg --print-architecture)
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/opt" "$root/usr/bin" "$root/etc" "$root/lib/systemd/system" "$root/usr/share/doc/$name" \
  "$root/DEBIAN" "$folder"
# `apt install ./dist/*.deb` would take any of them.
rm -f "$folder/${name}"_*.deb

# What the wheel needs has the versions and checksums of the lock file.
$python -m venv "$root$home"
pip="$root$home/bin/pip --disable-pip-version-check --quiet"
$pip install --require-hashes --no-compile -r requirements.lock
# Compiled files come and go while a service runs from this checkout.
tar -c --exclude=__pycache__ app schemas couchdb_views setup.cfg pyproject.toml README.md LICENSE MANIFEST.in |
  tar -x -C "$work"
(cd "$work" && $pip install --no-deps --no-build-isolation --no-index --no-compile .)
$pip uninstall --yes setuptools pip

# The environment was made elsewhere, and by another build of the same Python perhaps.
for link in "$root$home"/bin/python*; do rm "$link"; done
ln -s "/usr/bin/python$minor" "$root$home/bin/python3"
ln -s python3 "$root$home/bin/python"
rm -f "$root$home"/bin/[Aa]ctivate*
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$minor" >"$root$home/pyvenv.cfg"
grep -rlI "^#!$root" "$root$home/bin" | xargs -r sed -i "1s|^#!$root.*|#!$home/bin/python3|"
# Where it was built is nobody's business.
find "$root$home" -name direct_url.json -delete
find "$root$home" -name RECORD -exec sed -i -e '/direct_url.json/d' -e '/^\.\.\/\.\.\/\.\.\/bin\//d' {} +
$python -m compileall -q -s "$root" --invalidation-mode unchecked-hash "$root$home/lib"

install -m 755 release/debian/command "$root/usr/bin/$name"
install -m 644 docs/kazoo-connectivity.service "$root/lib/systemd/system/"
install -m 640 .env.example "$root/etc/$name.env"
install -m 644 LICENSE "$root/usr/share/doc/$name/copyright"
install -m 644 CHANGELOG.md "$root/usr/share/doc/$name/"
install -m 755 release/debian/postinst release/debian/prerm release/debian/postrm "$root/DEBIAN/"
echo "/etc/$name.env" >"$root/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@MINOR@/$minor/" -e "s/@SIZE@/$size/" \
  release/debian/control >"$root/DEBIAN/control"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$folder/" >/dev/null
echo "$folder/${name}_${version}_$arch.deb"
