"""A Spark Connect address keeps its parameters, and is shown without its token."""

from __future__ import annotations

from lakehouse_assets.access import spark


def test_parameters_are_added_to_those_that_are_there():
    assert spark.session("sc://h:1", user_id="me") == "sc://h:1/;user_id=me"
    assert spark.session("sc://h:1/;token=t", user_id="me") == "sc://h:1/;token=t;user_id=me"


def test_a_token_is_not_shown():
    assert spark.shown("sc://h:1/;use_ssl=true;token=t") == "sc://h:1"
