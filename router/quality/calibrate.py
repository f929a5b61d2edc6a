"""`shunt calibrate`: from labelled prompts to `shunt.lock`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from classifiers import Judgement
from classifiers.bootstrap import Interval
from classifiers.calibrating import Calibrated, calibrate
from classifiers.drift import histogram
from classifiers.held_out import is_held_out
from classifiers.operating import Bench, Expected, Objective, Point, choose, expect
from classifiers.outcomes import DataError, Outcome, data_digest
from classifiers.storing import write_file
from router import policy
from router.chat import ChatRequest
from router.config import Config
from router.errors import ConfigError, RouterError
from router.ledger.prices import Prices
from router.policy.artifact import load_classifier
from router.policy.calibrated import ArtifactId, is_calibrated, objective_words, terms_of
from router.policy.facts import facts_of
from router.policy.loading import find, load, read_file
from router.policy.lock import LockedRule, LockFile, edge_of, lock_path, lock_text, read_lock
from router.policy.schema import ObjectiveEntry, RuleEntry
from router.policy.schema_models import PolicyFile
from router.quality.costs import priced

Source: TypeAlias = Literal["file", "ledger", "shadow"]
MIN_ROWS = 50
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Desk:
    """A policy file with the rule that is calibrated, and the configuration that it means."""

    path: Path
    file: PolicyFile
    config: Config
    policy: str
    rule: RuleEntry

    @property
    def targets(self) -> tuple[str, str]:
        """The models under and over the threshold."""
        terms = terms_of(self.rule, self.file.tiers)
        return terms.below, terms.above


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a calibration found; `left_out` rows are decided by other rules.

    `known` rows were not used: the artifact may have learned from them, and would look better on them than it is.
    """

    objective: Objective
    point: Point
    calibrated: Calibrated
    expected: Expected
    rows: int
    left_out: int
    known: int = 0


def open_desk(path: Path | None, policy_name: str, environ: Mapping[str, str]) -> Desk:
    """Find the rule of `policy_name` that leaves its threshold to a calibration.

    Raises:
        ConfigError: there is no file, no such policy, or no such rule in it.
    """
    found = find(path)
    if found is None:
        raise ConfigError("a lock lies beside a policy file, and there is none here: `shunt init` writes one")
    config, file = load(found, environ, locked=False), read_file(found)
    if policy_name not in file.policies:
        raise ConfigError(f"{found}: no policy {policy_name!r} (valid: {', '.join(file.policies)})")
    rule = next((rule for rule in file.policies[policy_name].select if is_calibrated(rule)), None)
    if rule is None:
        raise ConfigError(
            f"{found}: no rule of policy {policy_name!r} says calibration: auto, so no lock would be read"
        )
    return Desk(found, file, config, policy_name, rule)


def objective_of(desk: Desk, text: str | None) -> Objective:
    """The objective of the command line, which must be the rule's own where it has one.

    Raises:
        ConfigError: the two differ, or there is none.
    """
    return agreed(desk.path, desk.rule.objective, text)


def agreed(path: Path, written: ObjectiveEntry | None, text: str | None) -> Objective:
    """The objective of the command line and of the file, which must not differ.

    Raises:
        ConfigError: they do, or there is none.
    """
    says = objective_words(written) if written is not None else None
    if text is None and says is None:
        raise ConfigError("give --objective, or write objective: in the file")
    given = Objective.parse(text or says or "")
    if says is not None and str(given) != says:
        raise ConfigError(f"{path}: the file says {says}: change it there, or leave --objective out")
    return given


def calibrate_rule(
    desk: Desk, objective: Objective, outcomes: Sequence[Outcome], source: Source
) -> tuple[Outlook, LockFile]:
    """Choose the threshold and make the lock; nothing is written.

    Raises:
        DataError: fewer than `MIN_ROWS` rows reach the rule.
        UnmetError: no threshold meets the objective.
        ConfigError: the artifact cannot be used.
    """
    classifier = load_classifier(desk.config)
    fresh = [row for row in outcomes if is_held_out(row.prompt)] if classifier.is_taught else outcomes
    judged = [(row, classifier.judge(row.prompt)) for row in fresh]
    kept = [(row, judgement.score) for row, judgement in judged if _reaches(desk, row, judgement)]
    known = len(outcomes) - len(fresh)
    if len(kept) < MIN_ROWS:
        raise DataError(too_few(f"reach rule {desk.rule.id!r}", len(kept), len(fresh), known))
    outlook, lock = _chosen(desk, objective, kept, (len(fresh) - len(kept), source))
    return replace(outlook, known=known), lock


def too_few(words: str, kept: int, rows: int, known: int) -> str:
    """Why a calibration does not start."""
    rest = f"; {known} more may have taught what is calibrated" if known else ""
    return f"{kept} of {rows} rows {words}: at least {MIN_ROWS} are needed{rest}"


def calibrate_scored(
    desk: Desk, objective: Objective, scored: Sequence[tuple[Outcome, float]]
) -> tuple[Outlook, LockFile]:
    """The same from rows that were scored when they came, by this artifact: their words are not needed.

    Raises:
        DataError: fewer than `MIN_ROWS` rows.
        UnmetError: no threshold meets the objective.
    """
    if len(scored) < MIN_ROWS:
        raise DataError(
            f"{len(scored)} labels from the shadow for rule {desk.rule.id!r}: at least {MIN_ROWS} are needed"
        )
    return _chosen(desk, objective, scored, (0, "shadow"))


def _chosen(
    desk: Desk, objective: Objective, kept: Sequence[tuple[Outcome, float]], origin: tuple[int, Source]
) -> tuple[Outlook, LockFile]:
    left_out, source = origin
    rows = priced([row for row, _ in kept], Prices.load(desk.config), *desk.targets)
    scores = [score for _, score in kept]
    calibrated = calibrate(scores, [row.gain for row in rows])
    band = desk.rule.abstain
    up = band is not None and band.target != desk.targets[0]
    bench = Bench.of(rows, scores, calibrated.calibration, band.band if band else 0.0, up)
    point = choose(objective, bench)
    outlook = Outlook(objective, point, calibrated, expect(bench, point), len(rows), left_out)
    data = {"rows": len(rows), "sha256": data_digest(rows), "source": source}
    return outlook, _merged(desk, _locked(desk, outlook, data, scores))


def write_lock(policy_file: Path, lock: LockFile) -> Path:
    """Replace the lock beside a policy file in one step; returns its path.

    Raises:
        ConfigError: the folder cannot be written.
    """
    path = lock_path(policy_file)
    try:
        write_file(path, lock_text(lock).encode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return path


def _reaches(desk: Desk, row: Outcome, judgement: Judgement) -> bool:
    request = ChatRequest(
        "", ({"role": "user", "content": row.prompt},), None, stream=False, include_usage=False, params={}
    )
    states = dict.fromkeys(desk.config.models, "ready")
    try:
        decision = policy.decide(desk.config, desk.policy, facts_of(request, {}), judgement, states)
    except RouterError:
        return False
    return decision.rule == desk.rule.id


def _locked(desk: Desk, found: Outlook, data: dict[str, object], scores: list[float]) -> LockedRule:
    artifact = ArtifactId.of(desk.config.artifact)
    shares = histogram(scores)
    band = {"start": found.point.start, "stop": found.point.stop} if desk.rule.abstain else None
    return LockedRule.model_validate(
        {
            "threshold": found.point.threshold,
            **({"abstain": band} if band else {}),
            "artifact": {"name": artifact.name, "sha256": artifact.sha256},
            "calibration": _map(found.calibrated),
            "data": data,
            "expected": expected_of(found.expected, has_band=band is not None),
            "objective": {found.objective.name: found.objective.value},
            "scores": {edge_of(number): round(share, DIGITS) for number, share in enumerate(shares) if share},
            "terms": terms_of(desk.rule, desk.file.tiers).model_dump(exclude_none=True),
        }
    )


def _map(found: Calibrated) -> dict[str, object]:
    chosen = found.calibration
    parts: dict[str, object] = {"method": chosen.method, "error": found.error, "error_before": found.error_before}
    if chosen.method == "platt":
        parts |= {"slope": chosen.slope, "intercept": chosen.intercept}
    if chosen.method == "isotonic":
        parts["knots"] = {f"{score:.4f}": value for score, value in chosen.knots}
    return parts


def expected_of(found: Expected, *, has_band: bool) -> dict[str, object]:
    """The figures as a lock holds them."""
    figures: dict[str, tuple[Interval | None, int]] = {
        "large_pct": (found.large_pct, 1),
        "abstain_pct": (found.abstain_pct if has_band else None, 1),
        "quality": (found.quality, DIGITS),
        "saving_pct": (found.saving_pct, 1),
        "usd_per_1k": (found.usd_per_1k, DIGITS),
    }
    return {name: _figure(interval, digits) for name, (interval, digits) in figures.items() if interval is not None}


def _figure(found: Interval, digits: int) -> dict[str, float]:
    kept = found.rounded(digits)
    return {"value": kept.value, "low": kept.low, "high": kept.high}


def _merged(desk: Desk, rule: LockedRule) -> LockFile:
    """The lock with this rule in it; what it says of rules that are still calibrated stays."""
    try:
        before = read_lock(lock_path(desk.path))
    except ConfigError:
        before = None  # a lock that nobody can read is what this command is told to replace
    kept: dict[str, dict[str, LockedRule]] = {}
    for name, rules in (before.policies if before else {}).items():
        entries = desk.file.policies[name].select if name in desk.file.policies else []
        calibrated = {entry.id for entry in entries if is_calibrated(entry)}
        still = {key: value for key, value in rules.items() if key in calibrated}
        if still:
            kept[name] = still
    kept.setdefault(desk.policy, {})[desk.rule.id] = rule
    return LockFile(version=1, policies=kept, verify=before.verify if before else {})
