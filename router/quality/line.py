"""`shunt calibrate --second-stage`: from labelled answers to the line of `verify` in `shunt.lock`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifiers import Judgement
from classifiers.calibrating import Calibrated
from classifiers.calibration import Calibration
from classifiers.classifier import Classifier
from classifiers.confidence import PRIOR, SecondStage
from classifiers.confidence.learning import Answered
from classifiers.held_out import is_held_out
from classifiers.operating import Bench, choose, expect
from classifiers.outcomes import DataError, data_digest
from router import policy
from router.chat import ChatRequest
from router.config import Config
from router.errors import ConfigError, RouterError
from router.ledger.prices import Prices
from router.policy.artifact import load_classifier
from router.policy.calibrated import ArtifactId
from router.policy.facts import facts_of
from router.policy.loading import find, load, read_file
from router.policy.lock import LockedLine, LockedStage, LockFile, lock_path, read_lock
from router.policy.schema import VerifyEntry
from router.quality.calibrate import MIN_ROWS, Outlook, agreed, expected_of, too_few
from router.quality.costs import priced

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Bureau:
    """A policy file with the `verify` that is calibrated, the configuration it means, and the stage that reads answers."""

    path: Path
    config: Config
    policy: str
    verify: VerifyEntry
    stage: SecondStage


def open_bureau(path: Path | None, policy_name: str, environ: Mapping[str, str], stage: SecondStage) -> Bureau:
    """Find the `verify` of `policy_name` that leaves its line to a calibration.

    Raises:
        ConfigError: there is no file, no such policy, or nothing in it that is calibrated.
    """
    found = find(path)
    if found is None:
        raise ConfigError("a lock lies beside a policy file, and there is none here: `shunt init` writes one")
    config, entry = load(found, environ, locked=False), read_file(found).policies.get(policy_name)
    if entry is None or entry.verify is None or entry.verify.calibration is None:
        raise ConfigError(f"{found}: verify of policy {policy_name!r} does not say calibration: auto")
    return Bureau(found, config, policy_name, entry.verify, stage)


def calibrate_line(bureau: Bureau, text: str | None, answers: Sequence[Answered]) -> tuple[Outlook, LockFile]:
    """Choose the line that meets an objective on the answers that the policy checks; nothing is written.

    Raises:
        DataError: it checks fewer than `MIN_ROWS` of them.
        UnmetError: no line meets the objective.
        ConfigError: the objective is none, or not the file's own.
    """
    objective = agreed(bureau.path, bureau.verify.objective, text)
    classifier = load_classifier(bureau.config)
    is_taught = classifier.is_taught or bureau.stage != PRIOR
    fresh = [answer for answer in answers if is_held_out(answer.outcome.prompt)] if is_taught else answers
    checked = [answer for answer in fresh if _is_checked(bureau, classifier, answer)]
    known = len(answers) - len(fresh)
    if len(checked) < MIN_ROWS:
        raise DataError(too_few(f"are checked by policy {bureau.policy!r}", len(checked), len(fresh), known))
    rows = priced(
        [answer.outcome for answer in checked],
        Prices.load(bureau.config),
        bureau.verify.target,
        bureau.verify.escalate_to,
    )
    doubts = [_doubt(bureau, classifier, answer) for answer in checked]
    bench = Bench.of(rows, doubts, Calibration(), 0.0, up=False)
    point = choose(objective, bench)
    outlook = Outlook(
        objective,
        point,
        Calibrated(Calibration(), 0.0, 0.0),
        expect(bench, point),
        rows=len(rows),
        left_out=len(fresh) - len(rows),
        known=known,
    )
    return outlook, _merged(bureau, _locked(bureau, outlook, data_digest(rows)))


def _is_checked(bureau: Bureau, classifier: Classifier, answer: Answered) -> bool:
    message = {"role": "user", "content": answer.outcome.prompt}
    request = ChatRequest("", (message,), None, stream=False, include_usage=False, params={})
    judgement: Judgement = classifier.judge(answer.outcome.prompt)
    states = dict.fromkeys(bureau.config.models, "ready")
    try:
        decision = policy.decide(bureau.config, bureau.policy, facts_of(request, {}), judgement, states)
    except RouterError:
        return False
    return decision.verification is not None


def _doubt(bureau: Bureau, classifier: Classifier, answer: Answered) -> float:
    """How improbable it is that the answer is good enough, known what is known when the held tokens are there."""
    held = min(bureau.verify.hold_tokens, answer.tokens or bureau.verify.hold_tokens)
    prompt = answer.outcome.prompt
    return 1 - bureau.stage.probability(prompt, classifier.judge(prompt).score, answer.first, None, held)


def _locked(bureau: Bureau, found: Outlook, digest: str) -> LockedLine:
    artifact = ArtifactId.of(bureau.config.artifact)
    return LockedLine.model_validate(
        {
            "at_least": round(1 - found.point.threshold, DIGITS),
            "artifact": {"name": artifact.name, "sha256": artifact.sha256},
            "data": {"rows": found.rows, "sha256": digest, "source": "file"},
            "expected": expected_of(found.expected, has_band=False),
            "objective": {found.objective.name: found.objective.value},
            "stage": LockedStage.of(bureau.stage).model_dump(),
            "terms": bureau.verify.model_dump(include={"target", "escalate_to", "hold_tokens"}),
        }
    )


def _merged(bureau: Bureau, line: LockedLine) -> LockFile:
    """The lock with this line in it; what it says of rules and other policies stays."""
    before = read_lock(lock_path(bureau.path)) or LockFile(version=1)
    kept = {name: other for name, other in before.verify.items() if name in bureau.config.policies}
    return before.model_copy(update={"verify": kept | {bureau.policy: line}})
