"""Thresholds of the rules that leave them to a calibration: from the lock, which must fit, or else the defaults."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from classifiers.artifact import COMPILED, SHIPPED, ArtifactError, read_manifest
from classifiers.confidence import PRIOR
from router.config import Abstain, Line
from router.errors import ConfigError
from router.policy.lock import (
    LockedArtifact,
    LockedLine,
    LockedLineTerms,
    LockedRule,
    LockedTerms,
    LockFile,
    lock_path,
    read_lock,
)
from router.policy.problem import Problems, shown
from router.policy.schema import ObjectiveEntry, PolicyEntry, RuleEntry, VerifyEntry
from router.policy.schema_models import PolicyFile

EVEN_ODDS = 0.5
"""The line while nothing is calibrated: more probably good enough than not, by a stage that was fitted to nothing."""


@dataclass(frozen=True, slots=True)
class ArtifactId:
    """What a lock must agree with: the artifact's name, the sha256 of its arrays, and the threshold it recommends."""

    name: str
    sha256: str
    threshold: float

    @classmethod
    def of(cls, folder: Path | None) -> "ArtifactId":
        """Read from the manifest; None is the artifact that ships.

        Raises:
            ConfigError: the artifact is missing or altered.
        """
        try:
            manifest = read_manifest(folder or SHIPPED)
        except ArtifactError as error:
            raise ConfigError(str(error)) from error
        files, threshold = manifest.get("files"), manifest.get("threshold")
        if not isinstance(files, dict) or not isinstance(threshold, float):
            raise ConfigError(f"{folder or SHIPPED}: a manifest without files or threshold; train it again")
        return cls(str(manifest.get("artifact")), str(files.get(COMPILED)), threshold)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Where the score chooses, and whether the lock says so."""

    threshold: float
    abstain: Abstain | None
    is_locked: bool


@dataclass(frozen=True, slots=True)
class Calibrations:
    """The lock and the artifact of one policy file; either may be absent where no rule asks for it."""

    lock: LockFile | None = None
    artifact: ArtifactId | None = None

    @classmethod
    def load(cls, file: PolicyFile, path: Path | None, artifact: Path | None, *, locked: bool) -> "Calibrations":
        """What the rules of `file` need; with `locked` False the lock is left unread, so that it can be made anew.

        Raises:
            ConfigError: the lock or the artifact cannot be read.
        """
        lock = read_lock(lock_path(path)) if path is not None and locked else None
        asks = any(
            (entry.verify is not None and entry.verify.calibration is not None) or any(map(is_calibrated, entry.select))
            for entry in file.policies.values()
        )
        return cls(lock, ArtifactId.of(artifact) if asks else None)

    def fitted(self, policy: str, entry: RuleEntry) -> Fitted:
        """The threshold of a score rule: the lock's, else the file's, else the one that the artifact recommends."""
        found = self._locked(policy, entry.id) if is_calibrated(entry) else None
        if found is not None:
            band = found.abstain
            abstain = Abstain(band.start, band.stop, entry.abstain.target) if band and entry.abstain else None
            return Fitted(found.threshold, abstain, is_locked=True)
        threshold = entry.threshold
        if threshold is None:
            threshold = self.artifact.threshold if self.artifact else 1.0
        return Fitted(threshold, _band(entry, threshold), is_locked=False)

    def line(self, policy: str, entry: PolicyEntry) -> Line | None:
        """The line of a calibrated `verify`: the lock's; without one None where the file has `below`, else even odds."""
        verify = entry.verify
        if verify is None or verify.calibration is None:
            return None
        found = self.lock.verify.get(policy) if self.lock else None
        if found is not None:
            return Line(found.stage.stage, found.at_least, is_locked=True)
        return Line(PRIOR, EVEN_ODDS) if verify.below is None else None

    def usual_scores(self, policy: str) -> tuple[float, ...]:
        """The scores that the policy's first calibrated rule was calibrated on; empty without a lock."""
        rules = self.lock.policies.get(policy, {}) if self.lock else {}
        return next((rule.usual_scores for rule in rules.values()), ())

    def check(self, file: PolicyFile, problems: Problems) -> None:
        """Note everything in which the lock belongs to another artifact or to another policy."""
        if self.lock is None:
            return
        for policy, rules in self.lock.policies.items():
            entries = {rule.id: (at, rule) for at, rule in enumerate(file.policies[policy].select)} if (
                policy in file.policies
            ) else {}  # fmt: skip
            for rule, locked in rules.items():
                at, entry = entries.get(rule, (None, None))
                if entry is None or not is_calibrated(entry):
                    problems.note(
                        ("policies", policy),
                        f"the lock calibrates rule {shown(rule)} of policy {shown(policy)}, which takes no calibration: "
                        "run `shunt calibrate` again, or delete the lock",
                    )
                    continue
                for fault in self._faults(locked, entry, file.tiers):
                    problems.note(
                        ("policies", policy, "select", at or 0),
                        f"the lock does not fit rule {shown(rule)}: {fault}; run `shunt calibrate --policy {policy}`",
                    )

        for policy, line in self.lock.verify.items():
            self._check_line(file.policies.get(policy), policy, line, problems)

    def _check_line(self, entry: PolicyEntry | None, policy: str, locked: LockedLine, problems: Problems) -> None:
        verify = entry.verify if entry is not None else None
        if verify is None or verify.calibration is None:
            problems.note(
                ("policies", policy),
                f"the lock calibrates verify of policy {shown(policy)}, which takes no calibration: "
                "run `shunt calibrate` again, or delete the lock",
            )
            return
        for fault in self._line_faults(locked, verify):
            problems.note(
                ("policies", policy, "verify"),
                f"the lock does not fit verify: {fault}; run `shunt calibrate --second-stage --policy {policy}`",
            )

    def _line_faults(self, locked: LockedLine, verify: VerifyEntry) -> Iterator[str]:
        yield from self._artifact_faults(locked.artifact)
        for name in LockedLineTerms.model_fields:
            then, now = getattr(locked.terms, name), getattr(verify, name)
            if then != now:
                yield f"it was made for {name} {shown(then)}, and the file says {shown(now)}"
        if verify.objective is not None and verify.objective != locked.objective:
            yield (
                f"it was made for {objective_words(locked.objective)}, "
                f"and the file says {objective_words(verify.objective)}"
            )

    def _artifact_faults(self, locked: LockedArtifact) -> Iterator[str]:
        now = self.artifact
        if now and (locked.name, locked.sha256) != (now.name, now.sha256):
            yield f"it was made for artifact {shown(locked.name)}, and {shown(now.name)} is in use"

    def _locked(self, policy: str, rule: str) -> LockedRule | None:
        return self.lock.policies.get(policy, {}).get(rule) if self.lock else None

    def _faults(self, locked: LockedRule, entry: RuleEntry, tiers: list[str]) -> Iterator[str]:
        yield from self._artifact_faults(locked.artifact)
        then, now = locked.terms, terms_of(entry, tiers)
        for name in LockedTerms.model_fields:
            if getattr(then, name) != getattr(now, name):
                yield f"it was made for {name} {shown(getattr(then, name))}, and the rule says {shown(getattr(now, name))}"
        if entry.objective is not None and entry.objective != locked.objective:
            yield f"it was made for {objective_words(locked.objective)}, and the rule says {objective_words(entry.objective)}"


def is_calibrated(entry: RuleEntry) -> bool:
    """True for a score rule that leaves its threshold to a calibration."""
    return entry.score is not None and (entry.calibration is not None or entry.objective is not None)


def terms_of(entry: RuleEntry, tiers: list[str]) -> LockedTerms:
    """What a lock of this rule is bound to."""
    return LockedTerms(
        above=entry.above or tiers[-1],
        below=entry.below or tiers[0],
        abstain_band=entry.abstain.band if entry.abstain else None,
        abstain_target=entry.abstain.target if entry.abstain else None,
    )


def objective_words(objective: ObjectiveEntry) -> str:
    """`name=value`, as the command line takes it."""
    return ", ".join(f"{name}={value:g}" for name, value in objective.model_dump(exclude_none=True).items())


def _band(entry: RuleEntry, threshold: float) -> Abstain | None:
    # Without a lock nothing says what a score is worth as a probability, so that it is taken at its word.
    if entry.abstain is None:
        return None
    band = entry.abstain.band
    return Abstain(max(threshold - band, 0.0), min(threshold + band, 1.0), entry.abstain.target)
