"""The tests; `lakehouse_assets_tests/` mirrors the package."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The root of this repository."""
