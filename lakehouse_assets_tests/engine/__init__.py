"""Tests of the machine room; one file for each module."""
