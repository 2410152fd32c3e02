"""W2 with many sources: two of them live, the others silent; and how soon the UI answers meanwhile."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.cases import OURS, SECONDS, STREAMING, Case, Measured, WrongResultError
from benchmarks.harness.scale import Sizes
from benchmarks.harness.site import Site, opened
from benchmarks.workloads.many_sources import LIVE, silent, written
from benchmarks.workloads.shop import Shop, running, today

SOURCES, PAGES = "W2 many sources", "W2 many sources: pages"
PAGE_SECONDS = 1.0
QUERIES = (
    "{ assetNodes { id assetKey { path } groupName assetMaterializations(limit: 1) { timestamp } } }",
    "{ runsOrError(limit: 25) { ... on Runs { results { id status tags { key value } startTime endTime } } } }",
    "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }",
)
"""What the pages of assets, runs and deployment ask for."""


def case(sizes: Sizes) -> Case:
    """Both are told by the same pieces."""
    return Case(SOURCES, (OURS, STREAMING), lambda contender, _: measured(sizes, contender))


def measured(sizes: Sizes, contender: str) -> Sequence[Measured]:
    """Freshness of both live sources, by the slowest table of each; and the UI's answers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lakehouse-bench-")))
        project = written(folder, sizes.sources)
        quiet = [feed.topic for feed in silent(sizes.sources)]
        site = stack.enter_context(opened(sizes, LIVE, around={"LAKEHOUSE_PROJECT": str(project)}, further=quiet))
        at_work = stack.enter_context(running(contender, site))
        shops = [stack.enter_context(Shop(site, at_work, [today()], feed)) for feed in LIVE]
        for shop in shops:
            shop.batch(sizes.day_lines)
            shop.warm_up()
        pages = stack.enter_context(Pages(site).looked_at()) if contender == OURS else Pages(site)
        values = side_by_side(shops)
        for shop in shops:
            shop.check()
        pages.check()
    told = [Measured(SECONDS, values)]
    return [*told, Measured(SECONDS, pages.seconds, case=PAGES)] if pages.seconds else told


def side_by_side(shops: Sequence[Shop]) -> list[float]:
    """Traffic at all shops at once; of each record the slowest table of its feed."""
    with ThreadPoolExecutor(len(shops)) as pool:
        found = list(pool.map(lambda shop: shop.traffic(shop.site.sizes.further_traffic), shops))
    return [max(each) for by_table in found for each in zip(*by_table.values(), strict=True)]


@dataclass
class Pages:
    """Asks the webserver what its pages ask, once a second."""

    site: Site
    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def looked_at(self) -> Iterator[Pages]:
        """While the block runs."""
        stopped = threading.Event()
        thread = threading.Thread(target=lambda: self._look(stopped), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stopped.set()
            thread.join()

    def _look(self, stopped: threading.Event) -> None:
        while not stopped.wait(PAGE_SECONDS):
            try:
                self.seconds += [self._ask(query) for query in QUERIES]
            except (OSError, ValueError) as error:
                self.failed.append(str(error))

    def check(self) -> None:
        """Each page was answered.

        Raises:
            WrongResultError: one was not.
        """
        if self.failed:
            raise WrongResultError(f"{len(self.failed)} pages were not answered: {self.failed[0]}")

    def _ask(self, query: str) -> float:
        """Seconds until there is data.

        Raises:
            ValueError: there is none.
            OSError: there is no answer.
        """
        body = json.dumps({"query": query}).encode()
        asked = urllib.request.Request(
            f"{self.site.settings.dagster_url}/graphql", body, {"Content-Type": "application/json"}
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        began = time.monotonic()
        with direct.open(asked, timeout=60) as answer:
            if not json.load(answer).get("data"):
                raise ValueError(f"no data for {query}")
        return time.monotonic() - began
