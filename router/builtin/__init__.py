"""The built-in model: a small specialist that the project trained itself, so that serving needs no download."""

from pathlib import Path

MODEL_PATH = Path(__file__).parent / "small.gguf"
"""Where the committed weights lie; `card.md` beside them says what they can and cannot do."""
