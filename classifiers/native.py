"""The compiled part of the fast path (`native.cpp`), where it was built; without it numpy does the same, more slowly.

A plain C interface: to build it takes a compiler and no headers of Python. `ctypes.PyDLL` keeps the interpreter's lock,
since to give it up and get it back would take longer than the call.
"""

import ctypes
import logging
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).with_name("_native.so")
ABI = 3

_logger = logging.getLogger("shunt.classifier")


@cache
def library() -> ctypes.PyDLL | None:
    """The library, or None with one line in the log where there is none that fits."""
    try:
        found = ctypes.PyDLL(str(LIBRARY))
        fits = found.shunt_abi() == ABI
    except (OSError, AttributeError):
        fits = False
    if not fits:
        _logger.warning("the classifier runs without its compiled part, at twice the time: `make setup` builds it")
        return None
    integer, pointer, text = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
    found.shunt_survey.argtypes = (text, integer, pointer, pointer, pointer, pointer)
    found.shunt_survey.restype = integer
    found.shunt_weigh.argtypes = (text, integer, text, integer, pointer, pointer, integer, pointer)
    found.shunt_weigh.restype = integer
    found.shunt_answer.argtypes = (pointer, integer, text, pointer)
    found.shunt_answer.restype = integer
    return found
