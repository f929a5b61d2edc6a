"""Which prompts of the user's own nothing ever learns from: one in four, chosen by its hash.

So a repeated prompt never lies on both sides, and what was taught with a file can be judged by the same file, or by a
longer one, or by what the ledger has gathered since.
"""

import hashlib

ONE_IN = 4


def is_held_out(prompt: str) -> bool:
    """True for a prompt that neither an artifact nor a second stage was taught with, whatever file it was in."""
    return int.from_bytes(hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()[:4], "big") % ONE_IN == 0
