"""Tests of the gold tables, one file each."""
