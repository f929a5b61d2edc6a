"""A family of series whose labels take values from closed sets only."""

from collections.abc import Iterable
from itertools import product
from typing import Generic, Protocol, Self, TypeVar

from router.telemetry.labels import OTHER, Labels


class Labelled(Protocol):
    """What a metric of the Prometheus client can do."""

    def labels(self, *labelvalues: object) -> Self:
        """The series with these label values."""


M = TypeVar("M", bound=Labelled)


class Family(Generic[M]):
    """Finds the series for some label values; none is ever made for a value outside its label's set.

    A series that was found once is one dictionary look-up away. A metric without labels is its own only series.
    """

    def __init__(self, metric: M, allowed: Iterable[Labels]) -> None:
        self._metric = metric
        self._allowed = tuple(allowed)
        self._known: dict[tuple[str, ...], M] = {} if self._allowed else {(): metric}

    def __call__(self, *values: str) -> M:
        """The series for `values`; a value outside its set counts as `other`."""
        found = self._known.get(values)
        return self._find(values) if found is None else found

    def fill(self) -> None:
        """Make every series there can be, so that each begins at nothing: for small sets only."""
        for values in product(*self._allowed):
            self(*values)

    def _find(self, values: tuple[str, ...]) -> M:
        closed = tuple(
            value if value in allowed else OTHER for value, allowed in zip(values, self._allowed, strict=True)
        )
        series = self._metric.labels(*closed)
        if closed == values:
            self._known[values] = series
        return series
