"""From a valid `PolicyFile` to the frozen `Config` that the rest of the program sees."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from router.capture import CaptureSettings
from router.config import (
    CacheSettings,
    CacheTerms,
    Config,
    Examples,
    Guard,
    LedgerSettings,
    Line,
    ModelConfig,
    Overrides,
    Policy,
    PolicyTest,
    Replicas,
    Rule,
    Secret,
    ServerConfig,
    Session,
    Shadow,
    Spill,
    Verify,
)
from router.limit import Limit
from router.policy.calibrated import Calibrations
from router.policy.clock import moment
from router.policy.conditions import compiled, lowered, score_range
from router.policy.document import Document
from router.policy.environment import Environment
from router.policy.lint_embedder import embedders
from router.policy.schema import (
    CacheEntry,
    GuardEntry,
    OverrideEntry,
    PolicyEntry,
    RuleEntry,
    ServerEntry,
    SessionEntry,
    ShadowEntry,
    SpillEntry,
    TestEntry,
    VerifyEntry,
)
from router.policy.schema_budgets import BudgetEntry, BudgetMatch, CaptureEntry, LedgerEntry, ReplicasEntry
from router.policy.schema_models import CacheStoreEntry, ExamplesEntry, PolicyFile

APP = "shunt"
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the file alone does not say: targets, edge and thresholds with what the environment and the lock add."""

    models: dict[str, ModelConfig]
    server: ServerConfig
    ledger: LedgerSettings
    cache: CacheSettings
    replicas: Replicas
    artifact: Path | None
    calibrations: Calibrations


def build(file: PolicyFile, parts: Parts, document: Document, path: Path | None) -> Config:
    """Put everything together; `path` is None for the packaged default."""
    folder = path.parent if path else Path.cwd()
    default = "auto" if "auto" in file.policies else next(iter(file.policies))
    policies = {name: policy_of(name, entry, file.tiers, parts.calibrations) for name, entry in file.policies.items()}
    policies = {name: _embedded(policy, parts.models) for name, policy in policies.items()}
    return Config(
        path=path,
        models=parts.models,
        tiers=tuple(file.tiers),
        policies=policies,
        default_policy=default,
        guards=tuple(guard_of(entry) for entry in file.guards),
        aliases=dict(file.aliases),
        ledger=parts.ledger,
        examples={name: _examples(entry, parts.models) for name, entry in file.examples.items()},
        limits=tuple(limit_of(entry) for entry in file.budgets),
        tests=tuple(_test(entry, document.line(("tests", index))) for index, entry in enumerate(file.tests)),
        server=parts.server,
        cache=parts.cache,
        replicas=parts.replicas,
        capture=capture_of(file.capture),
        state_dir=_folder(file.state_dir, folder) or platformdirs.user_state_path(APP),
        cache_dir=_folder(file.cache_dir, folder) or platformdirs.user_cache_path(APP),
        memory_budget_bytes=None if file.memory_budget_mib is None else file.memory_budget_mib << 20,
        artifact=parts.artifact,
        usual_scores=parts.calibrations.usual_scores(default),
    )


def server_of(entry: ServerEntry, environment: Environment) -> ServerConfig:
    """The HTTP edge, with the keys that clients must send."""
    keys = [environment.secret(key, ("server", "keys", index)) for index, key in enumerate(entry.keys)]
    bounds = entry.model_dump(exclude={"keys", "cors_origins"})
    return ServerConfig(
        **bounds, cors_origins=tuple(entry.cors_origins), keys=tuple(key for key in keys if key is not None)
    )


def ledger_of(entry: LedgerEntry, environment: Environment) -> LedgerSettings:
    """Where the records are kept; the address may hold a password, so it comes from the environment."""
    return LedgerSettings(environment.secret(entry.url, ("ledger", "url")), entry.keep_days)


def cache_of(entry: CacheStoreEntry, environment: Environment) -> CacheSettings:
    """Where answers are kept; notes a problem when the address of a Redis is not set or is none."""
    responses_s = None if entry.responses == "off" else _seconds(entry.responses)
    return CacheSettings(entry.max_mib << 20, _redis(entry.redis, "cache", environment), responses_s)


def replicas_of(entry: ReplicasEntry, environment: Environment) -> Replicas:
    """Who else enforces the limits; notes a problem when the address of a Redis is not set or is none."""
    return Replicas(entry.count, _redis(entry.redis, "replicas", environment))


def capture_of(entry: CaptureEntry | None) -> CaptureSettings | None:
    """Whose words are kept."""
    if entry is None:
        return None
    names = None if entry.policies is None else frozenset(entry.policies)
    return CaptureSettings(entry.sample, names, entry.keep_days, entry.max_mib << 20)


def _redis(written: str | None, section: str, environment: Environment) -> Secret | None:
    redis = environment.secret(written, (section, "redis"))
    if redis is not None and not redis.value.startswith(("redis://", "rediss://", "unix://")):
        environment.note((section, "redis"), f"{redis.env} must be an address like redis://host:6379/0")
    return redis


def artifact_of(written: str | None, folder: Path, environment: Environment) -> Path | None:
    """The classifier's folder: the file's, else the one that SHUNT_ARTIFACT names, else None for the one that ships."""
    chosen = environment.get("SHUNT_ARTIFACT")
    return _folder(written, folder) or _folder(chosen, Path.cwd())


def policy_of(name: str, entry: PolicyEntry, tiers: list[str], calibrations: Calibrations) -> Policy:
    """One policy; a score rule without `below` or `above` takes the lowest and the highest tier."""
    rules = tuple(_rule(name, rule, tiers, calibrations) for rule in entry.select)
    return Policy(
        name=name,
        select=rules,
        on_failure=tuple(entry.on_failure),
        spill=_spill(entry.spill),
        verify=_verify(entry.verify, calibrations.line(name, entry)),
        session=_session(entry.session),
        shadow=_shadow(entry.shadow),
    )


def _session(entry: SessionEntry | None) -> Session | None:
    if entry is None:
        return None
    return Session(entry.mode, tuple(entry.key), _seconds(entry.ttl), entry.max_switch_spend_pct)


def _seconds(period: str) -> float:
    return int(period[:-1]) * UNITS_S[period[-1]]


def _cache(entry: CacheEntry | None) -> CacheTerms | None:
    return None if entry is None else CacheTerms(_seconds(entry.ttl), entry.scope)


def _shadow(entry: ShadowEntry | None) -> Shadow | None:
    if entry is None:
        return None
    return Shadow(
        targets=tuple(entry.target),
        sample=entry.sample,
        max_usd_per_day=entry.max_usd_per_day,
        compare=entry.compare,
        judge=entry.judge,
        embedder=entry.embedder,
        keeps_prompts=entry.keep == "prompts",
        keep_days=entry.keep_days,
    )


def _embedded(policy: Policy, models: Mapping[str, ModelConfig]) -> Policy:
    """A comparison of embeddings that names no model takes the only one that embeds."""
    shadow = policy.shadow
    if shadow is None or shadow.compare != "similarity" or shadow.embedder is not None:
        return policy
    return replace(policy, shadow=replace(shadow, embedder=embedders(models)[0]))


def _examples(entry: ExamplesEntry, models: Mapping[str, ModelConfig]) -> Examples:
    return Examples(entry.embedder or embedders(models)[0], tuple(entry.prompts))


def _spill(entry: SpillEntry | None) -> Spill | None:
    return None if entry is None else Spill(entry.from_, entry.to, entry.when.queue_ms.gt)


def _verify(entry: VerifyEntry | None, line: Line | None) -> Verify | None:
    if entry is None:
        return None
    band = entry.band and score_range(entry.band.gte, entry.band.lt)
    return Verify(
        target=entry.target,
        escalate_to=entry.escalate_to,
        floor=entry.below if line is None else None,
        hold_tokens=entry.hold_tokens,
        max_added_ms=entry.max_added_ms,
        band=(band.gte, band.lt) if band else None,
        line=line,
    )


def _rule(policy: str, entry: RuleEntry, tiers: list[str], calibrations: Calibrations) -> Rule:
    when = compiled(entry.when)
    if entry.score is None:
        return Rule(
            id=entry.id,
            when=when,
            target=entry.target,
            adapter=entry.adapter,
            split=tuple((entry.split or {}).items()),
            overrides=_overrides(entry.overrides),
            cache=_cache(entry.cache),
        )
    fitted = calibrations.fitted(policy, entry)
    return Rule(
        id=entry.id,
        when=when,
        threshold=fitted.threshold,
        low=entry.below or tiers[0],
        high=entry.above or tiers[-1],
        abstain=fitted.abstain,
        is_locked=fitted.is_locked,
        overrides=_overrides(entry.overrides),
        cache=_cache(entry.cache),
    )


def _overrides(entry: OverrideEntry | None) -> Overrides | None:
    return None if entry is None else Overrides(**entry.model_dump())


def guard_of(entry: GuardEntry) -> Guard:
    """One guard."""
    return Guard(
        id=entry.id,
        when=compiled(entry.when),
        allow_zone=None if entry.allow_zone is None else frozenset(entry.allow_zone),
        require=frozenset(entry.require or ()),
    )


def limit_of(entry: BudgetEntry) -> Limit:
    """One budget."""
    whose = entry.match or BudgetMatch.model_construct()
    return Limit(key=whose.key, tag=whose.key_tag, **entry.model_dump(exclude={"match"}))


def _test(entry: TestEntry, line: int) -> PolicyTest:
    return PolicyTest(
        prompt=entry.prompt,
        headers=lowered(entry.headers),
        policy=entry.model,
        down=frozenset(entry.down),
        expect=entry.expect.model_dump(exclude_none=True),
        line=line,
        needs=frozenset(entry.needs),
        prompt_tokens=entry.prompt_tokens,
        side_call=entry.side_call,
        queue_ms=entry.queue_ms,
        caller=frozenset(entry.caller),
        turns=entry.turns,
        modality=frozenset(entry.modality),
        at=None if entry.at is None else moment(entry.at),
        budget_used_pct=entry.budget_used_pct,
        past=entry.past,
        similar_to=entry.similar_to,
    )


def _folder(written: str | None, base: Path) -> Path | None:
    return base / Path(written).expanduser() if written else None
