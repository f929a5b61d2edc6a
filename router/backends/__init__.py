"""Targets: remote servers and the local engine behind one protocol."""
