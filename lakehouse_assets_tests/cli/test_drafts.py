"""First drafts: fields by words for their types, and names that Python or the draft itself has a use for."""

from __future__ import annotations

import ast
from dataclasses import replace

import pyspark.sql.types as T
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.cli import draft_answers, fields, new
from lakehouse_assets.cli.orders import GRIDS, Order
from lakehouse_assets.engine.grids import DAILY
from lakehouse_assets.silver.sales_transactions import table as sales

SPARK = {
    "text": T.StringType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "double": T.DoubleType(),
    "bool": T.BooleanType(),
    "date": T.DateType(),
    "timestamp": T.TimestampType(),
    "decimal(18,2)": T.DecimalType(18, 2),
    "decimal(3,3)": T.DecimalType(3, 3),
}
NAMES = st.lists(st.from_regex(r"[A-Z][a-z]{3,9}[0-9]", fullmatch=True), min_size=1, max_size=6, unique_by=str.lower)


@pytest.mark.parametrize("word", SPARK)
def test_a_word_stands_for_a_type_of_spark(word: str):
    """Upper case and spaces do not matter."""
    [no, paid] = fields.columns(f" No:text ,Paid : {word.upper().replace(',', ' , ')}")

    assert (no.name, paid.name) == ("No", "Paid")
    assert eval(paid.dtype.given, {"T": T}) == SPARK[word]


def test_the_first_time_is_the_events_own():
    found = fields.columns("No: text, Day: date, At: timestamp")
    assert fields.time_of(found) == "Day"
    assert fields.time_of(found[:1]) == ""


@given(names=NAMES, words=st.lists(st.sampled_from([*SPARK]), min_size=6, max_size=6), grid=st.sampled_from(GRIDS))
def test_drafts_of_any_fields_are_python_and_declare_each_field_once(names: list[str], words: list[str], grid: str):
    """In the payload, in the model with its type, in the test's record; the first one is the grain."""
    text = ", ".join(f"{name}: {word}" for name, word in zip(names, words, strict=False))
    files = new.drafted(Order("bronze/shop/orders", topic="shop.orders", grid=grid, fields=text))

    bronze, _, silver, test = (ast.parse(each) for each in files.values())
    [model] = [each for each in silver.body if isinstance(each, ast.ClassDef)]
    declared = {ast.unparse(each.target): ast.unparse(each.annotation) for each in model.body[1:]}  # type: ignore[attr-defined]
    assert [*declared] == names
    spark = [eval(each, {"T": T}) for each in declared.values()]
    held = [each if isinstance(each, T.DataType) else each() for each in spark]
    assert held == [SPARK[word] for word in words[: len(names)]]
    assert f"grain=('{names[0]}',)" in ast.unparse(silver)
    assert ("grid=" in ast.unparse(bronze)) == (grid != "day")
    assert all(f"'{name}': " in ast.unparse(test) for name in names)


@pytest.mark.parametrize("name", ["class", "field", "data_frame", "t", "none", "event_table"])
def test_a_tables_name_hides_nothing_that_its_file_uses(name: str):
    """The model's class is called otherwise than what is imported, and than Python's own words."""
    text, _ = new.drafted(Order(f"silver/shop/{name}", sources=("bronze/sales/transactions",))).values()

    body = ast.parse(text).body
    classes = {each.name for each in body if isinstance(each, ast.ClassDef)}
    imported = {alias.asname or alias.name for node in body for alias in getattr(node, "names", ())}
    assert len(classes) == 1
    assert classes & imported == set()


@pytest.mark.parametrize(
    ("order", "keep"),
    [
        (Order("bronze/shop/prices", drop="landing/shop/prices/", fields="No: text"), "last"),
        (Order("bronze/shop/prices", topic="shop.prices", fields="No: text"), ""),
        (Order("silver/shop/prices", sources=("bronze/sales/products",), fields="No: text"), "last"),
        (Order("silver/shop/prices", sources=("bronze/sales/products",), fields="No: text", kind="dimension"), ""),
    ],
)
def test_a_line_of_a_newer_file_replaces_an_older_one(order: Order, keep: str):
    """A corrected file of the same day counts; a dimension does so by itself."""
    [silver] = [text for path, text in new.drafted(order).items() if path.startswith("lakehouse_assets/silver/")]
    assert ('keep="last"' in silver) == bool(keep)


def test_sources_that_share_their_last_name_or_have_one_of_pythons_are_told_apart():
    """`silver/sales/class` and `silver/shop/class` would be one argument."""
    for keys in (["silver/sales/class", "silver/sales/orders"], ["silver/sales/orders", "silver/shop/orders"]):
        tables = [replace(sales, key=key) for key in keys]
        text = draft_answers.gold("gold/sales/both", tables, DAILY, is_sql=False)
        [function] = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)]
        assert [each.arg for each in function.args.args] == [key.replace("/", "_") for key in keys]
