"""The rules of one GBNF grammar: JSON's own, added when they are used, and numbered ones for a schema's parts."""

from typing import Final

_JSON: Final = {
    "value": "(object | array | string | number | boolean | null)",
    "object": '"{" ws (string ws ":" ws value ("," ws string ws ":" ws value)* ws)? "}"',
    "array": '"[" ws (value ("," ws value)* ws)? "]"',
    "string": '"\\"" char* "\\""',
    # No lone surrogates, raw or escaped: they are JSON, but not text that anyone can write as UTF-8.
    "char": (
        r"[ !#-\[\]-~\u0080-\uD7FF\uE000-\uFFFF\U00010000-\U0010FFFF] | "
        r'"\\" (["\\bfnrt/] | "u" ([0-9a-cA-CefEF] hex hex hex | [dD] [0-7] hex hex))'
    ),
    "hex": "[0-9a-fA-F]",
    "number": 'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "boolean": '("true" | "false")',
    "null": '"null"',
    # One blank at most, never a line break: a tiny model would fill its limit with them.
    "ws": '" "?',
}
_NEEDS: Final = {
    "value": ("object", "array", "string", "number", "boolean", "null"),
    "object": ("string", "value"),
    "array": ("value",),
    "string": ("char",),
    "char": ("hex",),
    "number": ("integer",),
}
_DATE: Final = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
_TIME: Final = (
    '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? '
    '("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
)
_OCTET: Final = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9] [0-9] | [1-9] [0-9] | [0-9])'
_LABEL: Final = "[a-z0-9] ([a-z0-9-]{0,40} [a-z0-9])?"

FORMATS: Final = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}',
    "ipv4": f'{_OCTET} "." {_OCTET} "." {_OCTET} "." {_OCTET}',
    "hostname": f'{_LABEL} ("." {_LABEL}){{0,4}}',
    "email": f'[a-zA-Z0-9] [a-zA-Z0-9_+-]{{0,40}} "@" {_LABEL} ("." {_LABEL}){{1,3}}',
}
"""Inside the quotes. Dates stop at the 28th: every month has that day, and a grammar knows no calendar."""


def literal(text: str) -> str:
    """The text as a GBNF literal."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'


class GrammarRules:
    """Collects rules; `ws` is the white space between tokens of JSON, of bounded length."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._count = 0
        self.json("ws")

    def json(self, name: str) -> str:
        """The name of one of JSON's own rules, which is added with those it needs."""
        if name not in self._rules:
            self._rules[name] = _JSON[name]
            for other in _NEEDS.get(name, ()):
                self.json(other)
        return name

    def format(self, name: str) -> str:
        """The expression of a string in one of `FORMATS`, quotes included."""
        return f'"\\"" {FORMATS[name]} "\\""'

    def reserve(self, kind: str) -> str:
        """A new rule name, to be defined later."""
        self._count += 1
        return f"{kind}-{self._count}"

    def define(self, name: str, expression: str) -> None:
        """Give a reserved name its rule."""
        self._rules[name] = expression

    def add(self, kind: str, expression: str) -> str:
        """The name of a rule for the expression; the same expression gets the same rule."""
        known = next((name for name, rule in self._rules.items() if rule == expression and name.startswith(kind)), None)
        if known is None:
            known = self.reserve(kind)
            self.define(known, expression)
        return known

    def text(self, root: str) -> str:
        """The whole grammar."""
        return "\n".join([f"root ::= {root}", *(f"{name} ::= {rule}" for name, rule in self._rules.items())]) + "\n"
