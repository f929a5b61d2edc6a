"""What goes into a decision and what comes out: `Facts` in, `Decision` out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the targets are at this moment: a snapshot, so that the decision stays pure.

    `queue_ms` is how long a request that came now would wait for a local target, `first_ms` how long a target has lately
    taken to a stream's first token; a target that is not in them is not known.
    """

    queue_ms: Mapping[str, float] = field(default_factory=dict)
    first_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request without reading its meaning.

    `needs` uses the vocabulary of `can`. `prompt_tokens` is an upper estimate for the whole prompt; `exact_tokens`
    overrides it for the targets that could count (in their own tokenizer), and `windows` overrides the configured
    context of the targets that know their own. `headers` has lower-case names.
    """

    headers: Mapping[str, str]
    needs: frozenset[str]
    prompt_tokens: int
    exact_tokens: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)
    turns: int = 1
    side_call: str | None = None
    load: Load = Load()

    def measured(self, exact_tokens: Mapping[str, int], windows: Mapping[str, int]) -> "Facts":
        """The same facts with what some targets counted and know themselves."""
        return replace(self, exact_tokens=exact_tokens, windows=windows)

    def under(self, load: Load) -> "Facts":
        """The same facts at a moment when the targets are this busy."""
        return replace(self, load=load)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a target was not a candidate: the guard's id (or `down`, `missing`), and words for a person."""

    target: str
    guard: str
    why: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of the plan's first target is held back until it is known to be good enough, or else `escalate_to` answers.

    No guard bars `escalate_to`. `floor` is the lowest mean log-probability of the first `hold_tokens` tokens that will do.
    """

    escalate_to: str
    floor: float
    hold_tokens: int
    max_added_ms: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan: `targets[0]` answers, the others follow in order if it fails before its first byte.

    `wanted` is the target that the rule chose before guards and health; `reason` is a short closed-set code
    (`rule`, `asked`, `abstained`, `spill`, `verify`, `<target>_unavailable`, `guard:<id>`, `classifier_failed`). `adapter`
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

    @property
    def target(self) -> str:
        """The target that is tried first."""
        return self.targets[0]
