"""Numbers that a state gives its people: recognised by their form, then by the checksum or the date inside.

Numbers without either (a bare nine digits in the USA) are told only in the form in which people write them.
"""

import re
from collections.abc import Callable, Iterator

from stdnum.at import vnr
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import ssn
from stdnum.za import idnr as za_idnr

from router.policy.matching import any_of, pattern

SHORTEST, LONGEST = 9, 18
MOST_PARTS = 5  # a French number has up to 7; a list of small numbers has more, and would pass some checksum by chance

_HINT = pattern(r"[0-9](?:[ .\-/+]?[0-9]){5}|[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}")
_RUN = pattern(r"(?:[A-Za-z]{2}[ -])?[A-Za-z]{0,6}[0-9][0-9A-Za-z]*(?:[ .\-/+][0-9][0-9A-Za-z]*)*(?:[.\- ][A-Za-z]\b)?")

# Forms are tried on a number without its separators, and on the number as it is written.
_COMPACT: tuple[tuple[re.Pattern[str], tuple[Callable[[str], bool], ...]], ...] = (
    (
        re.compile(r"\d{11}"),
        (idnr.is_valid, pesel.is_valid, fodselsnummer.is_valid, nn.is_valid, cpf.is_valid, tckimlik.is_valid),
    ),
    (re.compile(r"756\d{10}"), (ahv.is_valid,)),
    (re.compile(r"\d{13}"), (za_idnr.is_valid,)),
    (re.compile(r"[12]\d{5}[\dAB]\d{8}"), (nir.is_valid,)),
    (re.compile(r"[A-Z]{6}[\dL-V]{2}[A-Z][\dL-V]{2}[A-Z][\dL-V]{3}[A-Z]"), (codicefiscale.is_valid,)),
    (re.compile(r"\d{8}[A-Z]"), (dni.is_valid,)),
    (re.compile(r"[XYZ]\d{7}[A-Z]"), (nie.is_valid,)),
    (re.compile(r"\d{17}[\dX]"), (ric.is_valid,)),
    (re.compile(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d"), (curp.is_valid,)),
    (re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]"), (lambda _: True,)),  # United Kingdom: no checksum
)
_WRITTEN: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\d{3}-\d{2}-\d{4}"), ssn.is_valid),
    (re.compile(r"\d{6}[-+]\d{4}|(?:19|20)\d{6}-\d{4}"), personnummer.is_valid),
    (re.compile(r"\d{6}-\d{4}"), cpr.is_valid),
    (re.compile(r"\d{6}[-+A]\d{3}[0-9A-Y]"), hetu.is_valid),
    (re.compile(r"\d{6}-\d{7}"), rrn.is_valid),
    (re.compile(r"\d{4} \d{6}"), vnr.is_valid),
    (re.compile(r"\d{4} \d{4} \d{4}"), aadhaar.is_valid),
)


def has_national_id(text: bytes) -> bool:
    """True when such a number stands in `text` (UTF-8)."""
    if _HINT.search(text) is None:
        return False
    runs = (match.group().decode().upper() for match in _RUN.finditer(text))
    return any_of((written for run in runs for written in _combined(run)), _is_known)


def _is_known(written: str) -> bool:
    compact = re.sub(r"[^0-9A-Z]", "", written)
    for form, tests in _COMPACT:
        if form.fullmatch(compact) and any(test(compact) for test in tests):
            return True
    return any(form.fullmatch(written) and test(written) for form, test in _WRITTEN)


def _combined(run: str) -> Iterator[str]:
    """Every stretch of whole parts of `run` that has the length and the digits of such a number."""
    parts = list(re.finditer("[0-9A-Z]+", run))
    for start, first in enumerate(parts):
        length = digits = 0
        for count, part in enumerate(parts[start : start + 7], start=1):
            length += len(part.group())
            digits += sum(map(str.isdigit, part.group()))
            if length > LONGEST:
                break
            if length >= SHORTEST and digits >= 6 and (count <= MOST_PARTS or length == 15):
                yield run[first.start() : part.end()]
