"""Records that a producer sent twice without knowing it.

A broker knows a retry by the producer's state, which it drops once the producer's newest *record* is a day old by its
own timestamp. These records have the time of a sale of long ago, so that a broker that was killed forgets the producer
and takes a retry as new. What is in the topic then is what was sent, and the manifest has to say so.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from lakehouse_assets.access import kafka
from lakehouse_assets.demo.faults import FATES, Fate, Label
from lakehouse_assets.settings import Settings

PATIENCE_SECONDS: Final = 60.0
Coordinate = tuple[int, int]
"""Partition and offset."""
Entry = Mapping[str, Any]
"""A line of the manifest without its coordinate."""


def account_for(settings: Settings, topic: str, manifest: Path) -> None:
    """Rewrites the manifest where the topic has records more than once; nobody may be sending."""
    book = dict(_book(manifest))
    told = labelled(_records(settings, topic), book)
    if told != book:
        lines = ({"partition": at[0], "offset": at[1], **entry} for at, entry in told.items())
        manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))


def labelled(records: Mapping[Coordinate, bytes], book: Mapping[Coordinate, Entry]) -> dict[Coordinate, Entry]:
    """The book, with every record of which a repeat is in it; of those to publish only the first is.

    Args:
        records: what tells equal records, by where they are.
        book: what is known of some.
    """
    same = defaultdict[bytes, list[Coordinate]](list)
    for at in sorted(records):
        same[records[at]].append(at)
    told = dict(book)
    for group in same.values():
        known = [book[at] for at in group if at in book]
        if len(group) == 1 or not known:
            continue
        meant = (each for each in known if FATES[Label(each["label"])] != Fate.DUPLICATE)
        first = next(meant, _original(known[0]))
        repeat = {**first, "label": Label.DUPLICATE} if FATES[Label(first["label"])] == Fate.PUBLISHED else first
        told |= {at: first if at == group[0] else repeat for at in group}
    return told


def _original(duplicate: Entry) -> Entry:
    is_cancellation = str(duplicate.get("TransactionNo")).startswith("C")
    return {**duplicate, "label": Label.CANCELLATION if is_cancellation else Label.GOOD}


def _book(manifest: Path) -> Iterator[tuple[Coordinate, Entry]]:
    with manifest.open() as lines:
        for line in lines:
            entry = json.loads(line)
            yield (entry.pop("partition"), entry.pop("offset")), entry


def _records(settings: Settings, topic: str) -> dict[Coordinate, bytes]:
    consumer = Consumer({**kafka.client(settings), "group.id": "repeats", "enable.auto.commit": False})
    try:
        ends = {each: consumer.get_watermark_offsets(each, PATIENCE_SECONDS) for each in _partitions(consumer, topic)}
        return {
            (at, offset): found
            for each, (low, high) in ends.items()
            for (at, offset), found in _read(consumer, each, low, high)
        }
    finally:
        consumer.close()


def _partitions(consumer: Consumer, topic: str) -> Iterable[TopicPartition]:
    described = consumer.list_topics(topic, PATIENCE_SECONDS).topics[topic]
    return [TopicPartition(topic, partition) for partition in described.partitions]


def _read(consumer: Consumer, part: TopicPartition, low: int, high: int) -> Iterator[tuple[Coordinate, bytes]]:
    consumer.assign([TopicPartition(part.topic, part.partition, low)])
    at = low
    while at < high:
        message = consumer.poll(PATIENCE_SECONDS)
        if message is None or message.error():
            raise KafkaException(message and message.error())
        at = (message.offset() or 0) + 1
        yield (part.partition, at - 1), hashlib.sha256(b"%r %r" % (message.key(), message.value())).digest()
