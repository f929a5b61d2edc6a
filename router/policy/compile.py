"""From a valid `PolicyFile` to the frozen `Config` that the rest of the program sees."""

from pathlib import Path

import platformdirs

from router.config import Config, Guard, ModelConfig, Policy, PolicyTest, Rule, ServerConfig
from router.policy.conditions import compiled, lowered
from router.policy.document import Document
from router.policy.environment import Environment
from router.policy.schema import GuardEntry, PolicyEntry, RuleEntry, ServerEntry, TestEntry
from router.policy.schema_models import PolicyFile

APP = "shunt"


def build(
    file: PolicyFile, models: dict[str, ModelConfig], server: ServerConfig, document: Document, path: Path | None
) -> Config:
    """Put everything together; `path` is None for the packaged default."""
    folder = path.parent if path else Path.cwd()
    return Config(
        path=path,
        models=models,
        tiers=tuple(file.tiers),
        policies={name: policy_of(name, entry, file.tiers) for name, entry in file.policies.items()},
        default_policy="auto" if "auto" in file.policies else next(iter(file.policies)),
        guards=tuple(guard_of(entry) for entry in file.guards),
        aliases=dict(file.aliases),
        tests=tuple(_test(entry, document.line(("tests", index))) for index, entry in enumerate(file.tests)),
        server=server,
        state_dir=_folder(file.state_dir, folder) or platformdirs.user_state_path(APP),
        cache_dir=_folder(file.cache_dir, folder) or platformdirs.user_cache_path(APP),
        memory_budget_bytes=None if file.memory_budget_mib is None else file.memory_budget_mib << 20,
    )


def server_of(entry: ServerEntry, environment: Environment) -> ServerConfig:
    """The HTTP edge, with the keys that clients must send."""
    keys = [environment.secret(key, ("server", "keys", index)) for index, key in enumerate(entry.keys)]
    bounds = entry.model_dump(exclude={"keys"})
    return ServerConfig(**bounds, keys=tuple(key for key in keys if key is not None))


def policy_of(name: str, entry: PolicyEntry, tiers: list[str]) -> Policy:
    """One policy; a score rule without `below` or `above` takes the lowest and the highest tier."""
    rules = tuple(_rule(rule, tiers) for rule in entry.select)
    return Policy(name=name, select=rules, on_failure=tuple(entry.on_failure))


def _rule(entry: RuleEntry, tiers: list[str]) -> Rule:
    when = compiled(entry.when)
    if entry.score is None:
        return Rule(id=entry.id, when=when, target=entry.target, adapter=entry.adapter)
    return Rule(
        id=entry.id,
        when=when,
        threshold=entry.threshold,
        low=entry.below or tiers[0],
        high=entry.above or tiers[-1],
    )


def guard_of(entry: GuardEntry) -> Guard:
    """One guard."""
    return Guard(
        id=entry.id,
        when=compiled(entry.when),
        allow_zone=None if entry.allow_zone is None else frozenset(entry.allow_zone),
        require=frozenset(entry.require or ()),
    )


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
    )


def _folder(written: str | None, base: Path) -> Path | None:
    return base / Path(written).expanduser() if written else None
