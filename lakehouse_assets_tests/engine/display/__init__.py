"""Tests of engine/display."""
