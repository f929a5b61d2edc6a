"""The recipe of the built-in model: it writes its own text, trains on it from scratch and exports a GGUF file."""
