"""Tests of how clients sign in."""
