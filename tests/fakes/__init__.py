"""Servers and clients that misbehave on purpose."""
