"""A client in a process of its own that plans a batch, says so, waits for a line, and publishes: to be killed or raced.

python -m lakehouse_assets_tests.engine.zombie TOPIC
"""

from __future__ import annotations

import sys
from uuid import uuid4

from lakehouse_assets.engine.spark import connect
from lakehouse_assets.settings import load
from lakehouse_assets_tests.engine.lab import Lab


def main(topic: str) -> None:
    settings = load()
    session = connect(settings, str(uuid4()))
    lab = Lab(settings, session, topic)
    batch = lab.prepare_land()
    say("planned")
    sys.stdin.readline()
    say("publishing")
    try:
        lab.publish(batch)
        say("committed")
    except Exception as error:
        say(type(error).__name__)
    session.stop()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
