"""`lakehouse new table`: first drafts of a table's file and its test, ready to run and to be changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lakehouse_assets.cli import drafts
from lakehouse_assets.engine.naming import topic_fault
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import PROJECT

_KEY = re.compile(r"(bronze|silver|gold)/([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)")
_BELOW = {"silver": "bronze", "gold": "silver"}
_TESTS = "lakehouse_assets_tests"


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="Write first drafts.", no_args_is_help=True)
    group.callback()(_drafts)
    group.command()(table)
    app.add_typer(group, name="new")


def _drafts() -> None:
    """Write first drafts."""


def table(
    key: Annotated[str, typer.Argument(help="layer/domain/table, e.g. gold/sales/daily_payments", metavar="KEY")],
    topic: Annotated[str, typer.Option(help="Bronze needs it: the Kafka topic; a silver table is drafted, too")] = "",
    source: Annotated[str, typer.Option("--from", help="Silver and gold need it: the key of the table below")] = "",
) -> None:
    """Write a first draft of a table's file and its test; both run as they are."""
    console = Console(soft_wrap=True)
    for path, text in write(PROJECT, drafted(key, topic, source)).items():
        console.print(f"wrote {path} ({len(text.splitlines())} lines)")
    console.print("Change columns, rules and transform; then `lakehouse catalog --write`.")


def drafted(key: str, topic: str, source: str) -> dict[str, str]:
    """The drafts' text by path in the project.

    Raises:
        LakehouseError: the key or the options make no table; says which do.
    """
    layer, domain, name = parts(key)
    _check_options(key, layer, topic, source)
    if layer == "bronze":
        silver = f"silver/{domain}/{name}"
        bronze = {_path(key): drafts.bronze(key, topic)}
        return bronze | {_path(silver): drafts.silver(silver, key), _test_path(silver): drafts.silver_test(silver)}
    if layer == "silver":
        return {_path(key): drafts.silver(key, source), _test_path(key): drafts.silver_test(key)}
    return {_path(key): drafts.gold(key, source), _test_path(key): drafts.gold_test(key)}


def _check_options(key: str, layer: str, topic: str, source: str) -> None:
    below = _BELOW.get(layer)
    if bool(topic) != (below is None) or bool(source) != (below is not None):
        needed = "--topic, the Kafka topic" if below is None else f"--from, the key of a {below} table"
        raise LakehouseError(f"a {layer} table needs {needed}, and nothing else", where=key, do="Give that option")
    if topic and (fault := topic_fault(topic)):
        raise LakehouseError(f"topic {topic!r} {fault}", where=key, do="Give the name of another topic")
    if below is None:
        return
    if parts(source)[0] != below or not (PROJECT / _path(source)).exists():
        raise LakehouseError(
            f"there is no {below} table {source}", where=key, do="`lakehouse catalog` lists the tables there are"
        )


def parts(key: str) -> tuple[str, str, str]:
    """Layer, domain and table of a key.

    Raises:
        LakehouseError: it is none.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise LakehouseError(
            "this is no table's key",
            where=key or "(none)",
            do="Give LAYER/DOMAIN/TABLE in small letters, e.g. gold/sales/refunds",
        )
    return found[1], found[2], found[3]


def write(project: Path, texts: Mapping[str, str]) -> Mapping[str, str]:
    """Writes the drafts; none when one of them exists already.

    Raises:
        LakehouseError: a file is there already.
    """
    for path in texts:
        if (project / path).exists():
            raise LakehouseError("the file exists already", where=path, do="Choose another key, or change that file")
    for path, text in texts.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)
    return texts


def _path(key: str) -> str:
    layer, domain, name = parts(key)
    return f"lakehouse_assets/{layer}/{domain}_{name}.py"


def _test_path(key: str) -> str:
    layer, domain, name = parts(key)
    return f"{_TESTS}/{layer}/test_{domain}_{name}.py"
