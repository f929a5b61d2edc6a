"""How alike two answers are, from 0 to 1. Pure."""

import json

import numpy as np

from router.dispatch.merge import Choice, Merged

NOTHING = Choice()


def first_of(answer: Merged) -> Choice:
    """The choice that is compared: the first."""
    return answer.choices.get(0, NOTHING)


def words_of(choice: Choice) -> str:
    """What a choice says: its text, then its tool calls as JSON."""
    content = choice.message.get("content")
    calls = _calls(choice)
    return (content if isinstance(content, str) else "") + (json.dumps(calls, ensure_ascii=False) if calls else "")


def exact(one: Choice, other: Choice) -> float:
    """1 for the same tool calls and the same text, blanks aside, or the same JSON; otherwise 0."""
    if _calls(one) != _calls(other):
        return 0.0
    first, second = (words_of(Choice(message=choice.message)) for choice in (one, other))
    return 1.0 if first.split() == second.split() or _is_same_json(first, second) else 0.0


def cosine(one: bytes, other: bytes) -> float:
    """The cosine of two vectors of little-endian float32, no less than 0."""
    first, second = (np.frombuffer(vector, "<f4").astype(np.float64) for vector in (one, other))
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return min(max(float(first @ second) / size, 0.0), 1.0) if size else 0.0


def _calls(choice: Choice) -> list[tuple[str, object]]:
    functions = [choice.tool_calls[at].get("function") for at in sorted(choice.tool_calls)]
    return [
        (str(function.get("name")), _arguments(function.get("arguments")))
        for function in functions
        if isinstance(function, dict)
    ]


def _arguments(written: object) -> object:
    """Read as JSON, so that neither order nor blanks count."""
    try:
        return json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return written


def _is_same_json(first: str, second: str) -> bool:
    try:
        one, other = json.loads(first), json.loads(second)
    except (ValueError, RecursionError):
        return False
    return isinstance(one, dict | list) and bool(one == other)
