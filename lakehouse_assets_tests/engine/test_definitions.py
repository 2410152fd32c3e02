"""A table that could not hold is refused when it is defined, by what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.names import quoted
from lakehouse_assets.engine.rules import VolumeRule
from lakehouse_assets.errors import ContractError
from lakehouse_assets.gold import sales_daily_revenue as gold
from lakehouse_assets.silver import sales_transactions as silver


class Line(DataFrameModel):
    """A model of the grain alone."""

    TransactionNo: T.StringType = Field()
    ProductNo: T.StringType = Field()


def modelled(model: type[DataFrameModel], **other):
    return replace(silver.table, schema=model, **other)


def with_field(name: str) -> type[DataFrameModel]:
    """The model with one field more, of any name."""
    fields = {"__annotations__": {"more": T.StringType}, "more": Field(nullable=True, alias=name)}
    return type("Named", (Line,), fields)


TAKEN = ["topic_id", "partition", "offset", "event_date", "content_hash", "losers", "reasons", "remarks", "unreadable"]
TAKEN += ["undeclared", "Undeclared", "absent", "__lakehouse_rank", "productno"]
UNHELD = ["a b", "a.b", "a`b", "a'b", "a;b", "a=b", "a\tb", "a\nb", "a,b", 'a"b']


@pytest.mark.parametrize("name", [*TAKEN, *UNHELD])
def test_a_column_that_is_the_engines_or_that_no_table_can_have_is_refused_by_name(name):
    with pytest.raises(ContractError) as refused:
        modelled(with_field(name))
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize(
    "name", ["rank", "value", "key", "timestamp", "headers", "batch", "age", "fields", "@ts", "Größe"]
)
def test_any_other_name_is_the_tables_own(name):
    assert name in modelled(with_field(name)).contract.fields.names


def test_answers_may_have_the_names_of_a_record_but_not_those_of_their_verdict():
    class Answer(DataFrameModel):
        event_date: T.DateType = Field()
        offset: T.LongType = Field()

    class Judged(Answer):
        remarks: T.StringType = Field()

    replace(gold.table, schema=Answer, plot="")
    with pytest.raises(ContractError, match="'remarks'"):
        replace(gold.table, schema=Judged, plot="")


def test_a_grain_that_can_be_null_or_is_not_there_is_refused():
    """A null equals no other: the event would come in once more with each batch."""

    class Nullable(Line):
        ProductNo: T.StringType = Field(nullable=True)

    class Warned(Line):
        ProductNo: T.StringType = Field(metadata={"severity": "warn"})

    for model in (Nullable, Warned):
        with pytest.raises(ContractError, match="grain ProductNo can be null"):
            modelled(model)
    with pytest.raises(ContractError, match="names Till, which the model lacks"):
        modelled(Line, grain=("TransactionNo", "Till"))


def test_a_least_volume_that_fails_is_refused_where_days_fill_batch_by_batch():
    def of(rule: VolumeRule) -> type[DataFrameModel]:
        class Volume(Line):
            class Config:
                metadata: ClassVar = {"rules": (rule,)}

        return Volume

    with pytest.raises(ContractError, match="rows a day: 1000 or more"):
        modelled(of(VolumeRule(at_least=1000)))
    for fine in (VolumeRule(at_least=1000, severity="warn"), VolumeRule(at_least=1), VolumeRule(at_most=5)):
        modelled(of(fine))


def test_a_quoted_name_is_one_name():
    assert quoted("a`b.c") == "`a``b.c`"
