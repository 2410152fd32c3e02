"""The outbox: what the watches remember, the open incidents and the messages to send, in one SQLite file.

One look is one transaction, so a crash at any instant either repeats the look or goes on after it. A message stays
until each of its channels has accepted it and is marked only then: a crash in between sends it again, with its id.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakehouse_assets.engine.alerts.conditions import Condition
from lakehouse_assets.engine.alerts.incidents import Incident, Open
from lakehouse_assets.engine.alerts.messages import Message

KEPT_SECONDS = 30 * 86_400.0
"""Messages that wait for nobody any more are deleted after this long."""
_BUSY_SECONDS = 20.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS incidents (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, incident TEXT NOT NULL, phase TEXT NOT NULL,
  title TEXT NOT NULL, body TEXT NOT NULL, severity TEXT NOT NULL, at REAL NOT NULL,
  condition TEXT NOT NULL, routed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS messages_incident ON messages (incident);
CREATE TABLE IF NOT EXISTS deliveries (
  channel TEXT NOT NULL, seq INTEGER NOT NULL, delivered_at REAL, put_off INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channels (
  name TEXT PRIMARY KEY, tries INTEGER NOT NULL, next_try REAL NOT NULL, why TEXT NOT NULL);
"""
_MESSAGE = "m.id, m.incident, m.phase, m.title, m.body, m.severity, m.at"

Router = Callable[[Condition], Iterable[str]]
"""The channels of an incident by what it began with."""


@dataclass(frozen=True)
class Outcome:
    """What one look adds."""

    incidents: Open
    messages: tuple[tuple[Message, Condition], ...] = ()
    """Each with the condition that it is routed by."""
    memory: Mapping[str, Any] = field(default_factory=dict)
    """By watch; one that could not look is absent."""


@dataclass(frozen=True)
class Waiting:
    """A message that a channel has not accepted yet."""

    channel: str
    seq: int
    message: Message
    tries: int
    """Failed tries of the channel since the last success."""
    next_try: float
    why: str
    """Why the last try failed, without secrets."""


class Outbox:
    """The file; every verb opens it anew, so that threads and processes can share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """One round at a time: false while another process is at it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def memory(self) -> dict[str, Any]:
        """What each watch remembers."""
        with self._open() as db:
            return {name: json.loads(body) for name, body in db.execute("SELECT name, body FROM memory")}

    def incidents(self) -> dict[str, Incident]:
        """The open incidents by id, oldest first."""
        with self._open() as db:
            found = [Incident.from_json(json.loads(body)) for (body,) in db.execute("SELECT body FROM incidents")]
        return {each.id: each for each in sorted(found, key=lambda each: each.began_at)}

    def commit(self, before: Open, outcome: Outcome, router: Router | None) -> None:
        """Keeps a look, all of it or nothing; without a router its messages wait for one."""
        with self._open() as db, _transaction(db):
            _keep_incidents(db, before, outcome.incidents)
            memory = [(name, json.dumps(body)) for name, body in outcome.memory.items()]
            db.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?)", memory)
            for message, condition in outcome.messages:
                _insert(db, message, condition)
            if router is not None:
                _route(db, router)

    def waiting(self, channel: str | None = None, limit: int = -1) -> list[Waiting]:
        """What was not accepted yet, in the order in which it has to go."""
        query = (
            f"SELECT d.channel, d.seq, coalesce(c.tries, 0), coalesce(c.next_try, 0), coalesce(c.why, ''), {_MESSAGE}"
            " FROM deliveries d JOIN messages m USING (seq) LEFT JOIN channels c ON c.name = d.channel"
            " WHERE d.delivered_at IS NULL AND (?1 IS NULL OR d.channel = ?1)"
            " ORDER BY d.put_off, d.seq, d.channel LIMIT ?2"
        )
        with self._open() as db:
            return [_waiting(*row) for row in db.execute(query, (channel, limit))]

    def channels(self) -> list[str]:
        """The channels that a message waits for."""
        with self._open() as db:
            found = db.execute("SELECT DISTINCT channel FROM deliveries WHERE delivered_at IS NULL ORDER BY channel")
            return [channel for (channel,) in found]

    def delivered(self, waiting: Waiting, at: float) -> None:
        """The channel has accepted it."""
        with self._open() as db, _transaction(db):
            db.execute(
                "UPDATE deliveries SET delivered_at = ? WHERE channel = ? AND seq = ?",
                (at, waiting.channel, waiting.seq),
            )
            db.execute("DELETE FROM channels WHERE name = ?", (waiting.channel,))

    def failed(self, waiting: Waiting, why: str, next_try: float) -> None:
        """The channel has not; everything for it waits until `next_try`."""
        row = (waiting.channel, waiting.tries + 1, next_try, why)
        with self._open() as db, _transaction(db):
            db.execute("INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?)", row)

    def put_off(self, waiting: Waiting) -> None:
        """The channel refuses this one and takes others: it goes behind them, and is tried again when none waits."""
        last = "SELECT 1 + max(put_off) FROM deliveries WHERE channel = ?1 AND delivered_at IS NULL"
        with self._open() as db, _transaction(db):
            db.execute(
                f"UPDATE deliveries SET put_off = ({last}) WHERE channel = ?1 AND seq = ?2",
                (waiting.channel, waiting.seq),
            )

    def unrouted(self) -> int:
        """Messages that wait for a file of routes that can be read."""
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM messages WHERE NOT routed").fetchone()[0])

    def prune(self, now: float, known: Iterable[str]) -> None:
        """Deletes old messages, save those that a known channel has still to accept or an open incident needs."""
        old = "SELECT seq FROM messages WHERE routed AND at < ? AND incident NOT IN (SELECT id FROM incidents)"
        names = [*known]
        due = f"SELECT seq FROM deliveries WHERE delivered_at IS NULL AND channel IN ({','.join('?' * len(names))})"
        with self._open() as db, _transaction(db):
            gone = db.execute(f"{old} AND seq NOT IN ({due})", (now - KEPT_SECONDS, *names)).fetchall()
            db.executemany("DELETE FROM deliveries WHERE seq = ?", gone)
            db.executemany("DELETE FROM messages WHERE seq = ?", gone)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        db = sqlite3.connect(self.folder / "outbox.db", timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_SCHEMA)
            yield db
        finally:
            db.close()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _keep_incidents(db: sqlite3.Connection, before: Open, after: Open) -> None:
    changed = [each for key, each in after.items() if before.get(key) != each]
    rows = [(each.id, json.dumps(each.to_json())) for each in changed]
    db.executemany("INSERT OR REPLACE INTO incidents VALUES (?, ?)", rows)
    db.executemany("DELETE FROM incidents WHERE id = ?", [(key,) for key in before.keys() - after.keys()])


def _insert(db: sqlite3.Connection, message: Message, condition: Condition) -> None:
    row = (message.id, message.incident, message.phase, message.title, message.body, message.severity, message.at)
    names = "id, incident, phase, title, body, severity, at, condition"
    db.execute(
        f"INSERT INTO messages ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, json.dumps(condition.to_json()))
    )


def _route(db: sqlite3.Connection, router: Router) -> None:
    """A start goes where the routes say; whatever follows goes where the start went."""
    unrouted = "SELECT seq, incident, phase, condition FROM messages WHERE NOT routed ORDER BY seq"
    followed = "SELECT channel FROM deliveries JOIN messages USING (seq) WHERE incident = ? AND phase = 'start'"
    for seq, incident, phase, condition in db.execute(unrouted).fetchall():
        if phase == "start":
            channels = [*router(Condition.from_json(json.loads(condition)))]
        else:
            channels = [channel for (channel,) in db.execute(followed, (incident,))]
        db.executemany("INSERT INTO deliveries (channel, seq) VALUES (?, ?)", [(channel, seq) for channel in channels])
        db.execute("UPDATE messages SET routed = 1 WHERE seq = ?", (seq,))


def _waiting(channel: str, seq: int, tries: int, next_try: float, why: str, *message: Any) -> Waiting:
    return Waiting(channel, seq, Message(*message), tries, next_try, why)
