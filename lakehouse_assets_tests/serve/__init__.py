"""Tests of the views, one file each."""
