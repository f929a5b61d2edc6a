"""The built-in model: a small specialist that the project trains itself, so that serving needs no download.

`card.md` says what it can do, how well, and what it cannot; `python -m router.builtin.recipe` makes it again.
"""

from pathlib import Path

MODEL_PATH = Path(__file__).parent / "small.gguf"
"""The weights, 1.4 MB; `card.md` lies beside them."""
