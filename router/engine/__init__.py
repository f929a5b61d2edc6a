"""The llama.cpp child process, its supervisor and the wire between them."""
