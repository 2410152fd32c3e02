"""Routes by owner, severity, kind and table; faults are named, secrets never."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from lakehouse_assets.engine.alerts import channels, routing
from lakehouse_assets.engine.alerts.conditions import Condition
from lakehouse_assets.errors import SettingsError
from lakehouse_assets.settings import Settings

CHANNELS = """
[channels]
ops = "json://127.0.0.1:9/ops"
data = "json://127.0.0.1:9/data"
pager = "json://127.0.0.1:9/S3cretToken"
"""
ROUTES = f"""
default = ["ops"]
remind_hours = 24
{CHANNELS}
[[routes]]
owner = "team:sales-data"
channels = ["data"]
[[routes]]
severity = "error"
kinds = ["check", "run"]
tables = ["gold/*", "silver/sales/*"]
channels = ["data", "pager"]
remind_hours = 2
"""


def load(tmp_path, text: str) -> routing.Routes:
    (tmp_path / "alerts.toml").write_text(text)
    return routing.load(Settings(home=tmp_path))


def failing(**fields) -> Condition:
    return Condition("k", failing=True, at=0.0, **fields)


@pytest.mark.parametrize(
    ("condition", "expected", "hours"),
    [
        (failing(owner="team:sales-data", table="bronze/sales/x", kind="lag"), ("data",), 0),
        (failing(owner="team:sales-data", table="silver/sales/x"), ("data", "pager"), 2),
        (failing(owner="team:other", table="gold/sales/x", kind="run"), ("data", "pager"), 2),
        (failing(owner="team:other", table="gold/sales/x", kind="freshness"), ("ops",), 24),
        (failing(owner="team:other", table="gold/sales/x", severity="warn"), ("ops",), 24),
        (failing(), ("ops",), 24),
    ],
)
def test_every_route_that_fits_adds_its_channels(tmp_path, condition, expected, hours):
    routes = load(tmp_path, ROUTES)
    assert routes.channels_of(condition) == expected
    assert routes.remind_hours(condition) == hours


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("default = [", "it is no TOML"),
        ('default = ["nobody"]' + CHANNELS, "there is no channel 'nobody' (there are: ops, data, pager)"),
        (CHANNELS + '[[routes]]\nseverity = "fatal"\nchannels = ["ops"]', "routes.0.severity"),
        (CHANNELS + '[[routes]]\nchannels = ["ops"]\ntable = "x"', "routes.0.table"),
        (CHANNELS + "[[routes]]\nchannels = []", "routes.0.channels"),
        (CHANNELS + '[[routes]]\nchannels = ["ops"]\nremind_hours = -1', "routes.0.remind_hours"),
        ('[channels]\nodd = "nonsense://S3cretToken"', "channels.odd is no URL that apprise understands"),
        ('[channels]\nodd = ["json://S3cretToken"]', "channels.odd"),
    ],
)
def test_a_fault_is_named_and_no_secret(tmp_path, text, fault):
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, text)
    assert fault in str(raised.value)
    assert "S3cretToken" not in str(raised.value)
    assert "lakehouse alerts routes" in str(raised.value)


def test_no_file_tells_nobody_but_one_that_was_named_must_exist(tmp_path):
    assert routing.load(Settings(home=tmp_path)) is None
    with pytest.raises(SettingsError, match="No such file"):
        routing.load(Settings(home=tmp_path, alerts_file=tmp_path / "elsewhere.toml"))


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://user:p%40ssw0rd@mail.example.org?to=a@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "jsons://example.org/path/S3cretToken?+Authorization=Bearer%20xyz123",
    ],
)
def test_of_a_url_only_its_kind_is_ever_shown(url):
    """Also in what apprise, a proxy or a server says of it, encoded or not."""
    secret = SecretStr(url)
    assert channels.shown(secret) == f"{url.split(':')[0]}://***"
    said = channels.redact(secret, f"could not reach {url} p@ssw0rd Bearer xyz123 TIiajkdnlazkcOXrIdevi7FQ S3cretToken")
    for part in ("p%40ssw0rd", "p@ssw0rd", "TIiajkdnlazkcOXrIdevi7FQ", "T1JJ3T3L2", "S3cretToken", "xyz123"):
        if part in url or (part in ("p@ssw0rd",) and "p%40" in url):
            assert part not in said
    assert url not in repr(secret)
