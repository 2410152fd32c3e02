"""Which verdicts are stored: each failure, each change, and now and then that all is as ever."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from dagster import AssetCheckEvaluation, AssetKey, DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.engine.orchestration import news
from lakehouse_assets.engine.orchestration.news import VERDICTS_APART_SECONDS, News


@pytest.fixture(scope="module")
def instance():
    with DagsterInstance.ephemeral() as instance:
        yield instance


def verdict(passed: bool) -> AssetCheckEvaluation:
    return AssetCheckEvaluation(asset_key=AssetKey("t"), check_name="readable", passed=passed)


SEQUENCES = st.lists(st.tuples(st.sampled_from(["passes", "fails", "refused", "another run"]), st.floats(0, 90)))


@given(SEQUENCES)
def test_who_reads_the_newest_verdict_is_never_wrong_and_seldom_told_the_same(instance, steps):
    """Whatever a run that is over has told counts for the next one of this process."""
    news._TOLD.clear()
    now, shown, told_at = 0.0, None, 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(news, "time", SimpleNamespace(monotonic=lambda: now))
        table, audit = SimpleNamespace(key="t"), object()
        done = SimpleNamespace(publication=SimpleNamespace(table=table, audit=audit))
        run = News(SimpleNamespace(instance=instance), None, 5.0)
        for what, seconds in steps:
            now += seconds
            if what == "another run":
                run = News(SimpleNamespace(instance=instance), None, 5.0)
            elif what == "refused":
                shown = False
                run.refused("t")
            else:
                found = verdict(what == "passes")
                patch.setattr(news.checks, "evaluations", lambda *_, found=found: [found])
                stored = [each.passed for each in run._verdicts(done)]
                must = shown is not True or not found.passed or now - told_at >= VERDICTS_APART_SECONDS
                assert stored == ([found.passed] if must else [])
                shown, told_at = (found.passed, now) if stored else (shown, told_at)
                assert shown is found.passed
