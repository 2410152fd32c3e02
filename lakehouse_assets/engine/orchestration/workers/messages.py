"""What launcher, pool and workers say to each other: JSON objects, one a line, over Unix sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 2.0


def line(**said: object) -> bytes:
    """One message as it is sent."""
    return json.dumps(said).encode() + b"\n"


def ask(where: Path, **question: object) -> Mapping[str, Any] | None:
    """One question to the pool that answers at a socket; None where none answers within two seconds.

    The pool knows four: `take` (run, home, module), `cancel` (run, patience in seconds), `where` (run), `status`.
    """
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ANSWER_SECONDS)
            link.connect(str(where))
            link.sendall(line(**question))
            with link.makefile("rb") as answers:
                answer: Mapping[str, Any] = json.loads(answers.readline())
                return answer
    except (OSError, ValueError):
        return None
