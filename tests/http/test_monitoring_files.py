"""The alert rules and the dashboard of docs/monitoring use metrics and labels that `/metrics` has."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import requests
import yaml

from tests import support

pytestmark = pytest.mark.slow

FOLDER = support.ROOT / "docs/monitoring"
# Prometheus adds these to whatever it reads.
OF_PROMETHEUS = {"instance", "job"}
# What happens too rarely to wait for it.
RARE = """
from app import metrics
metrics.node_asked("a:1"); metrics.node_failed("a:1"); metrics.node_down("a:1", True); metrics.conflict_met("lost")
from prometheus_client import generate_latest
print(generate_latest(metrics.registry()).decode())
"""


def expressions():
    """The expressions of the rules and of the panels, each with its place."""
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


def samples(text):
    """The names of the metrics in a text of Prometheus, and the names of their labels."""
    found = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


@pytest.fixture(scope="module")
def known(world_on):
    """What a service on CouchDB tells, and what it would tell of rare things."""
    world, port = world_on("couchdb"), support.free_port()
    server = support.service({**world.environment, "METRICS_PORT": str(port)}).start()
    try:
        person = world.person("Watched", "watched.example.com", world.master)
        support.Api(server.url, person).create({"name": "a"})
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text
    finally:
        server.stop()
    told = samples(text)
    assert told["connectivity_requests_total"] == {"noun", "verb", "status"}
    rare = subprocess.run([sys.executable, "-c", RARE], cwd=support.ROOT, capture_output=True, text=True, check=True)
    return {**samples(rare.stdout), **told}


def test_every_metric_and_label_exists(known):
    used = set()
    for place, expression in expressions():
        names = set(re.findall(r"\b(connectivity_\w+)", expression))
        used |= names
        assert names <= known.keys(), (place, names - known.keys())
        labels = set(re.findall(r"(\w+)=~?\"", expression))
        labels |= {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
        has = set().union(*(known[name] for name in names)) | OF_PROMETHEUS
        assert labels <= has, (place, labels - has)
    ours = {
        name
        for name in known
        if name.startswith("connectivity_") and not name.endswith(("_created", "_count", "_sum"))
    }
    assert used == ours


def test_prometheus_accepts_the_rules():
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    ended = subprocess.run(
        ["promtool", "check", "rules", FOLDER / "alerts.yml"], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_is_explained():
    page = (support.ROOT / "docs/operate.md").read_text()
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert f"`{rule['alert']}`" in page and rule["annotations"].keys() == {"summary", "description"}
