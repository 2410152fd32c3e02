from __future__ import annotations

import json
from pathlib import Path

from lakehouse_assets.demo.manifest import Manifest

ENTRY = '"label": "good", "event_date": "2017-01-01", "TransactionNo": "1", "ProductNo": "2", "Price": 0.50}'


def test_a_second_replay_appends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "m.jsonl"
    for offset in (0, 1):
        with Manifest(path) as book:
            book.add(3, offset, ENTRY)
    assert [json.loads(line)["offset"] for line in path.read_text().splitlines()] == [0, 1]


def test_only_whole_lines_are_on_disk_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with Manifest(path) as book:
        book.add(0, 0, ENTRY)
        book.flush()
        book.add(0, 1, ENTRY)
        assert len(path.read_text().splitlines()) == 1
        assert path.read_text().endswith("\n")


def test_without_a_path_nothing_is_written() -> None:
    with Manifest(None) as book:
        book.add(0, 0, ENTRY)
