"""Answers that no client sees: a sample of requests is answered once more by another model, and the two are compared."""
