"""The keys that callers have: made by a command, kept as digests, looked up in memory."""
