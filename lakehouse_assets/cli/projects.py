"""`lakehouse new project`: a small project of one's own, with a table in each layer, ready to run."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import typer
from rich.console import Console

from lakehouse_assets.errors import LakehouseError

_TEMPLATE: Final = Path(__file__).with_name("template")
_SUFFIX: Final = ".template"
_RENAMED: Final = {"package": "{package}", "gitignore": ".gitignore"}
_DISTRIBUTION: Final = "lakehouse-assets"
_NAME: Final = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")
_NEXT: Final = """Now, in this folder (README.md says more):
  lakehouse up
  lakehouse topics send shop.orders --create < orders.jsonl
  lakehouse show gold/shop/product_days"""


def project(
    name: Annotated[str, typer.Argument(help="The package with your tables, e.g. my_lake", metavar="NAME")],
) -> None:
    """Write a project of your own into the working directory: a table in each layer, their tests, records for a try."""
    folder = Path.cwd()
    check(name, folder)
    written = texts(name)
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    console = Console(soft_wrap=True)
    console.print(f"wrote {len(written)} files into {folder}", highlight=False, markup=False)
    console.print(_NEXT, highlight=False, markup=False)


def check(name: str, folder: Path) -> None:
    """Lets a name and a folder pass in which a project can begin; names that begin with a dot do not fill a folder.

    Raises:
        LakehouseError: says why none can.
    """
    for fault in _faults(name):
        raise LakehouseError(fault, where=name, do="Give another name, e.g. `lakehouse new project my_lake`")
    found = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    found += [path for path in (".gitignore",) if (folder / path).exists()]
    if found:
        named = ", ".join(found[:3]) + (", ..." if found[3:] else "")
        do = "Make an empty folder, and do it there"
        raise LakehouseError(f"the folder is not empty: {named}", where=str(folder), do=do)


def texts(name: str) -> Mapping[str, str]:
    """The files of a project, by path."""
    values = {"package": name, "dagster": metadata.version("dagster"), "source": _uv_source()}
    files = sorted(_TEMPLATE.rglob(f"*{_SUFFIX}"))
    return {_path(file, name): Template(file.read_text(encoding="utf-8")).substitute(values) for file in files}


def source(installed: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Where this package came from, by PEP 610's direct_url.json, as uv takes it; nothing for an index."""
    if installed is None:
        return {}
    url = str(installed["url"])
    within = {"subdirectory": installed["subdirectory"]} if "subdirectory" in installed else {}
    if "vcs_info" in installed:
        return {"git": url, "rev": installed["vcs_info"]["commit_id"], **within}
    if not url.startswith("file:"):
        return {"url": url, **within}
    is_editable = installed.get("dir_info", {}).get("editable", False)
    return {"path": unquote(urlsplit(url).path), **({"editable": True} if is_editable else {})}


def _faults(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "this is no name of a package: small letters, digits and underscores, a letter first, no underscore last"
    if iskeyword(name):
        yield "this is a word of Python's own"
    if name in sys.stdlib_module_names:
        yield "Python's standard library has a module of this name"
    if name == "tests":
        yield "the tests lie in a folder of this name"
    if find_spec(name) is not None:
        yield "a package of this name is installed here"


def _path(file: Path, name: str) -> str:
    parts = file.relative_to(_TEMPLATE).as_posix().removesuffix(_SUFFIX).split("/")
    return "/".join(_RENAMED.get(part, part).format(package=name) for part in parts)


def _uv_source() -> str:
    """A section of pyproject.toml, for uv; pip finds the package installed already."""
    found = source(_installed())
    if not found:
        return ""
    given = ", ".join(f"{key} = {json.dumps(value)}" for key, value in found.items())
    return f"\n[tool.uv.sources]\n{_DISTRIBUTION} = {{ {given} }}\n"


def _installed() -> Mapping[str, Any] | None:
    try:
        said = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    return json.loads(said) if said else None
