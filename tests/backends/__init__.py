"""Tests of the targets: real sockets, scripted servers."""
