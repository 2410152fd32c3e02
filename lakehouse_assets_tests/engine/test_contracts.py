"""Contracts: a Pandera model becomes row rules that Spark enforces, or is refused."""

from __future__ import annotations

from typing import ClassVar

import pandera.pyspark as pa
import pyspark.sql.types as T
import pytest
from pandera.pyspark import DataFrameModel, Field

from lakehouse_assets.engine.contracts import compile_model, without_quarantine
from lakehouse_assets.engine.rules import RowRule, UniqueRule, VolumeRule
from lakehouse_assets.errors import ContractError


class Line(DataFrameModel):
    """A model with one rule of each kind."""

    number: T.StringType = Field(str_matches=r"C?\d+$", description="Receipt")
    kind: T.StringType = Field(isin=["a", "b"], nullable=True)
    units: T.IntegerType = Field(ge=0, lt=10)
    code: T.StringType = Field(str_startswith="X", str_endswith="Z", nullable=True)


def test_a_contract_keeps_columns_types_nullability_and_descriptions():
    """What Dagster shows of a table is what the model says."""
    fields = compile_model(Line, "t").fields

    assert [(f.name, f.dataType.simpleString(), f.nullable) for f in fields] == [
        ("number", "string", False),
        ("kind", "string", True),
        ("units", "int", False),
        ("code", "string", True),
    ]
    assert fields["number"].metadata == {"comment": "Receipt"}


def test_a_check_that_spark_cannot_enforce_is_refused_with_its_name():
    """No rule is left out in silence."""

    class Kinds(DataFrameModel):
        name: T.StringType = Field(unique_values_eq=["a", "b"])

    with pytest.raises(ContractError, match="gold/x: check 'unique_values_eq' on name"):
        compile_model(Kinds, "gold/x")


def test_a_check_of_the_whole_frame_is_refused():
    """It would need all rows at once."""

    class Whole(DataFrameModel):
        name: T.StringType = Field()

        @pa.dataframe_check
        def enough(cls, frame):  # noqa: N805
            return True

    with pytest.raises(ContractError, match="the whole frame"):
        compile_model(Whole, "gold/x")


def test_the_version_changes_with_every_rule_and_only_with_them():
    """A description may be mended without a new contract."""

    class Described(Line):
        number: T.StringType = Field(str_matches=r"C?\d+$", description="Other words")

    class Stricter(Line):
        units: T.IntegerType = Field(ge=0, lt=9)

    class Nullable(Line):
        units: T.IntegerType = Field(ge=0, lt=10, nullable=True)

    versions = [compile_model(model, "t").version for model in (Line, Described, Stricter, Nullable)]

    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


ROWS = [
    (("12", "a", 5, "XZ"), []),
    (("C12", None, 0, None), []),
    ((None, "a", 5, "XZ"), ["number: not null"]),
    (
        ("12x", "c", 10, "Y"),
        ["number: str_matches", "kind: isin", "units: less_than", "code: str_ends", "code: str_starts"],
    ),
    (("x12", "a", -1, "XZ"), ["number: str_matches", "units: greater_than_or_equal"]),
    (("12", "a", None, "XZ"), ["units: not null"]),
]


@pytest.mark.services
def test_every_broken_rule_of_a_row_is_named(spark):
    """A null breaks only the rule against nulls; a good row breaks none."""
    contract = compile_model(Line, "t")
    rows = spark.createDataFrame(
        [(i, *row) for i, (row, _) in enumerate(ROWS)], "id int, number string, kind string, units int, code string"
    )

    found = rows.select("id", contract.broken().alias("broken")).orderBy("id").collect()

    for row, (_, expected) in zip(found, ROWS, strict=True):
        assert len(row["broken"]) == len(expected), row
        assert all(name.startswith(start) for name, start in zip(row["broken"], expected, strict=True)), row


def test_each_rule_has_the_severity_that_its_field_gives_it_or_that_of_its_layer():
    """By field or by check, also by the short names that `Field` takes; what spans rows fails."""

    class Severities(DataFrameModel):
        plain: T.StringType = Field()
        whole: T.IntegerType = Field(ge=0, metadata={"severity": "warn"})
        mixed: T.IntegerType = Field(ge=0, le=9, metadata={"severity": {"ge": "fail"}})

        class Config:
            unique = ("plain",)
            metadata: ClassVar = {"rules": (RowRule("small", "mixed < whole"), VolumeRule(1, severity="warn"))}

    found = {rule.name: rule.severity for rule in compile_model(Severities, "t").every_rule}

    assert found == {
        "plain: not null": "quarantine",
        "whole: not null": "warn",
        "whole: greater_than_or_equal_to(0)": "warn",
        "mixed: not null": "quarantine",
        "mixed: greater_than_or_equal_to(0)": "fail",
        "mixed: less_than_or_equal_to(9)": "quarantine",
        "small": "quarantine",
        "unique: plain": "fail",
        "rows a day: 1 or more": "warn",
    }


def ruled(*rules, **config) -> type[DataFrameModel]:
    class Ruled(DataFrameModel):
        name: T.StringType = Field(metadata={"severity": config.pop("severity", "fail")})

        class Config:
            metadata: ClassVar = {"rules": rules}

    return Ruled


@pytest.mark.parametrize("option", [{"coerce": True}, {"regex": True}])
def test_an_option_of_a_field_that_nobody_would_carry_out_is_refused(option):
    """Pandera would cast a column or look for others; the table's transform does neither."""

    class Optional(DataFrameModel):
        name: T.StringType = Field(**option)

    with pytest.raises(ContractError, match=f"check '{next(iter(option))}' on name"):
        compile_model(Optional, "gold/x")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (ruled(severity="loud"), "cannot read the severity of name: 'loud'"),
        (ruled(severity={"ge": "warn"}), "cannot read the severity of name"),
        (ruled(UniqueRule(("name",), "quarantine")), "'unique: name' cannot set rows aside"),
        (ruled(UniqueRule(("nmae",))), "nmae: a rule that is there twice, or a rule's column that is not"),
        (ruled(RowRule("twice", "true"), RowRule("twice", "false")), "twice: a rule that is there twice"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_when_it_is_declared(model, said):
    """By name, and not when the first batch arrives."""
    with pytest.raises(ContractError, match=f"gold/x: {said}"):
        compile_model(model, "gold/x")


def test_an_answer_cannot_be_set_aside():
    """It has no record of its own that could come back."""
    contract = compile_model(ruled(severity="quarantine"), "gold/x")

    with pytest.raises(ContractError, match="name: not null: an answer has no record of its own"):
        without_quarantine(contract, "gold/x")
