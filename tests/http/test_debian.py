"""The Debian package and the steps of the Containerfile, in a clean Debian. `make test-long` runs these."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from app.version import __version__
from tests import support

pytestmark = [
    pytest.mark.slow,
    pytest.mark.repeated,
    pytest.mark.skipif(not support.often(0, 1), reason="`make test-long` makes a Debian"),
]
NAME, STATE, SETTINGS = "kazoo-connectivity", "var/lib/kazoo-connectivity", "etc/kazoo-connectivity.env"
# What the packages need, and what the image python:slim has.
PACKAGES = "adduser,ca-certificates,python3,python3-venv,util-linux"


def run(*command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return ended.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A clean Debian 12 as a tar file."""
    if os.geteuid():
        pytest.skip("only root can make a Debian to install into")
    for tool in ("mmdebstrap", "dpkg-deb"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed (`make tools`)")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("Debian 12 has Python 3.11, and a package is for the Python that it is built with")
    path = tmp_path_factory.mktemp("debian") / "debian.tar"
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", path)
    return path


class Debian:
    """A Debian in a folder."""

    def __init__(self, archive, root: Path):
        self.root = root
        root.mkdir()
        run("tar", "-xf", archive, "-C", root)

    def run(self, *command, user="root", **environment):
        return run(*self.command(*command, user=user, **environment))

    def command(self, *command, user="root", folder="/", **environment):
        """A command line of this machine that runs a command there."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        settings = [f"{name}={value}" for name, value in {"PATH": path, "HOME": "/root", **environment}.items()]
        switch = f'cd "{folder}" && exec "$@"'
        groups = ["--userspec", user] if user != "root" else []
        return ["chroot", *groups, str(self.root), "env", "-i", *settings, "sh", "-c", switch, "sh", *command]


@pytest.fixture
def debian(archive, tmp_path):
    made = Debian(archive, tmp_path / "root")
    yield made
    shutil.rmtree(made.root)


def build(folder: Path) -> Path:
    """The package of this checkout, built in a folder."""
    folder.mkdir()
    told = run("sh", "release/deb.sh", folder, cwd=support.ROOT, env={**os.environ, "PYTHON": sys.executable})
    return Path(told.strip())


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package of this checkout."""
    return build(tmp_path_factory.mktemp("package") / "first")


def trunk_over(url, api_key, account_id):
    """A trunk that was created over HTTP, read again."""
    login = requests.put(f"{url}/v2/api_auth", json={"data": {"api_key": api_key}}, timeout=120).json()
    headers, trunks = {"X-Auth-Token": login["auth_token"]}, f"{url}/v2/accounts/{account_id}/connectivity"
    made = requests.put(trunks, json={"data": {"name": "HQ"}}, headers=headers, timeout=120).json()["data"]["id"]
    return requests.get(f"{trunks}/{made}", headers=headers, timeout=120).json()["data"]


def as_its_unit_says(debian, port):
    """The service as systemd would start it, but for what only systemd can do."""
    unit = (debian.root / "lib/systemd/system/kazoo-connectivity.service").read_text()
    members = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    environment = dict([members["Environment"].split("=", 1)])
    lines = (debian.root / members["EnvironmentFile"].lstrip("-/")).read_text().splitlines()
    environment |= dict(line.split("=", 1) for line in lines if re.match("[A-Z_]+=", line))
    folder, user = members["WorkingDirectory"], members["User"]
    command = debian.command(*shlex.split(members["ExecStart"]), user=f"{user}:{user}", folder=folder, **environment)
    return support.Server(command, f"http://127.0.0.1:{port}")


def test_a_package_is_installed_upgraded_and_removed(debian, package, tmp_path):
    shutil.copy(package, debian.root / "root/first.deb")
    debian.run("dpkg", "--install", "/root/first.deb")
    settings = debian.root / SETTINGS
    assert settings.stat().st_mode & 0o777 == 0o640 and settings.group() != "root"
    assert debian.run(NAME, "--version") == f"{NAME} {__version__}\n"
    port = support.free_port()
    settings.write_text(settings.read_text().replace("#PORT=8000", f"PORT={port}") + "KAZOO_ZONE='a $b'\n")
    made = debian.run(NAME, "accounts", "create", "Acme", "--realm", "acme.example.com")
    account = dict(line.split() for line in made.splitlines())
    owner = (debian.root / STATE).stat().st_uid
    assert owner and {file.stat().st_uid for file in (debian.root / STATE).iterdir()} == {owner}

    service = as_its_unit_says(debian, port).start()
    try:
        trunk = trunk_over(service.url, account["api_key"], account["account_id"])
        assert trunk["name"] == "HQ"
        assert requests.get(f"{service.url}/health/ready", timeout=120).status_code == 200
    finally:
        service.stop()

    newer = tmp_path / "newer"
    run("dpkg-deb", "--raw-extract", package, newer)
    control = newer / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {__version__}", f"Version: {__version__}+1"))
    run("dpkg-deb", "--root-owner-group", "--build", newer, debian.root / "root/second.deb")
    debian.run("dpkg", "--install", "/root/second.deb")
    assert f"PORT={port}" in settings.read_text()
    listed = [json.loads(line) for line in debian.run(NAME, "trunks", "list", "--json").splitlines()]
    assert [(line["id"], line["name"]) for line in listed] == [(trunk["id"], "HQ")]
    backup = f"/{STATE}/backup.jsonl"
    debian.run(NAME, "export", "--output", backup)
    assert (debian.root / backup.lstrip("/")).stat().st_mode & 0o077 == 0

    debian.run("dpkg", "--remove", NAME)
    assert not (debian.root / "opt/kazoo-connectivity").exists() and f"PORT={port}" in settings.read_text()
    assert (debian.root / STATE / "store.sqlite3").exists()
    debian.run("dpkg", "--purge", NAME)
    assert not settings.exists() and (debian.root / STATE / "store.sqlite3").exists()


def test_the_same_commit_gives_the_same_package(package, tmp_path):
    again = build(tmp_path / "again")
    assert again.name == package.name and again.read_bytes() == package.read_bytes()


def test_the_steps_of_the_containerfile(debian, tmp_path):
    """Each step in one Debian, because there is no container engine here: what only an engine does is not tried."""
    wheels = debian.root / "wheels"
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--require-hashes",
        "--no-deps",
        "--wheel-dir",
        wheels,
        "-r",
        "requirements.lock",
        cwd=support.ROOT,
    )
    (debian.root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    folder, user, told = "/", "root", {}
    text = (support.ROOT / "Containerfile").read_text()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "WORKDIR":
            folder = rest
            (debian.root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY" and not rest.startswith("--from"):
            copy(rest.split()[0], debian.root / folder.lstrip("/"))
        elif word == "RUN":
            # The wheels are built anew from the same files, so they are not those that the lock file knows.
            run(*debian.command("sh", "-c", rest.replace("--require-hashes ", ""), folder=folder, **environment))
        elif word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "USER":
            user = rest
        elif word in ("ENTRYPOINT", "CMD"):
            told[word] = json.loads(rest)
        elif word == "HEALTHCHECK":
            told[word] = json.loads(rest.partition("CMD ")[2])
        else:
            assert word in ("", "#", "FROM", "COPY", "VOLUME", "EXPOSE", "STOPSIGNAL"), line
    port = str(support.free_port())
    start = debian.command(*told["ENTRYPOINT"], *told["CMD"], user=user, folder=folder, **environment, PORT=port)
    service = support.Server(start, f"http://127.0.0.1:{port}").start()
    try:
        assert requests.get(f"{service.url}/health/ready", timeout=120).status_code == 200
        run(*debian.command(*told["HEALTHCHECK"], user=user, folder=folder, PORT=port))
    finally:
        service.process_signal(15)
        assert service.process.wait(60) == 0
    assert {file.stat().st_uid for file in (debian.root / STATE).iterdir()} == {10001}
    broken = subprocess.run(
        debian.command(*told["HEALTHCHECK"], user=user, folder=folder, PORT=port), capture_output=True
    )
    assert broken.returncode == 1


def copy(what, target):
    """COPY of the Containerfile: of a file, or of all that git has."""
    names = run("git", "ls-files", cwd=support.ROOT).splitlines() if what == "." else [what]
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(support.ROOT / name, target / name)
