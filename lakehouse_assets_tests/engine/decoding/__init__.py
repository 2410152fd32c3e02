"""Tests of the decoders, one file for each."""
