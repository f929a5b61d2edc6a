"""What a dashboard is made of, before it is Grafana's JSON: boards of rows of panels, each with its question."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["lines", "stack", "stat", "heat"]
WITH_EXEMPLARS = ("gen_ai_client_operation_duration_seconds", "gen_ai_server_time_to_first_token_seconds")


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression; `%I` in it stands for the selector of the chosen instances. `legend` names its series."""

    written: str
    legend: str = ""

    @property
    def expression(self) -> str:
        """As Grafana gets it."""
        return self.written.replace("%I", 'instance=~"$instance"')

    @property
    def has_exemplars(self) -> bool:
        """True for the histograms whose buckets name a request."""
        return any(f"{name}_bucket" in self.written for name in WITH_EXEMPLARS)


@dataclass(frozen=True, slots=True)
class Panel:
    """One question, and the series that answer it. `unit` is Grafana's; `width` counts 24 to a row."""

    title: str
    question: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "lines"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `name` is its file and the end of its address."""

    name: str
    title: str
    question: str
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """Every panel, in reading order."""
        for row in self.rows:
            yield from row.panels


def panel(title: str, question: str, *queries: tuple[str, str], unit: str = "short", kind: Kind = "lines") -> Panel:
    """A panel of (expression, legend) pairs, a third of a row wide; a stat takes a sixth."""
    return Panel(title, question, tuple(Query(*query) for query in queries), unit, kind, 4 if kind == "stat" else 8)
