"""The closed vocabulary of conditions: what a rule or a guard may ask of a request. Data only, importing nothing of ours."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Scope: TypeAlias = Literal["last", "user", "all"]
PiiKind: TypeAlias = Literal["email", "iban", "card", "phone", "ip", "national_id"]


@dataclass(frozen=True, slots=True)
class Always:
    """Holds for every request."""


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """The header `name` (lower case) has one of `values`."""

    name: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class CallerIs:
    """The caller's key carries one of `tags`."""

    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class ModelIs:
    """The client asked for one of `names`, or for a name that begins with one of `beginnings`."""

    names: frozenset[str]
    beginnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskIs:
    """The classifier's task label is one of `labels`."""

    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class LanguageIs:
    """The newest turn is written in one of `codes` (`unknown`: too little to tell)."""

    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds; `gt` and `lt` are not in it themselves, `gte` and `lte` are."""

    gt: float = float("-inf")
    gte: float = float("-inf")
    lt: float = float("inf")
    lte: float = float("inf")

    def has(self, value: float) -> bool:
        """True when the finite `value` lies between the bounds."""
        return self.gt < value < self.lt and self.gte <= value <= self.lte


@dataclass(frozen=True, slots=True)
class ScoreIs:
    """The score lies in [gte, lt)."""

    gte: float = 0.0
    lt: float = float("inf")


@dataclass(frozen=True, slots=True)
class ConfidenceIs:
    """The classifier's probability of its own task label lies in a range."""

    range: Range


@dataclass(frozen=True, slots=True)
class PromptTokensIs:
    """The length of the whole prompt, an upper estimate in tokens, lies in a range."""

    range: Range


@dataclass(frozen=True, slots=True)
class TurnsIs:
    """The number of user turns lies in a range."""

    range: Range


@dataclass(frozen=True, slots=True)
class NeedsIs:
    """The request needs `ability` (tools, json), or does not."""

    ability: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class ModalityIs:
    """The request carries, or asks for, one of `kinds`: image, audio, file."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class SideCallIs:
    """The request is one of a chat interface's hidden side calls: title, tags, follow_ups, ..."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClientIs:
    """The program that sent the request is one of `kinds`."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matches:
    """One of `patterns` (RE2 syntax) matches somewhere in the text of `scope`."""

    patterns: tuple[str, ...]
    scope: Scope = "all"


@dataclass(frozen=True, slots=True)
class Mentions:
    """One of `words` stands as a whole in the text of `scope`, in whatever case."""

    words: tuple[str, ...]
    scope: Scope = "all"


@dataclass(frozen=True, slots=True)
class HasPii:
    """Personal data of one of `kinds` stands somewhere in what would be sent."""

    kinds: tuple[PiiKind, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The clock in the zone `tz` shows from `start` up to `end` (minutes after midnight) on one of `days` (0 is Monday).

    A window that passes midnight belongs to the day on which it begins.
    """

    start: int
    end: int
    days: frozenset[int]
    tz: str


@dataclass(frozen=True, slots=True)
class BudgetIs:
    """The part of the caller's budget that is used, in percent, lies in a range; without a budget it holds for none."""

    range: Range


@dataclass(frozen=True, slots=True)
class QueueIs:
    """The wait for the local model `target`, estimated in milliseconds, lies in a range."""

    target: str
    range: Range


@dataclass(frozen=True, slots=True)
class HealthIs:
    """The model `target` is in one of `states`."""

    target: str
    states: frozenset[str]


@dataclass(frozen=True, slots=True)
class SimilarTo:
    """The newest turn is like the nearest of the named example prompts, by the cosine of their vectors, within a range."""

    examples: str
    range: Range


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of `conditions` holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of `conditions` holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`condition` does not hold."""

    condition: "Condition"


Condition: TypeAlias = (
    Always
    | HeaderIs
    | CallerIs
    | ModelIs
    | TaskIs
    | LanguageIs
    | ScoreIs
    | ConfidenceIs
    | PromptTokensIs
    | TurnsIs
    | NeedsIs
    | ModalityIs
    | SideCallIs
    | ClientIs
    | Matches
    | Mentions
    | HasPii
    | Within
    | BudgetIs
    | QueueIs
    | HealthIs
    | SimilarTo
    | AnyOf
    | AllOf
    | Not
)
