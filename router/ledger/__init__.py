"""Exactly one record for each accepted request."""
