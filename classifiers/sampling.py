"""How much of a text is read: its head, its middle and its tail. Instructions sit at the head or at the tail."""

HEAD, MIDDLE, TAIL = 1200, 400, 800
CAP = HEAD + MIDDLE + TAIL + 2


def sample(text: str) -> str:
    """The head, the middle and the tail of a text, at most `CAP` characters."""
    if len(text) <= HEAD + MIDDLE + TAIL:
        return text
    start = (len(text) - MIDDLE) // 2
    return "\n".join((text[:HEAD], text[start : start + MIDDLE], text[-TAIL:]))
