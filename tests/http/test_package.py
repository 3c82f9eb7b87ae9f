"""The package, built and installed away from the checkout, as an operator does it."""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv

import pytest
import requests

from app.version import __version__
from tests import support

pytestmark = pytest.mark.slow

# What the source distribution leaves out: it concerns the repository, not the project.
ONLY_IN_GIT = (".ci/", ".gitignore")
NEVER = {".git", ".tools", ".venv", "data", "__pycache__"}
# Other processes may write in them meanwhile.
CACHES = (".*_cache", ".hypothesis", ".coverage*", "*.egg-info")


def run(*command, cwd=support.ROOT):
    ended = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The unpacked source distribution. It is built from a copy, because the tool works among the sources."""
    directory, copy = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("checkout") / "copy"
    shutil.copytree(support.ROOT, copy, ignore=shutil.ignore_patterns(*NEVER, *CACHES))
    for name in NEVER:
        (copy / name).mkdir()
        (copy / name / "private.json").touch()
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", directory, cwd=copy)
    (archive,) = directory.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        # Python 3.11.0 to 3.11.3 have no filters; the archive is our own.
        packed.extractall(directory, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return directory / archive.name.removesuffix(".tar.gz")


def test_the_source_distribution_is_the_whole_repository(source):
    if not (support.ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    tracked = {name for name in run("git", "ls-files").splitlines() if not name.startswith(ONLY_IN_GIT)}
    packed = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert tracked | {"LICENSE"} <= set(map(str, packed))
    assert not any(NEVER.intersection(path.parts) for path in packed)
    tested = run(sys.executable, "-m", "pytest", "-q", "tests/unit/test_settings.py", cwd=source)
    assert " passed" in tested


def test_the_wheel_serves_in_an_empty_folder(source, tmp_path):
    """Installed into an environment of its own, with nothing of the checkout at hand."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    copy = shutil.copytree(source, tmp_path / "source")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, cwd=copy)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(environment)
    # What it needs is that of the tests, without the checkout: a path in a .pth file leads to no further .pth files.
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", "--quiet", "--no-deps", wheel)
    command = environment / "bin/kazoo-connectivity"
    empty.mkdir()
    assert run(command, "--version", cwd=empty) == f"kazoo-connectivity {__version__}\n"
    port = support.free_port()
    command = [str(command), "serve", "--demo", "--port", str(port)]
    server = support.Server(command, f"http://127.0.0.1:{port}", support.NO_SERVERS, cwd=empty)
    server.environment.pop("DATA_DIR", None)
    try:
        server.start()
        demo = dict(line.split("=", 1) for line in (empty / "data/demo.env").read_text().splitlines())
        login = requests.put(
            f"{demo['URL']}/api_auth", json={"data": {"api_key": demo["API_KEY"]}}, timeout=120
        ).json()
        trunks = f"{demo['URL']}/accounts/{demo['ACCOUNT_ID']}/connectivity"
        headers = {"X-Auth-Token": login["auth_token"]}
        created = requests.put(trunks, json={"data": {"name": "HQ"}}, headers=headers, timeout=120).json()["data"]
        read = requests.get(f"{trunks}/{created['id']}", headers=headers, timeout=120).json()["data"]
        assert read == created and read["name"] == "HQ" and read["servers"] == []
        assert requests.get(trunks, headers=headers, timeout=120).json()["data"] == [created["id"]]
        assert requests.get(f"{server.url}/health/ready", timeout=120).status_code == 200
        assert "/api_auth" in requests.get(f"{server.url}/openapi.json", timeout=120).json()["paths"]
        for path in ("/docs", "/docs/docs.js", "/docs/docs.css", "/docs/swagger-ui-bundle.js", "/console/theme.js"):
            assert "content-security-policy" in requests.get(server.url + path, timeout=120).headers, path
    finally:
        server.stop()
