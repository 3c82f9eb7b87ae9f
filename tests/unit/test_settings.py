"""Settings: what can be meant is taken, what cannot is refused by name."""

import dataclasses
import re

import pytest

from app.couchdb_url import parse_address
from app.settings import Settings, SettingsError
from tests.support import ROOT

GOOD = {
    "COUCHDB_URL": "http://u:p@127.0.0.1:5984, https://[::1]",
    "COUCHDB_TIMEOUT": "0.5",
    "AMQP_URL": "amqps://guest:guest@rabbit.example.com/%2F",
    "HOST": "::1",
    "PORT": "65535",
    "METRICS_PORT": "1",
    "WORKERS": "1",
    "THREADS": "1",
    "QUEUE_SECONDS": "0.1",
    "LOG_LEVEL": "debug",
    "PBXS_API_URL": "https://api.example.com/v2",
}


def test_what_can_be_meant():
    settings = Settings.from_environment(GOOD)
    assert settings.couchdb_urls == ["http://u:p@127.0.0.1:5984", "https://[::1]"]
    assert (settings.couchdb_timeout, settings.queue_seconds, settings.log_level) == (0.5, 0.1, "DEBUG")
    assert settings.address == "[::1]:65535"
    assert (settings.amqp_url, settings.pbxs_api_url) == (GOOD["AMQP_URL"], GOOD["PBXS_API_URL"])
    assert [str(settings.workers), str(settings.threads), str(settings.metrics_port)] == [
        GOOD["WORKERS"],
        GOOD["THREADS"],
        GOOD["METRICS_PORT"],
    ]


@pytest.mark.parametrize(
    ("text", "url", "credentials"),
    [
        ("http://host", "http://host", None),
        ("https://[::1]:6984/prefix/", "https://[::1]:6984/prefix", None),
        ("http://admin:secret@host:5984", "http://host:5984", ("admin", "secret")),
        ("http://admin:pa:ss@host", "http://host", ("admin", "pa:ss")),
        ("http://admin:p@ss@host", "http://host", ("admin", "p@ss")),
        ("http://admin:p/?#ss@host", "http://host", ("admin", "p/?#ss")),
        ("http://admin:pa,ss@host", "http://host", ("admin", "pa,ss")),
        ("http://admin:50%@host", "http://host", ("admin", "50%")),
        ("http://a%40b:p%3A%2C%25%40@host", "http://host", ("a@b", "p:,%@")),
        ("http://admin:@host", "http://host", ("admin", "")),
        ("http://admin:ünï@host", "http://host", ("admin", "ünï")),
    ],
)
def test_the_parts_of_a_couchdb_url(text, url, credentials):
    assert Settings.from_environment({"COUCHDB_URL": text}).couchdb_urls == [text]
    address = parse_address(text)
    assert (address.url, address.credentials) == (url, credentials) and "secret" not in repr(address)


@pytest.mark.parametrize("between", [",", ", ", " ,"])
def test_the_nodes_of_a_couchdb_url(between):
    nodes = ["http://admin:pa,ss@one:5984", "https://two", "http://admin:x,y@three"]
    assert Settings.from_environment({"COUCHDB_URL": between.join(nodes) + ","}).couchdb_urls == nodes


def test_a_metrics_port_of_0_is_none():
    assert Settings.from_environment({"METRICS_PORT": "0"}).metrics_port is None


def test_what_is_empty_is_absent():
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = [found[1] for line in lines if (found := re.match("#([A-Z_]+)=", line))]
    assert set(GOOD) < set(names) and len(names) == len(dataclasses.fields(Settings))
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings()


@pytest.mark.parametrize(
    "name, value",
    [
        ("COUCHDB_URL", "foo"),
        ("COUCHDB_URL", "ftp://u:s3cret@host"),
        ("COUCHDB_URL", "http://u:s3cret@host:port"),
        ("COUCHDB_URL", "http://u:s3cret@host,http://"),
        ("COUCHDB_URL", "http://s3cret@host"),
        ("COUCHDB_URL", "http://:s3cret@host"),
        ("COUCHDB_URL", "http://u:s3cret@host:0"),
        ("COUCHDB_URL", "http://u:s3cret@"),
        ("COUCHDB_URL", "http://u:s3cret@one,two:5984"),
        ("COUCHDB_URL", "http://u:a,http://s3cret@host"),
        ("COUCHDB_URL", "http://u:s3cret@host/?a=b"),
        ("COUCHDB_URL", "http://u:s3cret@ho st"),
        ("COUCHDB_URL", "http://u:s3cret@a..b"),
        ("COUCHDB_URL", "http://u:s3cret@höst"),
        ("COUCHDB_TIMEOUT", "0"),
        ("COUCHDB_TIMEOUT", "nan"),
        ("COUCHDB_TIMEOUT", "inf"),
        ("AMQP_URL", "http://u:s3cret@host"),
        ("AMQP_URL", "amqp://u:s3cret@host:65536"),
        ("HOST", "[::1]"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("METRICS_PORT", "-1"),
        ("METRICS_PORT", "65535"),
        ("WORKERS", "0"),
        ("WORKERS", "2.5"),
        ("THREADS", "0"),
        ("QUEUE_SECONDS", "0"),
        ("QUEUE_SECONDS", "inf"),
        ("LOG_LEVEL", "chatty"),
        ("PIN_WORKERS", "perhaps"),
        ("MAX_BUFFERED", "31"),
        ("PBXS_API_URL", "api.example.com"),
    ],
)
def test_what_cannot_is_refused_by_name_and_not_repeated(name, value):
    with pytest.raises(SettingsError, match=f"^{name} must") as refusal:
        Settings.from_environment({**GOOD, name: value})
    assert "s3cret" not in str(refusal.value)
