"""What `lakehouse doctor` looks at: one small check a finding."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from importlib.util import find_spec

import psutil

from lakehouse_assets import project, settings
from lakehouse_assets.errors import ServiceError
from lakehouse_assets.services import endpoints, external, jars, java
from lakehouse_assets.services.home import MIN_FREE_BYTES
from lakehouse_assets.services.stack import EXTERNAL, Stack

GIGABYTE = 1024**3
COMFORTABLE_MEMORY_BYTES = 6 * GIGABYTE
LEAST_MEMORY_BYTES = 3 * GIGABYTE
COMFORTABLE_DISK_BYTES = 5 * GIGABYTE
PRIVATE_FILE = 0o600


class Verdict(Enum):
    """How bad a finding is, and its colour."""

    OK = "green"
    WARN = "yellow"
    FAIL = "red"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    verdict: Verdict
    what: str
    found: str
    do: str = ""


def examine(stack: Stack) -> Iterator[Finding]:
    """Every finding about this machine and this home."""
    yield _project()
    yield _python()
    yield _memory()
    yield _disk(stack)
    yield _attempt("java", java.version)
    for process in jars.PROCESSES:
        yield _attempt(f"{process} jars", partial(_jars, process))
    yield _authority()
    yield from _proxies()
    yield from _names()
    yield from _credentials(stack)
    yield from _elsewhere(stack)
    yield from _services(stack)


def _project() -> Finding:
    here = project.current()
    if here.imports_from or find_spec(here.package):
        return Finding(Verdict.OK, "project", f"{here.package} in {here.root}")
    do = f"Let [tool.lakehouse] in {project.FILE} name the folder with the layers"
    return Finding(Verdict.FAIL, "project", f"there is no package {here.package} in {here.root}", do)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    do = "" if known else "Use Python 3.11, 3.12 or 3.13: `make clean`, then `make setup PYTHON=python3.12`"
    return Finding(Verdict.OK if known else Verdict.FAIL, "python", version, do)


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    verdict = _grade(free, LEAST_MEMORY_BYTES, COMFORTABLE_MEMORY_BYTES)
    do = "" if verdict is Verdict.OK else "Close other programs, or set LAKEHOUSE_SPARK_HEAP=1g"
    return Finding(verdict, "memory", f"{free / GIGABYTE:.1f} GB available", do)


def _disk(stack: Stack) -> Finding:
    free = shutil.disk_usage(stack.home.folder()).free
    verdict = _grade(free, MIN_FREE_BYTES, COMFORTABLE_DISK_BYTES)
    do = "" if verdict is Verdict.OK else "Free some, or set LAKEHOUSE_HOME to another disk"
    return Finding(verdict, "disk", f"{free / GIGABYTE:.1f} GB free at {stack.home.root}", do)


def _grade(value: float, least: float, comfortable: float) -> Verdict:
    if value < least:
        return Verdict.FAIL
    return Verdict.WARN if value < comfortable else Verdict.OK


def _attempt(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(Verdict.OK, what, check())
    except ServiceError as error:
        return Finding(Verdict.FAIL, what, error.what, error.do)


def _jars(process: str) -> str:
    jars.classpath(process)
    return f"all {len(list((jars.folder() / process).glob('*.jar')))} there"


def _authority() -> Finding:
    bundle = settings.ca_bundle()
    if bundle is None:
        return Finding(Verdict.OK, "certificates", "the system's own")
    if not bundle.is_file():
        do = "Let SSL_CERT_FILE or REQUESTS_CA_BUNDLE name a PEM file"
        return Finding(Verdict.FAIL, "certificates", f"{bundle} is not there", do)
    return Finding(Verdict.OK, "certificates", f"{bundle}, also for Java")


def _proxies() -> Iterator[Finding]:
    if any(settings.proxy(scheme) for scheme in ("http", "https")):
        yield Finding(Verdict.OK, "proxy", "set; loopback goes past it")


def _names() -> Iterator[Finding]:
    """A name that is no setting is read by nobody: most likely it is misspelt."""
    unknown = settings.unknown_names()
    for name, nearest in unknown.items():
        do = f"Rename it to {nearest}, or unset it" if nearest else "Unset it: README.md tells where settings are"
        yield Finding(Verdict.WARN, "settings", f"{name} is no setting: nothing reads it", do)
    if not unknown:
        yield Finding(Verdict.OK, "settings", "every LAKEHOUSE_* is known")


def _credentials(stack: Stack) -> Iterator[Finding]:
    for path in (stack.home.root / settings.SERVICES_FILE, stack.supervisor.config):
        if path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
            private = mode == PRIVATE_FILE
            do = "" if private else f"Run `chmod 600 {path}`: it holds credentials"
            yield Finding(Verdict.OK if private else Verdict.FAIL, path.name, f"mode {mode:04o}", do)


def _elsewhere(stack: Stack) -> Iterator[Finding]:
    for name, address in stack.elsewhere.items():
        try:
            external.require(name, stack.settings)
            yield Finding(Verdict.OK, name, f"answers at {address}, not started here")
        except ServiceError as error:
            yield Finding(Verdict.FAIL, name, f"at {address}: {error.what}", error.do)


def _services(stack: Stack) -> Iterator[Finding]:
    """With a supervisor, services must answer; without one, nothing may run and ports should be free."""
    if not stack.supervisor.alive():
        yield _unsupervised(stack)
        return
    for each in stack.status():
        if each.state == EXTERNAL:
            continue
        if each.state == "STOPPED":
            yield Finding(Verdict.WARN, each.program, "stopped", "Run `lakehouse up`")
        elif each.healthy:
            yield Finding(Verdict.OK, each.program, f"answers (pid {each.pid})")
        else:
            do = f"See {stack.home.log(each.program)}; `lakehouse down`, then `lakehouse up` starts it afresh"
            yield Finding(Verdict.FAIL, each.program, f"{each.state.lower()}, does not answer", do)


def _unsupervised(stack: Stack) -> Finding:
    if left := stack.leftovers():
        pids = ", ".join(str(process.pid) for process in left)
        return Finding(Verdict.WARN, "services", f"left over without a supervisor: {pids}", "Run `lakehouse down`")
    kept = endpoints.read(stack.home)
    taken = [str(port) for port in (kept.ports.values() if kept else ()) if not endpoints.is_free(port)]
    if taken:
        do = "The next `lakehouse up` takes others"
        return Finding(Verdict.WARN, "ports", f"taken by other programs: {', '.join(taken)}", do)
    return Finding(Verdict.OK, "services", "down; their ports are free")
