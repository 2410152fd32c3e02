"""Each incident is told once when it starts and once when it is over, whatever the looks see and how they are cut."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.alerts.conditions import Condition
from lakehouse_assets.engine.alerts.incidents import Incident, Notice, Rules, step


def seen(key: str, failing: bool, at: float, hold: float = 0.0) -> Condition:
    """Keys such as `a1`: the letter is the rule, the digit the day. A large letter is a warning."""
    severity = "warn" if key[0].isupper() else "error"
    return Condition(
        key, failing, at, subject="t", rule=key[0], partition=key[1:], severity=severity, hold_seconds=hold
    )


KEYS = ["a1", "a2", "b1", "b2", "B1", "c", "d"]
EVENTS = st.tuples(st.sampled_from(KEYS), st.booleans())
LOOKS = st.lists(st.lists(EVENTS, max_size=6), max_size=12)
LOOK_SECONDS = 10.0


def told(looks, rules: Rules, hold: float = 0.0, quiet_looks: int = 40) -> tuple[list[Notice], dict[str, Incident]]:
    """Every notice of a sequence of looks, and of quiet ones after them; incidents are kept as JSON in between."""
    kept, notices = {}, []
    for number, look in enumerate([*looks, *[[]] * quiet_looks]):
        now = number * LOOK_SECONDS
        conditions = [seen(key, failing, now, hold) for key, failing in look]
        kept, new = step(kept, conditions, now, rules)
        notices += new
        kept = {key: Incident.from_json(json.loads(json.dumps(each.to_json()))) for key, each in kept.items()}
    return notices, kept


@given(LOOKS, st.sampled_from([0.0, 15.0, 35.0]), st.sampled_from([0.0, 25.0]))
def test_one_start_and_one_recovery_per_incident(looks, settle, hold):
    """In this order; an incident that is still open has only its start; ids are never used twice."""
    notices, still_open = told(looks, Rules(settle), hold)
    phases: dict[str, list[str]] = {}
    for each in notices:
        phases.setdefault(each.incident.id, []).append(each.phase)
    for incident, said in phases.items():
        assert said == (["start"] if incident in still_open else ["start", "recovery"])
    assert still_open.keys() <= phases.keys()
    assert max(Counter(each.id for each in notices).values(), default=1) == 1


@given(LOOKS, st.sampled_from([0.0, 15.0, 35.0]), st.sampled_from([0.0, 25.0]))
def test_what_fails_at_the_end_is_open_and_nothing_else(looks, settle, hold):
    """By a plain reading of the sequence: the last word on each key counts."""
    last = {key: failing for look in looks for key, failing in look}
    _, still_open = told(looks, Rules(settle), hold)
    failing = {key for incident in still_open.values() for key in incident.members}
    assert failing == {key for key, fails in last.items() if fails}


@given(st.lists(st.booleans(), max_size=30), st.data())
def test_a_rule_is_told_as_often_as_it_turns(verdicts, data):
    """Without settling or holding, each turn of one key is one message, wherever looks are cut; repeats are none."""
    looks, rest = [], [("c", not passed) for passed in verdicts]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        looks, rest = [*looks, rest[:size]], rest[size:]
    notices, _ = told(looks, Rules())
    turns = [failing for before, failing in pairwise([False, *(not each for each in verdicts)]) if failing != before]
    assert [each.phase == "start" for each in notices] == turns


def test_days_that_follow_soon_are_one_message():
    looks = [[("a1", True)], [("a2", True)], [], [], [], [], [("a1", False)], [("a2", False)]]
    notices, _ = told(looks, Rules(settle_seconds=25))
    assert [(each.phase, each.incident.partitions) for each in notices] == [
        ("start", ("1", "2")),
        ("recovery", ("1", "2")),
    ]


def test_a_day_that_fails_much_later_is_an_incident_of_its_own():
    looks = [[("a1", True)], *[[]] * 10, [("a2", True)]]
    notices, _ = told(looks, Rules(settle_seconds=25))
    assert [each.incident.partitions for each in notices] == [("1",), ("2",)]


def test_days_that_never_end_are_told_after_a_while():
    looks = [[(f"a{day}", True)] for day in range(60)]
    notices, _ = told(looks, Rules(settle_seconds=25), quiet_looks=0)
    assert [each.phase for each in notices] == ["start"]
    assert notices[0].at == 250.0


def test_a_held_recovery_is_taken_back_by_a_failure():
    looks = [[("c", True)], [("c", False)], [("c", True)], [("c", False)]]
    notices, _ = told(looks, Rules(), hold=25)
    assert [(each.phase, each.at) for each in notices] == [("start", 0.0), ("recovery", 60.0)]


def test_further_passes_do_not_put_off_a_recovery():
    looks = [[("c", True)], *[[("c", False)]] * 9]
    notices, _ = told(looks, Rules(), hold=25)
    assert [(each.phase, each.at) for each in notices] == [("start", 0.0), ("recovery", 40.0)]


def test_reminders_only_where_they_are_asked_for():
    hours = {"a": 1.0, "B": 0.0}
    looks = [[("a1", True), ("B1", True)], *[[]] * 800]
    notices, _ = told(looks, Rules(remind_hours=lambda condition: hours[condition.rule]), quiet_looks=0)
    assert [(each.incident.first.rule, each.phase) for each in notices] == [
        ("a", "start"),
        ("B", "start"),
        ("a", "reminder"),
        ("a", "reminder"),
    ]


def test_rules_that_fail_together_are_one_incident():
    """By severity. It is over with the last of them; a rule that fails while others of it go on begins another one."""
    looks = [
        [("c", True), ("d", True), ("C", True)],
        [],
        [("c", False)],
        [("d", False)],
        [("c", True), ("C", True), ("D", True)],
    ]
    notices, still_open = told(looks, Rules())
    assert [(each.phase, each.incident.rules) for each in notices] == [
        ("start", ("c", "d")),
        ("start", ("C",)),
        ("recovery", ("c", "d")),
        ("start", ("c",)),
        ("start", ("D",)),
    ]
    assert [{*each.members} for each in still_open.values()] == [{"C"}, {"c"}, {"D"}]


@given(LOOKS, st.sampled_from([0.0, 15.0, 35.0]))
def test_a_message_names_every_rule_that_failed_before_it(looks, settle):
    """No rule joins what was told without it: somebody who read the start knows all that the end speaks of."""
    notices, _ = told(looks, Rules(settle))
    started = {each.incident.id: each.incident for each in notices if each.phase == "start"}
    for each in notices:
        assert each.incident.rules == started[each.incident.id].rules
        assert {condition.severity for condition in each.incident.details} == {each.incident.first.severity}


def test_an_incident_kept_by_an_earlier_version_has_its_rule():
    [kept] = step({}, [seen("c", True, 0.0)], 0.0, Rules())[0].values()
    body = {name: value for name, value in kept.to_json().items() if name != "rules"}
    assert Incident.from_json(json.loads(json.dumps(body))) == kept
