"""Personal data in text: found by form, believed only when its checksum holds, wherever it has one.

Meant for guards, so doubt counts as a hit: a text with more candidates than anyone checks counts as one that has some.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address

from stdnum import iban, luhn

from router.condition import PiiKind
from router.policy.matching import Pattern, any_of, pattern
from router.policy.national import has_national_id

NUMBERED: frozenset[PiiKind] = frozenset({"iban", "card", "phone", "ip", "national_id"})
_HINT = pattern(
    r"[0-9](?:[ .\-/+()]{0,3}[0-9]){5}|[0-9]{2}[A-Za-z][0-9]{2}"  # a number of some length, the start of an IBAN
    r"|[0-9]\.[0-9]{1,3}\.[0-9]|::|(?:[0-9A-Fa-f]{1,4}:){7}"  # addresses
)
EMAIL = pattern(
    r"[\pL\pN._%+'-]+@(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?\.)+\pL{2,}|[A-Za-z0-9._%+-]+(?:%40|\\u0040)[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
)
_IBAN = pattern(r"[A-Za-z]{2}[0-9]{2}(?:[ .-]?[A-Za-z0-9]){11,40}")
_DIGIT_RUN = pattern(r"[0-9]{3,}(?:[ .\-]{0,2}[0-9]{3,})*")
_LONG_RUN = pattern(r"[0-9](?:[ .\-]{0,2}[0-9]){12}")
_PHONE = pattern(
    r"(?:\+|\b00)[1-9][0-9]{0,2}(?:[ .\-/]{0,2}\(?[0-9]\)?){6,13}"  # +41 44 668 18 00, 0049 (0)30 901820
    r"|\(0?[1-9][0-9]{1,4}\)[ .\-/]{0,2}[0-9](?:[ .\-/]?[0-9]){5,9}"  # (030) 901820, (555) 123-4567
    r"|\b0[1-9][0-9]{1,3}(?:[ \-/]{1,2}[0-9]{2,}){1,5}\b"  # 030 901820, 044 668 18 00
    r"|\b0[1-9][0-9]{8,10}\b"  # 01711234567
    r"|\b[2-9][0-9]{2}[.\-][2-9][0-9]{2}[.\-][0-9]{4}\b"  # 555-123-4567
)
IPV4 = pattern(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
IPV6 = pattern(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")


def has_pii(kind: PiiKind, text: bytes) -> bool:
    """True when data of that kind stands in `text` (UTF-8)."""
    return _FINDERS[kind](text)


def has_numbers(text: bytes) -> bool:
    """False when no kind of `NUMBERED` can stand in `text`: one quick look spares several thorough ones."""
    return _HINT.search(text) is not None


def _has_email(text: bytes) -> bool:
    return (b"@" in text or b"40" in text) and EMAIL.search(text) is not None


def _has_iban(text: bytes) -> bool:
    return _found(_IBAN, text, _holds_iban)


def _holds_iban(candidate: str) -> bool:
    """Its length depends on the country, and what follows may look like a part of it."""
    compact = "".join(char for char in candidate if char.isalnum()).upper()
    return any(iban.is_valid(compact[:length]) for length in range(15, min(len(compact), 34) + 1))


def _has_card(text: bytes) -> bool:
    """Several numbers may follow each other, so every stretch of whole groups is looked at."""
    if _LONG_RUN.search(text) is None:
        return False
    runs = (match.group().decode() for match in _DIGIT_RUN.finditer(text))
    return any_of((number for run in runs for number in _stretches(run)), _is_card)


def _is_card(number: str) -> bool:
    is_issued = number[0] in "3456" or "2221" <= number[:4] <= "2720"
    return is_issued and len(set(number)) > 1 and bool(luhn.is_valid(number))


def _has_phone(text: bytes) -> bool:
    return _PHONE.search(text) is not None


def _has_ip(text: bytes) -> bool:
    return _found(IPV4, text, is_address) or _found(IPV6, text, is_address)


def is_address(candidate: str) -> bool:
    """Loopback and the like name nobody; `::` between words is code."""
    if ":" in candidate and sum(map(bool, candidate.split(":"))) < 3:
        return False
    try:
        address = ip_address(candidate)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


_FINDERS: Mapping[PiiKind, Callable[[bytes], bool]] = {
    "email": _has_email,
    "iban": _has_iban,
    "card": _has_card,
    "phone": _has_phone,
    "ip": _has_ip,
    "national_id": has_national_id,
}


def _stretches(run: str) -> Iterator[str]:
    """Every number of 13 to 19 digits that whole neighbouring groups of `run` make."""
    groups = re.findall("[0-9]+", run)
    for start in range(len(groups)):
        number = ""
        for group in groups[start : start + 6]:
            number += group
            if 13 <= len(number) <= 19:
                yield number


def _found(form: Pattern, text: bytes, test: Callable[[str], bool]) -> bool:
    return any_of((match.group().decode() for match in form.finditer(text)), test)
