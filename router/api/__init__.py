"""The edges: what a client may send and what it gets."""
