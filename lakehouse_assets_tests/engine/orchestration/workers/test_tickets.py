"""A ticket is one run's place in the queue: whatever happens in whatever order, one side has it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.orchestration.workers.tickets import Tickets

PIDS = (11, 22)
ACTS = st.sampled_from(["write", "withdraw", "take 11", "take 22", "back 11", "back 22", "begin 11", "begin 22"])


def act(tickets: Tickets, run: str, what: str) -> bool:
    verb, _, pid = what.partition(" ")
    if verb == "write":
        before = run in tickets.waiting()
        tickets.write(run)
        return not before
    if verb == "begin":
        had = (run, int(pid)) in tickets.taken()
        tickets.begun(run, int(pid))
        return had
    return {
        "withdraw": lambda: tickets.withdraw(run),
        "take": lambda: tickets.take(run, int(pid)),
        "back": lambda: tickets.put_back(run, int(pid)),
    }[verb]()


def expected(state: str, taken: set[int], what: str) -> tuple[bool, str]:
    """The same in plain words: a run waits or does not; each worker has it or does not."""
    verb, _, text = what.partition(" ")
    pid = int(text) if text else 0
    if verb == "write":
        return state == "absent", "waiting"
    if verb in ("withdraw", "take"):
        if state == "waiting" and verb == "take":
            taken.add(pid)
        return state == "waiting", "absent"
    had = pid in taken
    taken.discard(pid)
    return had, "waiting" if verb == "back" and had else state


@given(st.lists(ACTS, max_size=20))
def test_each_change_of_a_ticket_is_won_by_one_side(acts):
    with tempfile.TemporaryDirectory() as folder:
        tickets, state, taken = Tickets(Path(folder)), "absent", set()
        for what in acts:
            won, state = expected(state, taken, what)
            assert act(tickets, "run", what) == won, what
            assert list(tickets.waiting()) == (["run"] if state == "waiting" else [])
            assert {pid for _, pid in tickets.taken()} == taken


@given(st.permutations(["a", "b", "c", "d"]), st.integers(0, 3))
def test_runs_wait_in_the_order_in_which_they_came_also_one_that_was_put_back(order, number):
    with tempfile.TemporaryDirectory() as folder:
        tickets = Tickets(Path(folder))
        for run in order:
            tickets.write(run)
        tickets.write(order[0])
        tickets.take(order[number], 11)
        assert list(tickets.waiting()) == [run for run in order if run != order[number]]
        tickets.put_back(order[number], 11)
        assert list(tickets.waiting()) == order
