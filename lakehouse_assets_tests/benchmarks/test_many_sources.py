"""The project with many sources holds their tables, and the pages that are asked for meanwhile exist."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import graphql
import pytest
from dagster_graphql.schema import create_schema

from benchmarks.workloads.many_sources import ANSWERS, LIVE, silent, written
from benchmarks.workloads.w2_sources import QUERIES
from lakehouse_assets_tests import PROJECT

KEYS = """
import json
from lakehouse_assets.engine.project import registry
print(json.dumps([table.key for table in registry().tables]))
"""


def test_its_tables_are_those_of_the_feeds(tmp_path):
    project = written(tmp_path, 5)
    around = os.environ | {"LAKEHOUSE_PROJECT": str(project), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", KEYS], env=around, capture_output=True, text=True, check=True)

    live = [feed.key(layer) for feed in LIVE for layer in ("bronze", "silver")]
    answers = [feed.key("gold", answer) for feed in LIVE for answer in ANSWERS]
    assert {*json.loads(done.stdout)} == {*live, *answers, *(feed.key("bronze") for feed in silent(5))}


@pytest.mark.parametrize("query", QUERIES)
def test_what_its_pages_ask_is_what_the_webserver_answers(query):
    assert graphql.validate(create_schema().graphql_schema, graphql.parse(query)) == []
