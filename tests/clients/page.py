"""The generated part of docs/clients.md: which clients are run, and which test holds each thing that they need."""

from collections.abc import Iterator

from tests.clients.checklist import CHECKLIST, Row
from tests.clients.matrix import CLIENTS, Client

BEGIN = "<!-- Written by docs/generate.py from tests/clients; do not edit. -->\n"
END = "<!-- End of what docs/generate.py writes. -->\n"
LANGUAGES = {"node": "Node", "machine": "command line"}
MODULE = "tests/clients/test_matrix.py"


def page(text: str) -> str:
    """`text` with its generated part written anew."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return "".join([head, BEGIN, *(f"{line}\n" for line in (*_matrix(), *_checklist())), END, tail])


def _matrix() -> Iterator[str]:
    exercises = list(dict.fromkeys(name for client in CLIENTS for name in client.told))
    yield f"| client | version | | {' | '.join(exercises)} |"
    yield "|---|---|---|" + "---|" * len(exercises)
    for client in CLIENTS:
        cells = ["yes" if name in client.told else "" for name in exercises]
        yield f"| {client.name} | {client.version or _machine()} | {_language(client)} | {' | '.join(cells)} |"
    yield ""


def _machine() -> str:
    return "the machine's"


def _language(client: Client) -> str:
    return LANGUAGES.get(client.environment, "Python")


def _checklist() -> Iterator[str]:
    yield "### What clients need, and the test that holds it"
    for title, rows in CHECKLIST.items():
        yield from ("", f"**{title}**", "", "| | behaviour | tests |", "|---|---|---|")
        yield from (f"| {row.number} | {row.promise} | {_tests(row)} |" for row in rows)


def _tests(row: Row) -> str:
    named = [_link(test) for test in row.tests]
    return "<br>".join([*named, *([f"**{row.gap}**"] if row.gap else [])])


def _link(test: str) -> str:
    path, name = test.split("::")
    return "the matrix" if path == MODULE and "asks_for" in name else f"[{name.removeprefix('test_')}](../{path})"
