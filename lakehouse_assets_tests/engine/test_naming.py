"""Names from outside as identifiers: every legal one has its own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse_assets.bronze import sales_products, sales_transactions
from lakehouse_assets.definitions import TABLES
from lakehouse_assets.engine.naming import identifier, words
from lakehouse_assets.engine.orchestration.assets import source_asset, table_asset
from lakehouse_assets.engine.orchestration.pipelines import increment_job
from lakehouse_assets.engine.orchestration.watching import source_watcher
from lakehouse_assets.engine.project import check_names
from lakehouse_assets.errors import ContractError
from lakehouse_assets.settings import load

TOPICS = st.text("ab019._-", min_size=1, max_size=8).filter(lambda topic: topic not in (".", ".."))
PREFIXES = st.text(st.sampled_from("ab0/._- %'\"ä日x_"), min_size=1, max_size=8)


@given(st.lists(TOPICS, min_size=2, max_size=40, unique=True))
@example(["a.b", "a-b", "a_b", "a.b__h", "a.b..h", "a_b__h", "a-", "a.", "a_", "a", "_a", "a__", "a..b"])
def test_no_two_topics_share_a_name(topics):
    """Each one is a name that Dagster takes."""
    assert len({identifier(topic, ".") for topic in topics}) == len(topics)
    assert len({tuple(words(topic, ".")) for topic in topics}) == len(topics)
    for topic in topics:
        assert re.fullmatch("[A-Za-z0-9_]+", identifier(topic, "."))
        assert all(re.fullmatch("[A-Za-z0-9_]+", word) for word in words(topic, "."))


@given(st.lists(PREFIXES, min_size=2, max_size=40, unique=True))
def test_no_two_prefixes_share_a_name(prefixes):
    """Whatever characters they have."""
    names = {identifier(prefix, "/") for prefix in prefixes}
    assert len(names) == len(prefixes)
    assert all(re.fullmatch("[A-Za-z0-9_]+", name) for name in names)


def test_names_of_today_stay_as_they_are():
    """The sensors, jobs and assets that people know."""
    transactions, products = sales_transactions.table, sales_products.table
    assert (transactions.origin_name, products.origin_name) == ("sales_transactions", "landing_sales_products")
    assert transactions.origin_key.path == ["kafka", "sales", "transactions"]
    assert products.origin_key.path == ["landing", "sales", "products"]


@pytest.mark.parametrize("topic", ["sales-payments.v1", "sales_payments", "a..b", "-", "__x", "A.b", "t" * 249])
def test_any_legal_topic_can_be_followed(topic):
    """Asset, job and sensor are made of it."""
    table = replace(sales_transactions.table, topic=topic)
    tables = (table, *TABLES[1:])
    job = increment_job(table, tables)
    assert job.name in {each.job_name for each in source_watcher(tables, {table.key: job}).targets}
    assert source_asset(table).key == table.origin_key
    assert table_asset(table, load()).key == table.asset_key


@pytest.mark.parametrize("prefix", ["landing/sales eu/ü/", "x.y/z-1/", "a'b/", "landing/lab_1/"])
def test_any_prefix_can_be_followed(prefix):
    """Asset, job and sensor are made of it."""
    table = replace(sales_products.table, prefix=prefix)
    job = increment_job(table, (table,))
    assert job.name in {each.job_name for each in source_watcher((table,), {table.key: job}).targets}
    assert source_asset(table).key == table.origin_key
    assert table_asset(table, load()).key == table.asset_key


@pytest.mark.parametrize("topic", ["", ".", "..", "a b", "ä", "a/b", "t" * 250, "__consumer_offsets"])
def test_no_other_topic_can_be_declared(topic):
    """The refusal says which table and what a topic's name is."""
    with pytest.raises(ContractError, match=r"bronze/sales/transactions.*(is no topic's name|is Kafka's own)"):
        replace(sales_transactions.table, topic=topic)


@pytest.mark.parametrize(
    "key", ["", "bronze/sales", "bronze/sales/a/b", "copper/a/b", "bronze/Sales/a", "gold/a b/c", "gold/1/c"]
)
def test_no_other_key_can_be_declared(key):
    """The refusal says what a key is."""
    with pytest.raises(ContractError, match="Give LAYER/DOMAIN/TABLE in small letters"):
        replace(sales_transactions.table, key=key)


def test_tables_that_share_a_name_are_refused_with_both():
    """Keys, quarantines, flat names and sources."""
    table = sales_transactions.table
    for other in (
        replace(table, topic="x"),
        replace(table, key="bronze/sales/other"),
        replace(table, key="bronze/sales/transactions_quarantine", topic="x"),
    ):
        with pytest.raises(ContractError, match="bronze/sales/transactions"):
            check_names([table, replace(other, description="another")])
    with pytest.raises(ContractError, match=r"bronze/a/b_c.*bronze/a_b/c|bronze/a_b/c.*bronze/a/b_c"):
        check_names([replace(table, key="bronze/a_b/c", topic="x"), replace(table, key="bronze/a/b_c", topic="y")])
    with pytest.raises(ContractError, match="bronze/sales/products"):
        check_names([replace(table, topic="landing.sales.products"), sales_products.table])
