"""Tests of carrying a decision out."""
