"""Jars: no address in the bill of materials, a stamp that spares the second run, one line when some are missing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import jars, java, logstore


@pytest.fixture
def resolved(tmp_path, monkeypatch):
    """A folder in which every process has two jars, as if Ivy had run."""
    monkeypatch.setattr(jars, "folder", lambda: tmp_path)
    found = {process: ["a-1.jar", "b-2.jar"] for process in jars.PROCESSES}
    for process, names in found.items():
        (tmp_path / process).mkdir()
        for name in names:
            (tmp_path / process / name).touch()
    digest = hashlib.sha256(jars.BILL_OF_MATERIALS.read_bytes() + logstore.SOURCE.read_bytes()).hexdigest()
    (tmp_path / jars.STAMP).write_text(json.dumps({"hash": digest, "jars": found}))
    return tmp_path


@pytest.fixture
def no_process(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)


def test_the_bill_of_materials_has_fixed_versions_and_no_address():
    text = jars.BILL_OF_MATERIALS.read_text()
    versions = [each.get("rev", "") for each in ET.fromstring(text).iter("dependency")]

    assert "://" not in text
    assert "://" not in jars.IVY_SETTINGS
    assert all(version and version[0].isdigit() and "+" not in version for version in versions)


def test_a_second_run_does_nothing(resolved, no_process):
    assert jars.resolve() is False


def test_a_changed_bill_of_materials_is_resolved_again(resolved, monkeypatch, tmp_path_factory):
    changed = tmp_path_factory.mktemp("changed") / "ivy.xml"
    changed.write_text(jars.BILL_OF_MATERIALS.read_text() + "\n")
    monkeypatch.setattr(jars, "BILL_OF_MATERIALS", changed)

    assert jars.missing("spark") == ["all of them"]


def test_a_missing_jar_is_one_line_that_names_it_and_says_what_to_do(resolved):
    (resolved / "spark" / "b-2.jar").unlink()

    with pytest.raises(ServiceError, match=r"b-2\.jar.*lakehouse up") as raised:
        jars.classpath("spark")

    assert "\n" not in str(raised.value)
    assert jars.missing("kafka") == []


def test_the_reason_of_a_failed_resolve_is_its_most_telling_line():
    output = ":: resolving\n\tServer access error at x: PKIX path building failed: y\n:: UNRESOLVED DEPENDENCIES ::"

    assert "PKIX path building failed" in jars._reason(output)


def test_a_proxy_is_told_to_java(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("https_proxy", raising=False)

    assert "-Dhttps.proxyHost=proxy.example" in jars._proxy_options()
    assert "-Dhttps.proxyPort=3128" in jars._proxy_options()


def test_java_runs():
    assert "21" in java.version()
