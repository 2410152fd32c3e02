"""Tests of engine/orchestration."""
