"""Tests of the bronze tables, one file each."""
