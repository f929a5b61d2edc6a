"""`shunt.lock`: what a calibration found, one value a line, sorted and rounded, so that its diff can be reviewed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

import yaml
from pydantic import Field, ValidationError, model_validator

from classifiers.confidence import SecondStage
from classifiers.drift import BINS
from router.errors import ConfigError
from router.policy.document import parse
from router.policy.schema import ObjectiveEntry
from router.policy.schema_parts import Id, Strict, UnitInterval

HEADER = "# Written by `shunt calibrate`: review the diff, and commit it beside the policy file.\n"

Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LockedFigure(Strict):
    """A figure with the bounds of its 95 % interval."""

    value: Finite
    low: Finite
    high: Finite


class LockedExpectation(Strict):
    """What the calibrated rule is expected to give on prompts like those it was calibrated on."""

    large_pct: LockedFigure
    """Percent of the prompts that go to `above`, abstentions that go there included."""
    abstain_pct: LockedFigure | None = None
    """Percent of the prompts in the abstain band."""
    quality: LockedFigure
    """Share of what `above` alone would score that is kept."""
    saving_pct: LockedFigure | None = None
    """Percent of the cost of `above` alone that is saved; absent without prices."""
    usd_per_1k: LockedFigure | None = None
    """US dollars for a thousand prompts; absent without prices."""


class LockedMap(Strict):
    """From score to probability (see `classifiers.calibration`), with its error on rows that it had not seen."""

    method: Literal["none", "platt", "isotonic"]
    slope: Finite | None = None
    intercept: Finite | None = None
    knots: dict[str, UnitInterval] | None = None
    error: UnitInterval
    """Expected calibration error with the map."""
    error_before: UnitInterval
    """The same of the score as it is."""


class LockedBand(Strict):
    """Scores from `start` up to, not including, `stop` are too close to call."""

    start: UnitInterval
    stop: UnitInterval


class LockedArtifact(Strict):
    """The classifier's artifact, by name and by the sha256 of its arrays."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    sha256: Digest


class LockedData(Strict):
    """The labelled prompts, by number and by the sha256 of what was read."""

    rows: Annotated[int, Field(ge=1)]
    sha256: Digest
    source: Literal["file", "ledger", "shadow"]


class LockedTerms(Strict):
    """What the rule said when it was calibrated; a lock holds for no other."""

    above: Id
    below: Id
    abstain_band: Finite | None = None
    abstain_target: Id | None = None


class LockedRule(Strict):
    """One calibrated rule."""

    threshold: UnitInterval
    abstain: LockedBand | None = None
    artifact: LockedArtifact
    calibration: LockedMap
    data: LockedData
    expected: LockedExpectation
    objective: ObjectiveEntry
    scores: Annotated[dict[str, UnitInterval], Field(max_length=100)]
    """Share of the prompts' scores in each bin that has some, by its lower edge: what drift is measured against."""
    terms: LockedTerms

    @property
    def usual_scores(self) -> tuple[float, ...]:
        """The histogram with its empty bins."""
        return tuple(self.scores.get(edge_of(number), 0.0) for number in range(BINS))


class LockedStage(Strict):
    """The second stage, number by number (see `classifiers.confidence.stage`); the weights of its n-grams are one line."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    bias: Finite
    weights: list[Finite]
    limits: list[Annotated[list[Finite], Field(min_length=2, max_length=2)]]
    knots: list[list[Finite]]
    bends: list[list[Finite]]
    products: list[Finite]
    words: Annotated[str, Field(max_length=400_000)] = ""
    grain: Finite = 0.0

    @classmethod
    def of(cls, stage: SecondStage) -> Self:
        """The entry that holds a stage."""
        return cls.model_validate(json.loads(json.dumps(asdict(stage))))

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        self.stage.probability("a", 0.5, -1.0)  # tables of the wrong shape show here, and not on a request
        return self

    @property
    def stage(self) -> SecondStage:
        """The stage that the entry holds. Raises `ValueError` when its tables do not fit together."""
        knots, bends = [tuple(row) for row in self.knots], [tuple(row) for row in self.bends]
        if [len(row) for row in knots] != [len(row) for row in bends] or len(knots) != len(self.weights):
            raise ValueError("knots and bends differ")
        limits = tuple((low, high) for low, high in self.limits)
        return SecondStage(
            name=self.name,
            weights=tuple(self.weights),
            bias=self.bias,
            limits=limits,
            knots=tuple(knots),
            bends=tuple(bends),
            products=tuple(self.products),
            words=self.words,
            grain=self.grain,
        )


class LockedLineTerms(Strict):
    """What `verify` said when its line was calibrated; a lock holds for no other."""

    target: Id
    escalate_to: Id
    hold_tokens: int


class LockedLine(Strict):
    """The calibrated line of one policy's `verify`."""

    at_least: UnitInterval
    """The lowest probability of being good enough that will do."""
    artifact: LockedArtifact
    data: LockedData
    expected: LockedExpectation
    """`large_pct` is here the percentage of the checked answers that move."""
    objective: ObjectiveEntry
    stage: LockedStage
    terms: LockedLineTerms


class LockFile(Strict):
    """One shunt.lock: calibrated rules by policy and rule, and the lines of `verify` by policy."""

    version: Literal[1]
    policies: dict[Id, dict[Id, LockedRule]] = Field(default={})
    verify: dict[Id, LockedLine] = Field(default={})


def edge_of(number: int) -> str:
    """The lower edge of a bin of the histogram, as the lock names it."""
    return f"{number / BINS:.2f}"


def lock_path(policy_file: Path) -> Path:
    """The lock of a policy file: `shunt.lock` beside `shunt.yaml`."""
    return policy_file.with_suffix(".lock")


def read_lock(path: Path) -> LockFile | None:
    """The lock, or None when there is none.

    Raises:
        ConfigError: it cannot be read, or is no lock of this version.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None
    document = parse(raw, str(path))
    try:
        return LockFile.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = tuple(found["loc"])
        where = ".".join(map(str, place)) or "the file"
        raise ConfigError(
            f"{path}:{document.line(place)}: not a lock that this version reads ({where}: {found['type']}); "
            "run `shunt calibrate` again"
        ) from None


def lock_text(lock: LockFile) -> str:
    """The lock as it is written."""
    data = lock.model_dump(exclude_none=True, exclude_unset=True)
    return HEADER + yaml.safe_dump(data, sort_keys=True, default_flow_style=False, allow_unicode=True)
