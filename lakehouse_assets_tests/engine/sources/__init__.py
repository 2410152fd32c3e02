"""Tests of engine/sources."""
