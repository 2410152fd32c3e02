"""Drift: a field that comes or goes is never lost and never a null in silence, whatever the table does about it."""

from __future__ import annotations

import json
from dataclasses import replace

import pyspark.sql.types as T
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.history import acceptances
from lakehouse_assets.engine.payload import MOST_UNDECLARED, parse_json
from lakehouse_assets.engine.writing import audits
from lakehouse_assets.engine.writing.audits import MOST_NAMES, NOT_DECLARED
from lakehouse_assets.engine.writing.drift import can_widen
from lakehouse_assets.engine.writing.engine import LATER
from lakehouse_assets.engine.writing.publication import RefusedError
from lakehouse_assets.errors import ContractError
from lakehouse_assets.silver import sales_transactions as silver
from lakehouse_assets_tests.engine.lab import Lab, sale

services = pytest.mark.services


def without(record: bytes, *names: str) -> bytes:
    """A record of which the source has dropped fields."""
    return json.dumps({name: value for name, value in json.loads(record).items() if name not in names}).encode()


def columns(lab: Lab) -> list[str]:
    return [field.name for field in lab.lake.schema(lab.silver.key)]


def drifting(lab: Lab, drift: str) -> Lab:
    lab.silver = replace(lab.silver, drift=drift)
    lab.gold = replace(lab.gold, source=lab.silver)
    return lab


@services
def test_evolve_new_fields_are_kept_as_text_beside_the_columns(lab: Lab):
    """Whatever they are called, by their names in lower case, in a rebuild too; no producer changes the columns."""
    lab.send(sale(1)).ingest()
    lab.send(sale(2, Tip=1.5, promo="A", **{"till ; no": 4, "a`b'\\]": None}), sale(3, Tip={"USD": 2}, Promo="B"))
    lab.send(sale(4, promo="A", Promo="B", rank=3)).ingest()
    lab.send(sale(5)).ingest()

    found = {row["offset"]: row["undeclared"] for row in lab.rows(lab.silver.key, '"offset", "undeclared"')}
    assert {offset: dict(fields or ()) for offset, fields in found.items()} == {
        0: {},
        1: {"tip": "1.5", "promo": "A", "till ; no": "4", "a`b'\\]": None},
        2: {"tip": '{"USD":2}', "promo": "B"},
        3: {"promo": "A", "rank": "3"},
        4: {},
    }
    recorded = [commit.statement.columns for commit in lab.lake.commits(lab.silver.key) if commit.statement]
    assert recorded == [(), (), ()]
    before = lab.rows(lab.silver.key)
    days = sorted(lab.lake.days(lab.silver.key))
    lab.publish_all(lab.silver.rebuild(lab.engine(), days))
    assert lab.rows(lab.silver.key) == before


@services
@pytest.mark.parametrize("drift", ["evolve", "quarantine"])
def test_a_field_that_is_gone_sets_the_record_aside_although_a_null_would_be_allowed(lab: Lab, drift):
    """A customer may be unknown (null); a record without the field says that the source has changed."""
    drifting(lab, drift)
    lab.send(sale(1, CustomerNo=None), without(sale(2), "CustomerNo"), sale(3, Tip=1)).ingest()

    aside = {row["offset"]: row["reasons"] for row in lab.rows(lab.silver.quarantine)}
    renamed = {} if drift == "evolve" else {2: ["tip: not declared"]}
    assert aside == {1: ["CustomerNo: absent"]} | renamed
    assert "Tip" not in columns(lab)


@services
def test_freeze_stops_the_run_and_names_the_fields(lab: Lab):
    """What came and what went; nothing is written."""
    drifting(lab, "freeze").send(sale(1)).ingest()
    version = lab.lake.version(lab.silver.key)
    lab.send(without(sale(2, ClientNo=7), "CustomerNo")).land()

    with pytest.raises(RefusedError, match=r"'CustomerNo: absent', 'clientno: not declared'"):
        lab.silver.increment(lab.engine(), LATER)
    assert (lab.lake.version(lab.silver.key), lab.rows(lab.silver.quarantine)) == (version, [])


@services
def test_a_key_of_its_own_in_each_record_makes_neither_columns_nor_names_without_end(lab: Lab, monkeypatch):
    """All are published and kept; only the most frequent are counted by name, and what is long or odd is cut."""
    monkeypatch.setattr(audits, "MOST_GROUPS", 100)
    odd = sale(1000, **{"k\n" * 60: 1, "tip": 1}), sale(1001, tip=2, **{f"s{i}": i for i in range(120)})
    lab.send(*(sale(i, **{f"sku_{i}": 1}) for i in range(300)), *odd).land()
    planned = lab.silver.increment(lab.engine(), LATER)
    lab.publish(planned)

    named = {name for name in planned.audit.broken_rules if name.endswith(NOT_DECLARED)}
    assert len(named) <= MOST_NAMES + 1
    assert {"tip: not declared", "further fields: not declared"} <= named
    assert all(len(name) < 80 and "\n" not in name for name in named)
    kept = [dict(row["undeclared"]) for row in lab.rows(lab.silver.key, "undeclared")]
    assert len(kept) == 302
    assert all({f"sku_{i}": "1"} in kept for i in range(300))
    assert max(map(len, kept)) == MOST_UNDECLARED


class Short(DataFrameModel):
    """The model before: no customer, and narrower types."""

    TransactionNo: T.StringType = Field()
    ProductNo: T.StringType = Field()
    Price: T.DecimalType(10, 2) = Field()  # type: ignore[valid-type]
    Quantity: T.ShortType = Field()


def typed(model: type[DataFrameModel]):
    """A transform to a model's types."""

    def transform(records):
        schema = {name: column.dtype.type for name, column in model.to_schema().columns.items()}
        return parse_json(records, schema, optional=silver.PAYLOAD)

    return transform


class Wide(Short):
    """The model after: a column more, and wider types."""

    Price: T.DecimalType(18, 2) = Field()  # type: ignore[valid-type]
    Quantity: T.LongType = Field()
    CustomerNo: T.LongType = Field(nullable=True)


def modelled(lab: Lab, model: type[DataFrameModel]) -> Lab:
    lab.silver = replace(lab.silver, schema=model, transform=typed(model), drift="freeze")
    return lab


def lean(number: int, **other) -> bytes:
    """A record of the four fields of `Short`."""
    record = {name: json.loads(sale(number))[name] for name in ("TransactionNo", "ProductNo", "Price", "Quantity")}
    return json.dumps(record | other).encode()


@services
@pytest.mark.slow
def test_a_wider_model_widens_the_table_and_adds_its_columns_and_a_narrower_one_is_refused(lab: Lab):
    """Another reader reads it all; a column that the model drops is named, and let go by an acceptance alone."""
    modelled(lab, Short).send(lean(1)).land()
    lab.refine()
    modelled(lab, Wide).send(lean(2, Quantity=3_000_000_000, CustomerNo=7)).land()
    lab.refine()

    assert [(r["offset"], r["Quantity"], r["CustomerNo"]) for r in lab.rows(lab.silver.key)] == [
        (0, 1, None),
        (1, 3_000_000_000, 7),
    ]

    class Narrow(Wide):
        Quantity: T.IntegerType = Field()

    modelled(lab, Narrow).send(lean(3)).land()
    with pytest.raises(ContractError, match="its column Quantity is bigint, the model says int"):
        lab.silver.increment(lab.engine(), LATER)

    class Dropped(Short):
        Price: T.DecimalType(18, 2) = Field()  # type: ignore[valid-type]
        Quantity: T.LongType = Field()

    modelled(lab, Dropped)
    with pytest.raises(ContractError, match="its column CustomerNo is not in the model any longer"):
        lab.silver.increment(lab.engine(), LATER)
    rule = "CustomerNo: no longer in the model"
    acceptances.record_rules(lab.spark, lab.settings, lab.silver, [rule], "somebody")
    lab.refine()
    lab.send(lean(4)).land()
    lab.refine()
    assert [(row["offset"], row["CustomerNo"]) for row in lab.rows(lab.silver.key, '"offset", "CustomerNo"')] == [
        (0, None),
        (1, 7),
        (2, None),
        (3, None),
    ]


WHOLE = {T.ByteType(): 2**7, T.ShortType(): 2**15, T.IntegerType(): 2**31, T.LongType(): 2**63}
DECIMALS = st.integers(1, 38).flatmap(lambda p: st.builds(T.DecimalType, st.just(p), st.integers(0, p)))


@given(st.sampled_from([*WHOLE]), st.sampled_from([*WHOLE]))
def test_whole_numbers_widen_to_what_holds_them(held, wanted):
    assert can_widen(held, wanted) is (WHOLE[held] < WHOLE[wanted])


@given(DECIMALS, DECIMALS)
def test_decimals_widen_to_what_holds_their_whole_and_broken_digits(held, wanted):
    holds = wanted.scale >= held.scale and wanted.precision - wanted.scale >= held.precision - held.scale
    assert can_widen(held, wanted) is holds
