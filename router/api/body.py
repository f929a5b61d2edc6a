"""Strict JSON: what OpenAI's own clients send, and nothing that another parser could read differently."""

import json
from math import isfinite

from starlette.requests import Request

from router.api.inflating import ACCEPTED, CODINGS, Inflater
from router.errors import InvalidJson, TooLarge, UnsupportedMediaType

MAX_DIGITS = 64


class _Refused(ValueError):
    """A construct that `json` would let through; its text is ours, never the body's."""


async def read_json(request: Request, max_body_bytes: int) -> dict[str, object]:
    """Read the body as one strict JSON object.

    Raises:
        UnsupportedMediaType: the body is not declared as JSON, or compressed in a way that is not known.
        TooLarge: it is longer than `max_body_bytes`, as sent or unpacked; reading stops there.
        InvalidJson: it is not strict JSON (UTF-8, no NaN, no duplicate key, no lone surrogate), or not an object.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType("Send the body as `Content-Type: application/json`.")
    return parse_object(await _read(request, max_body_bytes))


async def _read(request: Request, max_body_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_body_bytes:
        raise TooLarge(f"The body is over the limit of {max_body_bytes} bytes.")
    inflater = _inflater(request, max_body_bytes)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > max_body_bytes:
            raise TooLarge(f"The body is over the limit of {max_body_bytes} bytes.")
        pieces.append(piece if inflater is None else inflater.feed(piece))
    if inflater is not None:
        inflater.end()
    return b"".join(pieces)


def _inflater(request: Request, max_body_bytes: int) -> Inflater | None:
    coding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding not in CODINGS:
        request.scope["state"]["answer_headers"]["accept-encoding"] = ACCEPTED
        raise UnsupportedMediaType(f"Bodies may be compressed with one of {ACCEPTED}.")
    return Inflater(coding, max_body_bytes)


def parse_object(raw: bytes) -> dict[str, object]:
    """Parse one strict JSON object.

    Raises:
        InvalidJson: the message says what is wrong and where, and repeats nothing of the body.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        if "\\u" in text:
            _refuse_surrogates(value)
    except UnicodeDecodeError:
        raise InvalidJson("The body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except _Refused as error:
        raise InvalidJson(f"The body is not strict JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidJson("The body must be a JSON object.")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Refused("a key appears twice in one object")
    return value


def _constant(_name: str) -> object:
    raise _Refused("NaN and Infinity are not numbers")


def _float(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise _Refused("a number is out of range")
    return value


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused("a number has too many digits")
    return int(digits)


def _refuse_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _Refused("a string holds half of a surrogate pair") from None
