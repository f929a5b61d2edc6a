"""Tests of the local engine: real children, real signals, real files."""
