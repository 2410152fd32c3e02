"""Names from outside as identifiers: any legal topic, prefix or table key has one, and no two share it.

Dagster's names hold ASCII letters, digits and underscores only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lakehouse_assets.errors import ContractError

_PLAIN: Final = re.compile(r"[A-Za-z0-9]+")
_WORD: Final = re.compile(r"[A-Za-z0-9_]+")
_OTHER: Final = re.compile(r"[^A-Za-z0-9]")
_LETTERS: Final = {".": "d", "-": "h", "/": "s", "_": "u"}
_LAYERS: Final = ("bronze/", "silver/", "gold/", "serve/")
_KEY: Final = re.compile(r"(bronze|silver|gold|serve)/[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_KAFKAS_OWN: Final = frozenset(
    {"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"}
)
_MOST_PREFIX_BYTES: Final = 900
"""Of S3's 1,024 for a whole key."""


def identifier(text: str, separator: str) -> str:
    """A name as an identifier; of two different names never the same one.

    Words between single separators are joined by underscores. Any other name is followed by two underscores and what
    its underscores stand for: d for a dot, h for a hyphen, s for a slash, u for an underscore, `x<hex>x` for the rest.

    >>> identifier("sales.transactions", "."), identifier("sales-payments.v1", "."), identifier("sales_payments", ".")
    ('sales_transactions', 'sales_payments_v1__hd', 'sales_payments__u')
    """
    flat = _OTHER.sub("_", text)
    if all(_PLAIN.fullmatch(word) for word in text.split(separator)):
        return flat
    return f"{flat}__{''.join(_LETTERS.get(sign, f'x{ord(sign):x}x') for sign in _OTHER.findall(text))}"


def words(text: str, separator: str) -> list[str]:
    """A name as the parts of an asset key: its words, or the whole of it as one identifier."""
    parts = text.split(separator)
    is_plain = "__" not in text and all(_WORD.fullmatch(word) for word in parts)
    return parts if is_plain else [identifier(text, separator)]


def check_key(key: str) -> None:
    """Makes sure that a table's key is one.

    Raises:
        ContractError: it is none; says what is.
    """
    if not _KEY.fullmatch(key):
        raise ContractError(
            "this is no table's key",
            where=repr(key),
            do="Give LAYER/DOMAIN/TABLE in small letters, digits and underscores, e.g. gold/sales/refunds;"
            " layers are bronze, silver, gold and serve",
        )


def topic_fault(topic: str) -> str | None:
    """Why Kafka knows no topic of this name, or none that a table could follow."""
    if topic in _KAFKAS_OWN:
        return "is Kafka's own, in a form of its own"
    if topic in (".", "..") or not _TOPIC.fullmatch(topic):
        return "is no topic's name: those have 1 to 249 ASCII letters, digits, dots, hyphens and underscores"
    return None


def prefix_fault(prefix: str) -> str | None:
    """Why files below this prefix cannot be followed."""
    if not prefix.endswith("/"):
        return "does not end with a slash"
    if "" in prefix[:-1].split("/"):
        return "begins with a slash or has two in a row"
    if prefix.startswith(_LAYERS):
        return "lies where tables do"
    size = len(prefix.encode(errors="replace"))
    return None if size <= _MOST_PREFIX_BYTES else f"has {size} bytes, at most {_MOST_PREFIX_BYTES}"


def check_distinct(named: Iterable[tuple[str, str]], what: str) -> None:
    """Makes sure that no two of (table key, name) have the same name.

    Raises:
        ContractError: two have; names both tables.
    """
    seen: dict[str, str] = {}
    for key, name in named:
        if name in seen:
            raise ContractError(f"{what} {name!r} is also that of {seen[name]}", where=key, do="Rename one of the two")
        seen[name] = key
