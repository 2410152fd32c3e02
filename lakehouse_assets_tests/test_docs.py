"""The documents: every command, option, make verb, setting, file and link that they name exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from lakehouse_assets import project
from lakehouse_assets.access.kafka import LOGIN
from lakehouse_assets.cli import app
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests import PROJECT

DOCUMENTS = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
CLI: click.Group = typer.main.get_command(app)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(
    r"(?:lakehouse_assets|lakehouse_assets_tests|docs|benchmarks|docker|\.ci)(?:/[\w.*-]+)+/?"
    r"|[A-Za-z_.-]+\.(?:md|toml|cfg|lock|yaml)"
)
MADE_LATER = {"supervisor.conf", "dagster.yaml", "compose.yaml", "alerts.toml"}
"""Files that the services write, or that are named without their folder."""


def read(document: Path) -> tuple[list[str], str]:
    """(lines of shell blocks, the text without any block)."""
    text = document.read_text()
    shell = [
        line for kind, body in FENCE.findall(text) if kind in {"sh", "bash", "console"} for line in body.splitlines()
    ]
    return shell, FENCE.sub("", text)


def commands(document: Path, program: str) -> Iterator[list[str]]:
    """The words of every call of a program, in shell blocks and code spans."""
    shell, prose = read(document)
    for line in [*(re.sub(r"(^|\s)#.*", "", line) for line in shell), *SPAN.findall(prose)]:
        for found in re.finditer(rf"(?:^|[\s/(\"$]){program} ([^|&;)#`]+)", line):
            yield shlex.split(found.group(1).replace('"', " ").replace("'", " "))


def verbs(words: list[str]) -> Iterator[list[str]]:
    """`up / down` and `up | demo` name several verbs."""
    for part in re.split(r"\s[/|]\s", " ".join(words)):
        yield part.split()


def problems_with(call: list[str], group: click.Group = CLI) -> list[str]:
    """What the command line would not understand."""
    verb, *rest = [word.strip("[].,:") for word in call]
    command = group.commands.get(verb)
    if command is None:
        return [] if verb.isupper() else [f"no verb {verb}"]
    if hasattr(command, "commands") and rest:
        return problems_with(rest, command)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return [f"{verb} has no {word}" for word in rest if word.startswith("-") and word.split("=")[0] not in known]


def named(paths: list[Path]):
    return pytest.mark.parametrize("document", paths, ids=lambda path: str(path.relative_to(PROJECT)))


@named(DOCUMENTS)
def test_every_lakehouse_command_exists(document):
    calls = [call for words in commands(document, "lakehouse") for call in verbs(words) if call]

    assert [problem for call in calls for problem in problems_with(call)] == []


@named(DOCUMENTS)
def test_every_make_verb_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {call[0] for words in commands(document, "make") for call in verbs(words) if call}

    assert {verb for verb in named if re.fullmatch(r"[a-z-]+", verb)} - targets == set()


@named(DOCUMENTS)
def test_every_file_and_folder_exists(document):
    shell, prose = read(document)
    found = {path.rstrip("/.") for text in [*shell, *SPAN.findall(prose)] for path in PATH.findall(text)} - MADE_LATER

    assert {path for path in found if not exists(path)} == set()


def exists(path: str) -> bool:
    """Relative to the project; a module's name stands for its file, a star for anything."""
    return any(any(PROJECT.glob(name)) for name in (path, f"{path}.py"))


@named(DOCUMENTS)
def test_every_link_between_documents_leads_somewhere(document):
    links = [link.split("#")[0] for link in LINK.findall(read(document)[1]) if not link.startswith(("http", "#"))]

    assert [link for link in links if not (document.parent / link).exists()] == []


@named(DOCUMENTS)
def test_every_setting_exists(document):
    known = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields} | {
        "LAKEHOUSE_STATE",
        LOGIN,
        project.VARIABLE,
    }
    found = set(re.findall(r"\bLAKEHOUSE_[A-Z0-9_]*[A-Z0-9]\b", document.read_text()))

    assert found - known == set()


def test_a_name_that_does_not_exist_is_noticed():
    """The test of the documents can fail."""
    assert problems_with(["status", "--depth"]) == ["status has no --depth"]
    assert problems_with(["explode"]) == ["no verb explode"]
    assert problems_with(["demo", "--rows", "20"]) == []
    assert problems_with(["new", "table", "gold/a/b", "--from", "silver/a/b"]) == []
    assert problems_with(["new", "table", "--nope"]) == ["table has no --nope"]
    assert not exists("lakehouse_assets/engine/no_such_file.py")
    assert exists("lakehouse_assets/engine/")
