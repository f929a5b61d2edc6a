"""Tests of the classifier room."""
