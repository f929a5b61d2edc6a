"""Ranges of numbers as GBNF: the decimal notations of exactly the integers, or of some of the numbers, in a range."""

import math

MOST_DIGITS = 15


def integer_range(
    low: float | None, high: float | None, above: float | None = None, below: float | None = None
) -> str | None:
    """An expression for the integers in the range, at most 15 digits long; None when there are none."""
    first, last = _integers(low, high, above, below)
    parts = _signed(first, last)
    return "(" + " | ".join(parts) + ")" if parts else None


def number_range(
    low: float | None, high: float | None, above: float | None = None, below: float | None = None
) -> str | None:
    """An expression for numbers in the range: its integers, and fractions between two integers of it."""
    first, last = _integers(low, high, above, below)
    parts = _signed(first, last)
    # k.f lies between k and k+1, and -k.f between -k-1 and -k; both ends must be in the range.
    edge_low, edge_high = math.ceil(_least(low, above)), math.floor(_most(high, below))
    fraction = '"." [0-9]{0,15} [1-9]'
    parts += [f"{part} {fraction}" for part in _natural(max(0, edge_low), edge_high - 1)]
    parts += [f'"-" {part} {fraction}' for part in _natural(max(0, -edge_high), -edge_low - 1)]
    return "(" + " | ".join(parts) + ")" if parts else None


def _least(low: float | None, above: float | None) -> float:
    return max(float(-(10**MOST_DIGITS)) + 1 if low is None else low, -math.inf if above is None else above)


def _most(high: float | None, below: float | None) -> float:
    return min(float(10**MOST_DIGITS) - 1 if high is None else high, math.inf if below is None else below)


def _integers(low: float | None, high: float | None, above: float | None, below: float | None) -> tuple[int, int]:
    first = math.ceil(_least(low, None))
    last = math.floor(_most(high, None))
    if above is not None:
        first = max(first, math.floor(above) + 1)
    if below is not None:
        last = min(last, math.ceil(below) - 1)
    return first, last


def _signed(first: int, last: int) -> list[str]:
    negative = [f'"-" {part}' for part in _natural(max(1, -last), -first)] if first < 0 else []
    return negative + _natural(max(0, first), last)


def _natural(first: int, last: int) -> list[str]:
    """Expressions for first..last, both at least 0, one for each number of digits and each turn of a digit."""
    parts: list[str] = []
    for digits in range(1, len(str(max(last, 0))) + 1):
        low = max(first, 0 if digits == 1 else 10 ** (digits - 1))
        high = min(last, 10**digits - 1)
        if low <= high:
            parts += _same_length(str(low), str(high))
    return parts


def _same_length(low: str, high: str) -> list[str]:
    if low == high:
        return [f'"{low}"']
    if len(low) == 1:
        return [f"[{low}-{high}]"]
    if low[0] == high[0]:
        return [f'"{low[0]}" {part}' for part in _same_length(low[1:], high[1:])]
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    parts: list[str] = []
    if low[1:] != "0" * rest:
        parts += [f'"{low[0]}" {part}' for part in _same_length(low[1:], "9" * rest)]
        first += 1
    tail: list[str] = []
    if high[1:] != "9" * rest:
        tail = [f'"{high[0]}" {part}' for part in _same_length("0" * rest, high[1:])]
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}] [0-9]{{{rest}}}")
    return parts + tail
