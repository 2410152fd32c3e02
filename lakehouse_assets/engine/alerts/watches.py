"""All watches, looked at one after the other; one that cannot look silences no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from lakehouse_assets.engine.alerts import check_results, failed_runs, freshness, lag, quarantine, stuck_sensors
from lakehouse_assets.engine.alerts.conditions import Condition, Look, Scene
from lakehouse_assets.engine.orchestration.pipeline_log import redact
from lakehouse_assets.errors import UnavailableError

Watch = Callable[[Scene, Mapping[str, Any]], Look]

QUICK: Final[Mapping[str, Watch]] = {
    "checks": check_results.look,
    "runs": failed_runs.look,
    "freshness": freshness.look,
    "sensors": stuck_sensors.look,
}
"""They ask Dagster's database only."""
REMOTE: Final[Mapping[str, Watch]] = {"lag": lag.look, "quarantine": quarantine.look}
"""They ask sources and the store, which may take their time to say that they are down."""
REMOTE_EVERY_SECONDS = 60.0
MOST_SECONDS = 10.0
"""Longest that a round waits for one remote watch; a later round takes what it found."""
_threads = ThreadPoolExecutor(len(REMOTE), thread_name_prefix="watch")
_late: dict[tuple[Path, str], Future[Look]] = {}


@dataclass
class Seen:
    """What all watches found."""

    conditions: list[Condition] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)
    """Watches that found a service down or slow."""
    broken: list[str] = field(default_factory=list)
    """Watches that failed otherwise."""


def look_at_all(scene: Scene, memory: Mapping[str, Any]) -> Seen:
    """One look of every watch that is due."""
    seen, looked = Seen(), dict(memory.get("looked", {}))
    for name, watch in QUICK.items():
        _note(scene, seen, name, partial(watch, scene, memory.get(name, {})))
    for name, watch in REMOTE.items():
        if scene.now - looked.get(name, 0.0) >= REMOTE_EVERY_SECONDS:
            looked[name] = scene.now
            _note(scene, seen, name, partial(_in_time, scene, name, watch, memory.get(name, {})))
    seen.memory["looked"] = looked
    return seen


def _note(scene: Scene, seen: Seen, name: str, look: Callable[[], Look]) -> None:
    try:
        found = look()
    except UnavailableError as error:
        seen.unavailable.append(f"{name}: {redact(scene.settings, str(error))}")
    except LateError:
        seen.unavailable.append(f"{name}: no answer after {MOST_SECONDS:.0f} s")
    except Exception as error:  # the other watches must be heard; the round fails once it has told what they saw
        seen.broken.append(f"{name}: {type(error).__name__}: {redact(scene.settings, str(error))}")
    else:
        seen.conditions += found.conditions
        seen.memory[name] = found.memory


def _in_time(scene: Scene, name: str, watch: Watch, memory: Mapping[str, Any]) -> Look:
    """What the watch finds, or what an earlier look of it has found meanwhile."""
    key = (scene.settings.home, name)
    future = _late.pop(key, None) or _threads.submit(watch, scene, memory)
    try:
        return future.result(MOST_SECONDS)
    except LateError:
        if not future.done():
            _late[key] = future
        raise
