"""A project with many sources: two that are live up to gold, and others that only land."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness.site import Feed

LIVE = (Feed("live.first", "live_first"), Feed("live.second", "live_second"))
PACKAGE = "many"
LAYERS = ("bronze", "silver", "gold")
PYPROJECT = f"""[tool.lakehouse]
package = "{PACKAGE}"
"""
DEFINITIONS = """from dagster import Definitions

import many
from lakehouse_assets.building import build_definitions

defs: Definitions = build_definitions(many)
"""
SILENT = '''"""A source from which nothing comes."""

from dataclasses import replace

from lakehouse_assets.bronze import sales_transactions

table = replace(sales_transactions.table, key="bronze/{domain}/transactions", topic="{topic}")
'''
BRONZE = SILENT
SILVER = '''"""Typed sales."""

from dataclasses import replace

from lakehouse_assets.silver import sales_transactions
from many.bronze import {domain} as bronze

table = replace(sales_transactions.table, key="silver/{domain}/transactions", source=bronze.table)
'''
GOLD = '''"""An answer."""

from dataclasses import replace

from lakehouse_assets.gold import sales_{answer} as answer
from many.silver import {domain} as silver

table = replace(answer.table, key="gold/{domain}/{answer}", source=silver.table)
'''
ANSWERS = ("daily_revenue", "product_performance", "customer_days")


def silent(count: int) -> list[Feed]:
    """The sources that are not live, so that there are `count` in all."""
    return [Feed(f"silent.n{number}", f"silent_n{number}") for number in range(count - len(LIVE))]


def written(folder: Path, count: int) -> Path:
    """Writes the project into an empty folder."""
    package = folder / PACKAGE
    for layer in ("", *LAYERS):
        (package / layer).mkdir(parents=True, exist_ok=True)
        (package / layer / "__init__.py").write_text('"""Tables."""\n')
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (package / "definitions.py").write_text(DEFINITIONS)
    for feed in silent(count):
        (package / "bronze" / f"{feed.domain}.py").write_text(SILENT.format(domain=feed.domain, topic=feed.topic))
    for feed in LIVE:
        _write_live(package, feed)
    return folder


def _write_live(package: Path, feed: Feed) -> None:
    names = {"domain": feed.domain, "topic": feed.topic}
    (package / "bronze" / f"{feed.domain}.py").write_text(BRONZE.format(**names))
    (package / "silver" / f"{feed.domain}.py").write_text(SILVER.format(**names))
    for answer in ANSWERS:
        (package / "gold" / f"{feed.domain}_{answer}.py").write_text(GOLD.format(answer=answer, **names))
