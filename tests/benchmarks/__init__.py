"""Tests of the benchmarks' own machinery: a figure is worth what its instrument is."""
