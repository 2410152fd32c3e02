"""Whom the one watcher of all sources looks at, and when; what one source suffers from is no other's affair."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from dagster import RunRequest, SkipReason
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets import stops
from lakehouse_assets.engine.orchestration import complaints, watching
from lakehouse_assets.engine.orchestration.sensors import Judgement
from lakehouse_assets.engine.orchestration.watching import IN_TURN_SECONDS, PASS_SECONDS, Watch
from lakehouse_assets.errors import LossError, UnavailableError
from lakehouse_assets.settings import Settings

LOSS = LossError("offsets 10 to 19 are gone", where="topic a", do="Accept it")


@dataclass
class World:
    """Sources with a number of records each, runs that take them, and a clock."""

    names: str
    there: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    runs: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    judged: list[str] = field(default_factory=list)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.watch = Watch([self._source(name) for name in self.names])  # type: ignore[misc]

    def _source(self, name: str) -> SimpleNamespace:
        def glance() -> str:
            if name in self.silent:
                raise UnavailableError("no answer", where=f"broker of {name}", do="Wait")
            if name in self.broken:
                raise ValueError("Ms Miller, 43")
            return str(self.there[name])

        reader = SimpleNamespace(glance_seconds=0.0, glance=glance)
        return SimpleNamespace(key=name, run_tag=("of", name), origin=f"topic {name}", reader=lambda _settings: reader)

    def judge(self, source: SimpleNamespace) -> Judgement:
        name = source.key
        self.judged.append(name)
        if name in self.errors:
            raise self.errors[name]
        if self.there[name] > self.taken[name]:
            return Judgement(RunRequest(run_key=name))
        return Judgement(SkipReason(f"nothing new on topic {name}"), is_settled=True)

    def look(self) -> list[str]:
        """One pass; sources that a run is asked for."""
        self.now += PASS_SECONDS
        busy = {("of", name): run for name, run in self.runs.items()}
        asked = self.watch.look(Settings(), self.judge, lambda: busy, self.now)
        return [each.run_key for each in asked]

    def settle(self) -> World:
        """Passes until every source was found settled; nothing is judged yet, as far as a test sees."""
        for _ in range(40):
            self.look()
        self.judged.clear()
        return self


def test_a_source_that_moves_is_judged_in_the_next_pass_and_no_other():
    world = World("abc").settle()
    assert world.look() == []
    world.judged.clear()

    world.there["b"] += 1

    assert world.look() == ["b"]
    assert world.judged == ["b"]


def test_a_source_is_left_alone_while_its_run_is_at_work_and_judged_at_once_when_it_ends():
    world = World("ab").settle()
    world.there["a"], world.runs["a"] = 5, "0123456789"
    for _ in range(20):
        assert world.look() == []
    assert "a" not in world.judged
    assert "run 01234567 of topic a is in flight" in world.watch.said

    world.taken["a"] = 4
    del world.runs["a"]

    assert world.look() == ["a"]


def test_sources_that_stand_still_are_judged_in_turn_one_a_second():
    """A hundred of them cost as little as one: each of them at most once in a while, and never all at once."""
    world = World("".join(map(chr, range(0x4E00, 0x4E64)))).settle()
    passes, most = round(2 * 100 / PASS_SECONDS), 0
    for _ in range(passes):
        before = len(world.judged)
        world.look()
        most = max(most, len(world.judged) - before)
    assert most == 1
    assert 160 <= len(world.judged) <= 201
    assert set(Counter(world.judged).values()) <= {1, 2, 3}


def test_one_source_is_judged_each_fifteen_seconds():
    """What it waits for may be no matter of the source: a hold that was lifted, a rebuild that has ended."""
    world = World("a").settle()
    for _ in range(round(5 * IN_TURN_SECONDS / PASS_SECONDS)):
        world.look()
    assert len(world.judged) == 5


def test_a_loss_of_one_source_holds_up_no_other():
    world = World("ab").settle()
    world.errors["a"] = LOSS
    world.there.update("ab")

    assert world.look() == ["b"]
    world.taken["b"] += 1
    for _ in range(40):
        world.look()
    assert world.watch.errors == {"a": LOSS}
    world.there["b"] += 1
    assert world.look() == ["b"]
    world.taken["b"] += 1

    del world.errors["a"]
    assert ["a"] in [world.look() for _ in range(20)]
    assert world.watch.errors == {}


def test_a_broker_that_is_away_is_asked_by_one_source_a_second():
    """Each look at it may last for its whole timeout."""
    world = World("abcdefghij").settle()
    world.silent.update(world.names)
    for _ in range(40):
        before = len(world.judged)
        world.look()
        assert len(world.judged) - before <= 1
    assert "broker of a: no answer" in world.watch.said

    world.silent.clear()
    world.there["j"] += 1
    assert world.look() == ["j"]


def test_a_glance_that_fails_for_any_reason_is_of_its_source_alone():
    """Its judgement, in its turn, says what is wrong; a foreign error's words could quote a row."""
    world = World("ab").settle()
    world.broken.add("a")
    world.errors["a"] = ValueError("Ms Miller, 43")
    world.there["b"] += 1

    assert world.look() == ["b"]
    world.taken["b"] += 1
    for _ in range(80):
        world.look()
        assert "Miller" not in world.watch.said
    assert [*world.watch.errors] == ["a"]


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["records", "run ends", "error", "mended", "wait"])))


@given(STEPS)
def test_whatever_happens_each_record_has_a_run_soon(steps):
    """Within the longest pause after the last thing that happened, every source with records has a run."""
    world = World("abc")
    for name, what in steps:
        if what == "records":
            world.there[name] += 1
        elif what == "run ends":
            world.runs.pop(name, None)
        elif what == "error":
            world.errors[name] = LOSS
        elif what == "mended":
            world.errors.pop(name, None)
        start_runs(world)
    world.errors.clear()
    world.runs.clear()
    for _ in range(round((watching.LONGEST_PAUSE + 1) / PASS_SECONDS)):
        start_runs(world)
    assert all(world.taken[name] == world.there[name] for name in "abc")


def start_runs(world: World) -> None:
    for name in world.look():
        assert name not in world.runs
        world.taken[name], world.runs[name] = world.there[name], f"run of {name}"


def test_what_is_wrong_is_kept_for_the_alerts(tmp_path):
    """A foreign error's words could quote a row."""
    settings = Settings(home=tmp_path)
    assert complaints.read(settings) == {}

    complaints.note(settings, {"a": LOSS, "b": ValueError("Ms Miller, 43")})
    assert complaints.read(settings) == {"a": str(LOSS), "b": "ValueError"}

    complaints.note(settings, {})
    assert complaints.read(settings) == {}


def test_a_tick_ends_with_what_there_is_to_do(monkeypatch, tmp_path):
    world = World("ab")
    world.there["b"] += 1
    monkeypatch.setattr(watching, "judge", lambda _instance, _settings, source, *_: world.judge(source))
    monkeypatch.setattr(watching.in_flight, "by_tag", lambda *_: {})

    found = watching.wait(world.watch, None, Settings(home=tmp_path), [])  # type: ignore[arg-type]

    assert [each.run_key for each in found.run_requests] == ["b"]


def test_a_tick_without_anything_to_do_says_why_and_one_with_a_loss_fails(monkeypatch, tmp_path):
    world, settings = World("ab"), Settings(home=tmp_path)
    monkeypatch.setattr(watching, "judge", lambda _instance, _settings, source, *_: world.judge(source))
    monkeypatch.setattr(watching.in_flight, "by_tag", lambda *_: {})

    found = watching.wait(world.watch, None, settings, [], seconds=1.5)  # type: ignore[arg-type]
    assert found.skip_message == "nothing new on topic a; nothing new on topic b"

    world.errors["a"] = LOSS
    with pytest.raises(LossError):
        watching.wait(World("ab", errors={"a": LOSS}).watch, None, settings, [])  # type: ignore[arg-type]


def test_a_tick_ends_when_the_services_are_stopped(monkeypatch, tmp_path):
    """Or whoever stops them waits for it, and kills the process that it is in."""
    world = World("a")
    monkeypatch.setattr(watching, "judge", lambda _instance, _settings, source, *_: world.judge(source))
    monkeypatch.setattr(watching.in_flight, "by_tag", lambda *_: {})
    stops.record(tmp_path)
    threading.Timer(0.5, stops.record, [tmp_path]).start()
    began = time.monotonic()

    found = watching.wait(world.watch, None, Settings(home=tmp_path), [])  # type: ignore[arg-type]

    assert found.skip_message == "the services are being stopped"
    assert 0.4 < time.monotonic() - began < 3
