"""The limits: what is held, settled and released."""
