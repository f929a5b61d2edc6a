"""Personal data taken out of text that is to be kept. Pure.

What is kept has to be free of everything that the finders of `pii.py` know, so doubt takes out more than they would find: every
number of six digits or more goes, checksum or not. A text in which they still find something is not kept at all.
"""

from collections.abc import Callable
from typing import get_args

from router.condition import PiiKind
from router.policy.matching import Pattern, pattern
from router.policy.pii import EMAIL, IPV4, IPV6, has_pii, is_address

DIGITS = 6
_NUMBER = pattern(r"\+?[0-9A-Za-z]*[0-9][0-9A-Za-z]*(?:[ .\-/()+]{1,3}[0-9A-Za-z]*[0-9][0-9A-Za-z]*)*")


def redacted(text: str) -> str | None:
    """`text` with `[email]`, `[ip]` and `[number]` in the place of personal data; None where some is still in it."""
    raw = _without(EMAIL, "email", text.encode(errors="replace"), lambda _: True)
    for form in (IPV4, IPV6):
        raw = _without(form, "ip", raw, is_address)
    raw = _without(_NUMBER, "number", raw, lambda found: sum(map(str.isdigit, found)) >= DIGITS)
    return None if any(has_pii(kind, raw) for kind in get_args(PiiKind)) else raw.decode(errors="replace")


def _without(form: Pattern, kind: str, text: bytes, test: Callable[[str], bool]) -> bytes:
    pieces, at = [], 0
    for match in form.finditer(text):
        found = match.group()
        if found and test(found.decode(errors="replace")):
            start = text.index(found, at)
            pieces += [text[at:start], f"[{kind}]".encode()]
            at = start + len(found)
    return b"".join([*pieces, text[at:]])
