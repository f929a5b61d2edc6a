"""What goes into a decision and what comes out: `Facts` in, `Decision` out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from router.caller import ANYONE, Caller
from router.config import CacheTerms, Line, Overrides, Price
from router.policy.words import Words


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the targets are at this moment: a snapshot, so that the decision stays pure.

    `queue_ms` is how long a request that came now would wait for a local target, `first_ms` how long a target has lately
    taken to a stream's first token; a target that is not in them is not known.
    """

    queue_ms: Mapping[str, float] = field(default_factory=dict)
    first_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bar:
    """Why the caller may not have a target: the key or budget that says so, and words for a person."""

    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request without reading its meaning.

    `needs` uses the vocabulary of `can`. `prompt_tokens` is an upper estimate for the whole prompt; `exact_tokens`
    overrides it for the targets that could count (in their own tokenizer), and `windows` overrides the configured
    context of the targets that know their own. `headers` has lower-case names. `model` is the name that the client asked
    for. `words` is what it says, `at` when it came (Unix seconds): None is unknown. `budget_used_pct` is how much of the
    caller's budget is used, None where there is no budget. `similarity` is how like each set of named examples the newest
    turn is (a cosine), as far as somebody has compared them. `prices` are those that the ledger counts with. `past` is the
    target that the conversation is at, None for a new one. `barred` are targets that the
    caller may not have.
    """

    headers: Mapping[str, str]
    needs: frozenset[str]
    prompt_tokens: int
    exact_tokens: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)
    turns: int = 1
    side_call: str | None = None
    load: Load = Load()
    model: str = ""
    caller: Caller = ANYONE
    client: str = "other"
    modalities: frozenset[str] = frozenset()
    words: Words | None = None
    at: float | None = None
    budget_used_pct: float | None = None
    max_tokens: int | None = None
    similarity: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    past: str | None = None
    barred: Mapping[str, Bar] = field(default_factory=dict)

    def measured(self, exact_tokens: Mapping[str, int], windows: Mapping[str, int]) -> "Facts":
        """The same facts with what some targets counted and know themselves."""
        return replace(self, exact_tokens=exact_tokens, windows=windows)

    def under(self, load: Load, at: float) -> "Facts":
        """The same facts at the moment `at`, when the targets are this busy."""
        return replace(self, load=load, at=at)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a target was not a candidate: the guard's id (or `down`, `missing`), and words for a person."""

    target: str
    guard: str
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of the plan's first target is held back until it is known to be good enough, or else `escalate_to` answers.

    No guard bars `escalate_to`. `floor` is the lowest mean log-probability of the first `hold_tokens` tokens that will do;
    where it is None, `line` tells by the prompt's `score` too.
    """

    escalate_to: str
    floor: float | None
    hold_tokens: int
    max_added_ms: float
    line: Line | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan: `targets[0]` answers, the others follow in order if it fails before its first byte.

    `wanted` is the target that the rule chose before guards and health; `reason` is a short closed-set code
    (`rule`, `asked`, `session`, `abstained`, `spill`, `verify`, `<target>_unavailable`, `guard:<id>`, `classifier_failed`). `adapter`
    is the LoRA adapter that `wanted`, and no other target, answers under. `due` is the target that would start if all were
    well; another one answers for want of it. `spilled_from` is the target that was too busy.
    """

    policy: str
    rule: str
    wanted: str
    targets: tuple[str, ...]
    reason: str
    refusals: tuple[Refusal, ...] = ()
    score: float | None = None
    task: str | None = None
    adapter: str | None = None
    due: str | None = None
    spilled_from: str | None = None
    verification: Verification | None = None
    overrides: Overrides | None = None
    cache: CacheTerms | None = None

    @property
    def shown(self) -> "Decision":
        """What may be shown of it: neither a rule's instructions nor the coefficients of a line."""
        checked = self.verification
        return replace(self, overrides=None, verification=None if checked is None else replace(checked, line=None))

    @property
    def hops(self) -> tuple[str, ...]:
        """Every target that the request may ever be sent to."""
        return self.targets if self.verification is None else (*self.targets, self.verification.escalate_to)

    @property
    def target(self) -> str:
        """The target that is tried first."""
        return self.targets[0]
