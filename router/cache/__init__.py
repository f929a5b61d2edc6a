"""Answers that may be given again: to the same request, where it would be the same answer."""
