"""Chromium without a window, on the pages of the embedded Dagster."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET = "no Chromium: `apt-get install chromium` (as root), or put one on the PATH"
WIDTH, HEIGHT = 1500, 940
SETTLE_MS = 1500
TIMEOUT_MS = 60_000


def executable() -> str | None:
    """The browser on this machine, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(frozen=True)
class Ui:
    """Pages of one Dagster."""

    page: Page
    url: str

    def open(self, path: str, *texts: str) -> Page:
        """A page, once it shows all these texts."""
        self.page.goto(f"{self.url}{path}")
        for text in texts:
            self.page.get_by_text(text).first.wait_for(timeout=TIMEOUT_MS)
        self.page.wait_for_timeout(SETTLE_MS)
        return self.page

    def asset(self, key: str, view: str, *texts: str) -> Page:
        """A view of an asset's page: overview, partitions, events, checks, lineage."""
        return self.open(f"/assets/{key}?view={view}", *texts)

    def lineage(self) -> Page:
        """The graph of all assets as it opens, one step nearer."""
        self.open("/asset-groups", "daily_revenue")
        self.page.get_by_text("Hide navigation").click()
        size = self.page.viewport_size
        assert size is not None
        self.page.mouse.move(size["width"] / 2, size["height"] / 2)
        self.page.mouse.wheel(0, -120)
        self.page.wait_for_timeout(SETTLE_MS)
        return self.page

    def resize(self, width: int, height: int) -> None:
        """Another size of the window; a graph fits itself into it when it is opened."""
        self.page.set_viewport_size({"width": width, "height": height})

    def scroll_to(self, text: str) -> None:
        """Brings the last place with this text into view."""
        self.page.get_by_text(text, exact=True).last.scroll_into_view_if_needed()
        self.page.wait_for_timeout(SETTLE_MS)

    def shoot(self, file: Path, clip: FloatRect | None = None) -> None:
        """A picture of the page as it is now, or of a part of it."""
        self.page.screenshot(path=str(file), clip=clip)


@contextmanager
def browsing(url: str) -> Iterator[Ui]:
    """A browser for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        try:
            yield Ui(browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}), url)
        finally:
            browser.close()
