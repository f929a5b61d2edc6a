"""What holds of every decision, whatever the file and the request: guards above all."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.caller import EVERY_OPT_OUT, Caller
from router.config import Config, Guard, ModelConfig, Overrides, Policy, Price, Rule, Session, Spill, Verify
from router.errors import RouterError
from router.policy import decide
from router.policy.decision import Decision, Facts, Load
from router.policy.routes import reach, resolve_model
from router.policy.truth import holds
from router.policy.words import Words
from tests.policy.files import Judged
from tests.policy.test_conditions import conditions, judgements, traits

NAMES = ["a", "b", "c", "d"]
ABILITIES = ["chat", "json", "tools", "vision", "audio"]
COVERS = {"tools": {"tools"}, "json": {"json"}, "modality": {"chat", "vision", "audio"}}

names = st.sampled_from(NAMES)
models = st.builds(
    lambda name, zone, can, context: ModelConfig(name, "openai", zone, frozenset(can), context),
    names,
    st.sampled_from(["local", "cloud", "eu"]),
    st.sets(st.sampled_from(ABILITIES)),
    st.sampled_from([0, 10, 100]),
)
guards = st.builds(
    Guard,
    st.sampled_from(["g", "h"]),
    conditions,
    st.none() | st.frozensets(st.sampled_from(["local", "cloud", "eu"]), min_size=1),
    st.frozensets(st.sampled_from(["context", "tools", "modality", "json"])),
)
fixed = st.builds(lambda when, target: Rule("fixed", when, target=target), conditions, names)
learned = st.builds(lambda when, low, high: Rule("learned", when, None, 0.5, low, high), conditions, names, names)
waits = st.sampled_from([0.0, 10.0, 50.0])
spills = st.none() | st.builds(Spill, names, names, waits)
bands = st.sampled_from([None, (0.0, 0.5), (0.4, 0.8)])
verifies = st.none() | st.builds(
    lambda target, to, band: Verify(target, to, -1.0, max_added_ms=20.0, band=band), names, names, bands
)
drawn = st.builds(
    lambda when, first, second: Rule(
        "drawn", when, split=((first, 90.0), (second, 10.0)), overrides=Overrides("x" * 60)
    ),
    conditions,
    names,
    names,
)
sessions = st.none() | st.builds(
    lambda mode, spend: Session(mode, ("a", "prefix"), 60.0, spend),
    st.sampled_from(["rise_only", "pin", "free"]),
    st.sampled_from([None, 0.0, 20.0]),
)
policies = st.builds(
    lambda select, last, on_failure, *more: Policy("auto", (*select, last), tuple(on_failure), *more),
    st.lists(fixed | learned | drawn, max_size=3),
    fixed | learned | drawn,
    st.lists(names, max_size=4),
    spills,
    verifies,
    sessions,
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any configuration over four models; rules need not end in one that matches everything."""
    found = {name: draw(models) for name in NAMES}
    return Config(
        path=None,
        models={name: ModelConfig(name, "openai", m.zone, m.can, m.context) for name, m in found.items()},
        tiers=tuple(draw(st.lists(names, min_size=1, unique=True))),
        policies={"auto": draw(policies)},
        default_policy="auto",
        guards=tuple(draw(st.lists(guards, max_size=3))),
        aliases={"x-*": "auto", "y": draw(names)},
    )


wishes = st.fixed_dictionaries(
    {},
    optional={
        "x-shunt-route": st.sampled_from(["a", "b"]),
        "x-shunt-zone": st.sampled_from(["local", "mars"]),
        "x-shunt-max-usd": st.sampled_from(["0", "100"]),
    },
)
requests = st.builds(
    Facts,
    headers=st.builds(
        lambda own, wishes: own | wishes, st.dictionaries(st.sampled_from("ab"), st.sampled_from("123")), wishes
    ),
    past=st.none() | names,
    prices=st.sampled_from([{}, {"a": Price(0.0, 0.0, 0.0)}, {"a": Price(2.0, 3.0, 1.0), "b": Price(1.0, 1.0)}]),
    needs=st.frozensets(st.sampled_from(ABILITIES)),
    prompt_tokens=st.sampled_from([0, 9, 10, 50, 1000]),
    exact_tokens=st.dictionaries(names, st.sampled_from([5, 50, 500]), max_size=2),
    windows=st.dictionaries(names, st.sampled_from([0, 20, 200]), max_size=2),
    side_call=st.sampled_from([None, "title"]),
    load=st.builds(Load, st.dictionaries(names, waits), st.dictionaries(names, waits)),
    **traits | {"words": st.none() | traits["words"], "at": st.none() | traits["at"]},
)
states = st.dictionaries(names, st.sampled_from(["ready", "unloaded", "loading", "shut", "down", "missing"]))


def may_have(config: Config, target: str, request: Facts, judgement: Judged | None, health: dict[str, str]) -> bool:
    """The guards once more, written another way: true when none of them bars the target."""
    model = config.models[target]
    if request.headers.get("x-shunt-zone", model.zone) != model.zone:
        return False
    if "x-shunt-max-usd" in request.headers:
        price = request.prices.get(target, Price())
        if price.input_usd is None or price.output_usd is None:
            return False
        tokens = request.exact_tokens.get(target, request.prompt_tokens)
        if price.input_usd * tokens + price.output_usd * 256 > float(request.headers["x-shunt-max-usd"]):
            return False
    for guard in config.guards:
        if holds(guard.when, request, judgement, health) is False:
            continue
        needed = {need for word in guard.require for need in COVERS.get(word, set())} & request.needs
        tokens = request.exact_tokens.get(target, request.prompt_tokens)
        window = request.windows.get(target, model.context)
        is_long = "context" in guard.require and window and tokens >= window
        if needed - model.can or is_long or (guard.allow_zone and model.zone not in guard.allow_zone):
            return False
    return True


def as_sent(request: Facts, decision: Decision) -> Facts:
    """The request with what its rule adds to the prompt."""
    extra = 28 if decision.overrides else 0
    exact = {name: count + extra for name, count in request.exact_tokens.items()}
    return replace(request, prompt_tokens=request.prompt_tokens + extra, exact_tokens=exact)


def outcome(*arguments: object) -> Decision | tuple[str, str]:
    try:
        return decide(*arguments)  # type: ignore[arg-type]
    except RouterError as error:
        return error.code, error.message


class Dice:
    """Requests from a seed: what hypothesis draws piece by piece takes longer than everything that is tested."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def one(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def some(self, choices: Iterable[Any]) -> list[Any]:
        return [choice for choice in choices if self._random.random() < 0.4]

    def by_name(self, *values: Any) -> dict[str, Any]:
        return {name: self.one(*values) for name in self.some(NAMES)}

    def headers(self) -> dict[str, str]:
        own = {name: self.one("1", "2", "3") for name in self.some("ab")}
        wishes = {"x-shunt-route": NAMES, "x-shunt-zone": ["local", "mars"], "x-shunt-max-usd": ["0", "100"]}
        return own | {name: self.one(*wishes[name]) for name in wishes if self._random.random() < 0.2}

    def request(self) -> Facts:
        said = self.one("", "Wo ist der Bahnhof?", "secret-12 is geheim", "a@example.org", "DE89370400440532013000")
        return Facts(
            headers=self.headers(),
            needs=frozenset(self.some(ABILITIES)),
            prompt_tokens=self.one(0, 9, 10, 50, 1000),
            exact_tokens=self.by_name(5, 50, 500),
            windows=self.by_name(0, 20, 200),
            side_call=self.one(None, None, "title"),
            load=Load(self.by_name(0.0, 10.0, 50.0), self.by_name(0.0, 10.0, 50.0)),
            model=self.one("auto", "x-1"),
            caller=Caller(frozenset(self.some(["team"])), self.one(EVERY_OPT_OUT, EVERY_OPT_OUT, frozenset({"zone"}))),
            client=self.one("curl", "other"),
            modalities=frozenset(self.some(["image", "audio"])),
            turns=self.one(1, 2, 3),
            words=self.one(None, *[Words([{"role": "user", "content": said}])] * 3),
            at=self.one(None, 0.0, 1_780_000_000.0),
            budget_used_pct=self.one(None, 10.0, 90.0),
            prices=self.one({}, {"a": Price(0.0, 0.0, 0.0)}, {"a": Price(2.0, 3.0, 1.0), "b": Price(1.0, 1.0)}),
            past=self.one(None, *NAMES),
        )

    def judgement(self) -> Judged | None:
        return self.one(None, Judged(self._random.random(), self.one("code", "chat")))

    def health(self) -> dict[str, str]:
        return self.by_name("ready", "ready", "unloaded", "loading", "shut", "down", "missing")


@settings(max_examples=1000, deadline=None)
@given(configs(), st.integers(0, 2**32))
def test_no_plan_holds_a_refused_target(config: Config, seed: int):
    """No hop of any plan is barred by a guard, down, missing, twice there, or outside the policy; nothing else raises.

    5,000 pairs of a policy and a request: first choice, wish, session pin, split, spill, verify and fallback alike.
    """
    dice = Dice(seed)
    for _ in range(5):
        _holds_no_refused_target(
            config,
            dice.one("auto", "auto", "x-1", "y", "a", "unknown"),
            dice.request(),
            dice.judgement(),
            dice.health(),
        )


def _holds_no_refused_target(
    config: Config, name: str, request: Facts, judgement: Judged | None, health: dict[str, str]
):
    decision = outcome(config, name, request, judgement, health)
    assert decision == outcome(config, name, request, judgement, health)
    if not isinstance(decision, Decision):
        assert decision[0] in {
            "model_not_found", "context_length_exceeded", "guard_refused", "invalid_value", "no_target_available",
            *(("forbidden",) if request.caller.may != EVERY_OPT_OUT else ()),
        }  # fmt: skip
        return
    resolved = resolve_model(config, name)
    allowed = set(reach(resolved)) if isinstance(resolved, Policy) else {resolved.name}
    assert decision.targets
    assert len(decision.targets) == len(set(decision.targets))
    assert set(decision.targets) <= allowed
    sent = as_sent(request, decision)
    assert all(may_have(config, target, sent, judgement, health) for target in decision.hops)
    assert not {health.get(target) for target in decision.targets} & {"down", "missing"}
    if decision.verification is not None:
        assert "ready" == health.get(decision.verification.escalate_to, "ready") == health.get(decision.target, "ready")
    assert not {refusal.target for refusal in decision.refusals} & set(decision.targets)


@settings(max_examples=300, deadline=None)
@given(configs(), requests, judgements)
def test_a_healthy_allowed_choice_is_kept(config: Config, request: Facts, judgement: Judged | None):
    """When every target is ready, the wanted one answers unless a guard bars it, and the reason names that guard."""
    decision = outcome(config, "auto", request, judgement, {})
    if not isinstance(decision, Decision):
        return
    if decision.spilled_from is not None:
        spill = config.policies["auto"].spill
        assert (spill.source, spill.to, "spill") == (decision.due, decision.target, decision.reason)
        assert request.load.queue_ms[spill.source] > max(spill.queue_ms, request.load.first_ms.get(spill.to, 0.0))
    elif decision.reason == "verify":
        assert decision.verification is not None
        assert config.policies["auto"].verify.target == decision.target
    elif may_have(config, decision.wanted, as_sent(request, decision), judgement, {}):
        assert decision.target == decision.wanted
        assert decision.reason in {"rule", "classifier_failed", "session", "asked"}
    else:
        limits = ("x-shunt-zone", "x-shunt-max-usd", *(guard.id for guard in config.guards))
        assert decision.reason in {f"guard:{name}" for name in limits}


@settings(max_examples=300, deadline=None)
@given(configs(), requests, judgements, states)
def test_a_refusal_for_health_hides_no_allowed_target(
    config: Config, request: Facts, judgement: Judged | None, health: dict[str, str]
):
    """A model asked for by name is refused only when it is barred, down or missing."""
    decision = outcome(config, "a", request, judgement, health)
    is_usable = may_have(config, "a", request, judgement, health) and health.get("a") not in {"down", "missing"}
    assert isinstance(decision, Decision) == is_usable
