"""Two ways to answer the same requests, added up."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAX_EXAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two did with a request: a target with its rule and cost in USD, or the code of an error."""

    target: str | None
    rule: str | None
    cost_usd: float | None
    error: str | None = None

    @property
    def words(self) -> str:
        """The target, or the error."""
        return self.target or f"refused: {self.error}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One request under both; `unknown` says for what it cannot be told. `full_usd` is its price on the largest tier."""

    place: str
    before: Side
    after: Side
    full_usd: float | None = None
    unknown: str | None = None
    is_checked: bool = False


@dataclass(slots=True)
class Sum:
    """One side, over the requests that can be told. Money over those whose cost is known on both sides, in USD."""

    mix: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0

    def add(self, side: Side) -> None:
        """Count one request."""
        self.mix[side.words] += 1
        if side.rule is not None:
            self.rules[side.rule] += 1


@dataclass(slots=True)
class Flip:
    """The requests that went from one target to another, and what that changes in USD."""

    requests: int = 0
    usd: float = 0.0


@dataclass(slots=True)
class Summary:
    """Everything that changes. `unknown` counts what cannot be told, by the reason; `checked` may move to another target.

    `full_usd` is what the requests of known price would cost on the largest tier, None where that is not known of all.
    """

    requests: int = 0
    before: Sum = field(default_factory=Sum)
    after: Sum = field(default_factory=Sum)
    full_usd: float | None = 0.0
    priced: int = 0
    flips: dict[tuple[str, str], Flip] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    examples: list[Pair] = field(default_factory=list)

    @property
    def told(self) -> int:
        """The requests that can be told."""
        return self.requests - self.unknown.total()

    @property
    def changed(self) -> int:
        """The requests that would have gone elsewhere."""
        return sum(flip.requests for flip in self.flips.values())

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Summary":
        """Add the pairs up."""
        found = cls()
        for pair in pairs:
            found.add(pair)
        return found

    def add(self, pair: Pair) -> None:
        """Count one request."""
        self.requests += 1
        if pair.unknown is not None:
            self.unknown[pair.unknown] += 1
            return
        self.checked += pair.is_checked
        self.before.add(pair.before)
        self.after.add(pair.after)
        was, now = pair.before.cost_usd, pair.after.cost_usd
        if was is not None and now is not None:
            self.priced += 1
            self.before.cost_usd += was
            self.after.cost_usd += now
            self.full_usd = None if self.full_usd is None or pair.full_usd is None else self.full_usd + pair.full_usd
        if pair.before.words != pair.after.words:
            flip = self.flips.setdefault((pair.before.words, pair.after.words), Flip())
            flip.requests += 1
            flip.usd += 0.0 if was is None or now is None else now - was
            if len(self.examples) < MAX_EXAMPLES:
                self.examples.append(pair)

    def saving_pct(self, side: Sum) -> float | None:
        """Percent saved against the largest tier alone; None when that costs nothing or nobody knows."""
        return 100 * (1 - side.cost_usd / self.full_usd) if self.full_usd else None


def targets(summary: Summary) -> Iterator[str]:
    """Every target of either side, the busiest first."""
    both = summary.before.mix + summary.after.mix
    yield from (name for name, _ in both.most_common())
