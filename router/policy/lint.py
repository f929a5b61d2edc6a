"""What a valid file can still get wrong: names that lead nowhere, and entries that do nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from router.config import ModelConfig
from router.policy.border import Reading
from router.policy.calibrated import is_calibrated
from router.policy.lint_conditions import names_in
from router.policy.lint_embedder import embedder_faults
from router.policy.lint_shadow import shadow_faults
from router.policy.optout import MAX_USD, ZONE
from router.policy.problem import Place, Problems, did_you_mean, shown
from router.policy.routes import DIRECT
from router.policy.schema import GuardEntry, RuleEntry, ShadowEntry, SpillEntry, TestEntry, VerifyEntry
from router.policy.schema_conditions import ConditionTable
from router.policy.schema_models import PolicyFile

LOCAL = frozenset({"llama.cpp", "none"})  # none: a local model that this machine has no file for
RESERVED_GUARDS = frozenset({"down", "missing", ZONE, MAX_USD})  # a decision uses these words for health and wishes


@dataclass(frozen=True, slots=True)
class Bench:
    """The file under inspection, the targets made from it, and where findings go."""

    reading: Reading
    models: Mapping[str, ModelConfig]
    problems: Problems

    @property
    def file(self) -> PolicyFile:
        """What could be read."""
        return self.reading.file

    @property
    def askable(self) -> set[str]:
        """Every policy, every model, and every model under each of its adapters."""
        adapted = {f"{name}:{adapter}" for name, model in self.models.items() for adapter in model.adapters}
        return {*self.models, *self.file.policies, *adapted}

    @property
    def zones(self) -> set[str]:
        """Every zone that some model is in."""
        return {model.zone for model in self.models.values()}

    def known(self, name: str | None, valid: Collection[str], what: str, place: Place) -> None:
        """Note a problem unless `name` is one of `valid`; None is fine."""
        if name is not None and name not in valid:
            self.problems.note(place, f"unknown {what} {shown(name)}{did_you_mean(name, valid)}")

    def target(self, name: str | None, place: Place) -> None:
        """Note a problem unless `name` is a model that can chat; None is fine."""
        self.known(name, self.models, "model", place)
        if name is not None and name in self.models and "chat" not in self.models[name].can:
            self.problems.note(place, f"model {shown(name)} cannot chat, so nothing can be routed to it")

    def condition(self, when: ConditionTable | None, place: Place) -> None:
        """Note a problem for each name in the condition that leads nowhere."""
        valid: Mapping[str, Collection[str]] = {"model": self.models, "examples": self.file.examples}
        for what, name, named_at in names_in(when, (*place, "when")):
            self.known(name, valid[what], what, named_at)

    def zone(self, name: str | None, place: Place) -> None:
        """Note a problem unless some model is in the zone; one that could not be read might be."""
        if self.reading.is_whole:
            self.known(name, self.zones, "zone", place)

    def unique(self, names: Iterable[str], what: str, place: Place) -> None:
        """Note each name that was there before."""
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                self.problems.note((*place, index), f"duplicate {what} {shown(name)}")
            seen.add(name)


def check_names(bench: Bench) -> None:
    """Every name leads somewhere, nothing has two meanings, no entry is without effect."""
    file = bench.file
    bench.unique(file.tiers, "tier", ("tiers",))
    for index, name in enumerate(file.tiers):
        bench.target(name, ("tiers", index))
    bench.unique((guard.id for guard in file.guards), "guard id", ("guards",))
    bench.unique((budget.id for budget in file.budgets), "budget id", ("budgets",))
    for index, guard in enumerate(file.guards):
        _check_guard(bench, guard, ("guards", index))
    _check_aliases(bench)
    _check_examples(bench)
    for name in file.policies:
        _check_policy(bench, name)
    for index, test in enumerate(file.tests):
        _check_test(bench, test, ("tests", index))


def _check_guard(bench: Bench, guard: GuardEntry, place: Place) -> None:
    bench.condition(guard.when, place)
    if guard.id in RESERVED_GUARDS:
        bench.problems.note((*place, "id"), f"guard id {shown(guard.id)} is reserved: rename this guard")
    if guard.allow_zone is None and guard.require is None:
        bench.problems.note(place, f"guard {shown(guard.id)} does nothing: write allow_zone or require")
    for index, zone in enumerate(guard.allow_zone or ()):
        bench.zone(zone, (*place, "allow_zone", index))


def _check_aliases(bench: Bench) -> None:
    aliases, askable = bench.file.aliases, bench.askable
    for alias, name in aliases.items():
        place: Place = ("aliases", alias)
        if alias in askable:
            bench.problems.note(place, f"alias {shown(alias)} has the name of a policy or a model")
        if name in aliases and name not in askable:
            bench.problems.note(place, f"alias {shown(alias)} leads to another alias: name a policy or a model")
        else:
            bench.known(name, askable, "policy or model", place)
        wider = _next_wider(alias, aliases)
        if wider is not None and aliases[wider] == name:
            bench.problems.note(place, f"alias {shown(alias)} does nothing: {shown(wider)} leads to the same place")


def _check_examples(bench: Bench) -> None:
    for name, entry in bench.file.examples.items():
        place: Place = ("examples", name)
        bench.known(entry.embedder, bench.models, "model", (*place, "embedder"))
        for key, fault in embedder_faults(entry.embedder, bench.models, "prompts"):
            bench.problems.note((*place, key), fault)


def _next_wider(alias: str, aliases: Mapping[str, str]) -> str | None:
    stem = alias.removesuffix("*")
    covers = [other for other in aliases if other.endswith("*") and other != alias and stem.startswith(other[:-1])]
    return max(covers, key=len, default=None)


def _check_policy(bench: Bench, name: str) -> None:
    entry, place = bench.file.policies[name], ("policies", name)
    if name in bench.models:
        bench.problems.note(place, f"{shown(name)} names a policy and a model: rename one")
    if name == DIRECT:
        bench.problems.note(place, f"policy name {shown(name)} is reserved: rename this policy")
    bench.unique((rule.id for rule in entry.select), "rule id", (*place, "select"))
    bench.unique(entry.on_failure, "target", (*place, "on_failure"))
    for index, target in enumerate(entry.on_failure):
        bench.target(target, (*place, "on_failure", index))
    if entry.spill is not None:
        _check_spill(bench, entry.spill, (*place, "spill"))
    if entry.verify is not None:
        _check_verify(bench, entry.verify, (*place, "verify"))
    if entry.shadow is not None:
        _check_shadow(bench, entry.shadow, (*place, "shadow"))
    for index, rule in enumerate(entry.select):
        _check_rule(bench, rule, (*place, "select", index))


def _check_spill(bench: Bench, spill: SpillEntry, place: Place) -> None:
    bench.target(spill.from_, (*place, "from"))
    bench.target(spill.to, (*place, "to"))
    source = bench.models.get(spill.from_)
    if source is not None and source.backend not in LOCAL:
        fault = f"model {shown(spill.from_)} has no queue that could be seen: only a llama.cpp model can spill"
        bench.problems.note((*place, "from"), fault)
    if spill.from_ == spill.to:
        bench.problems.note((*place, "to"), f"{shown(spill.to)} spills into itself")


def _check_verify(bench: Bench, verify: VerifyEntry, place: Place) -> None:
    bench.target(verify.target, (*place, "target"))
    bench.target(verify.escalate_to, (*place, "escalate_to"))
    target = bench.models.get(verify.target)
    if target is not None and target.backend not in LOCAL:
        fault = (
            f"model {shown(verify.target)} does not tell how confident it is: only a llama.cpp model can be verified"
        )
        bench.problems.note((*place, "target"), fault)
    if verify.below is None and verify.calibration is None:
        bench.problems.note(place, "verify needs a line: write below, a mean log-probability, or calibration: auto")
    if verify.objective is not None and verify.calibration is None:
        bench.problems.note((*place, "objective"), "an objective is what a calibration holds: write calibration: auto")
    if verify.target == verify.escalate_to:
        bench.problems.note((*place, "escalate_to"), f"{shown(verify.escalate_to)} escalates to itself")


def _check_shadow(bench: Bench, shadow: ShadowEntry, place: Place) -> None:
    bench.unique(shadow.target, "target", (*place, "target"))
    for name in shadow.target:
        bench.target(name, (*place, "target"))
    bench.target(shadow.judge, (*place, "judge"))
    bench.known(shadow.embedder, bench.models, "model", (*place, "embedder"))
    for key, fault in shadow_faults(shadow, bench.models):
        bench.problems.note((*place, key), fault)


def _check_rule(bench: Bench, rule: RuleEntry, place: Place) -> None:
    bench.condition(rule.when, place)
    bench.target(rule.target, (*place, "target"))
    bench.target(rule.below, (*place, "below"))
    bench.target(rule.above, (*place, "above"))
    if rule.abstain is not None:
        bench.target(rule.abstain.target, (*place, "abstain", "target"))
    if rule.target is not None and rule.target in bench.models:
        bench.known(rule.adapter, bench.models[rule.target].adapters, "adapter", (*place, "adapter"))
    for name in rule.split or ():
        bench.target(name, (*place, "split", name))
    fault = _score_fault(rule, bench.file.tiers) if rule.score is not None else _target_fault(rule)
    if fault:
        bench.problems.note(place, f"rule {shown(rule.id)} {fault}")


def _target_fault(rule: RuleEntry) -> str | None:
    for key in ("threshold", "calibration", "objective", "abstain", "below", "above"):
        if getattr(rule, key) is not None:
            return f"has {key} but no score: write score: complexity"
    if rule.split is not None:
        return _split_fault(rule)
    return None if rule.target is not None else "chooses nothing: write target, split, or score: complexity"


def _split_fault(rule: RuleEntry) -> str | None:
    if rule.target is not None:
        return "has both target and split: keep one"
    return "has an adapter and a split: an adapter belongs to a target" if rule.adapter is not None else None


def _score_fault(rule: RuleEntry, tiers: list[str]) -> str | None:
    if rule.target is not None:
        return "has both target and score: keep one"
    if rule.split is not None:
        return "has both split and score: keep one"
    if rule.adapter is not None:
        return "has an adapter and a score: an adapter belongs to a target"
    if rule.threshold is None and not is_calibrated(rule):
        return "needs a threshold, a number from 0 to 1, or calibration: auto"
    if (rule.below or tiers[0]) == (rule.above or tiers[-1]):
        return "chooses between a model and itself: name two tiers, or below and above"
    return None


def _check_test(bench: Bench, test: TestEntry, place: Place) -> None:
    expect = test.expect
    for index, name in enumerate(test.down):
        bench.known(name, bench.models, "model", (*place, "down", index))
    bench.known(test.past, bench.models, "model", (*place, "past"))
    for name in test.queue_ms:
        bench.known(name, bench.models, "model", (*place, "queue_ms", name))
    for name in test.similar_to:
        bench.known(name, bench.file.examples, "examples", (*place, "similar_to", name))
    bench.known(expect.target, bench.models, "model", (*place, "expect", "target"))
    bench.zone(expect.zone, (*place, "expect", "zone"))
    if not expect.model_fields_set:
        bench.problems.note((*place, "expect"), "this test expects nothing")
    if expect.error is not None and len(expect.model_fields_set) > 1:
        bench.problems.note((*place, "expect"), "a request that is refused has no target, rule, zone or reason")
