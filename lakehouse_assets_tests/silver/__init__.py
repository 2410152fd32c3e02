"""Tests of the silver tables, one file each."""
