"""Tests of the built-in model and of its recipe."""
