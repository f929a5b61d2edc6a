"""The built-in model: a small specialist that the project trains itself, so that serving needs no download.

This version has its recipe (`python -m router.builtin.recipe`) and no weights yet: an under-trained file would answer
wrongly by default. Until then the small model is what `SHUNT_SMALL` or `source:` names.
"""

from pathlib import Path

MODEL_PATH = Path(__file__).parent / "small.gguf"
"""Where the weights lie once they are trained; `card.md` beside them says what they can and cannot do."""
