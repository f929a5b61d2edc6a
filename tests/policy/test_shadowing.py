"""The guards are asked again for every model that sees a request in the shadow of its answer."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from router.condition import Always
from router.config import Config
from router.policy.decision import Facts
from router.policy.evidence import Evidence
from router.policy.shadowing import bars, may_embed, may_judge
from router.policy.truth import holds
from tests.policy.files import Judged
from tests.policy.test_conditions import judgements
from tests.policy.test_plan_properties import NAMES, configs, may_have, requests


def binding(config: Config, request: Facts, judgement: Judged | None) -> Config:
    """The configuration with the guards that bind this request, bound to every request."""
    bound = [guard for guard in config.guards if holds(guard.when, request, judgement, {}) is not False]
    return replace(config, guards=tuple(replace(guard, when=Always()) for guard in bound))


@settings(max_examples=1000, deadline=None)
@given(configs(), st.sampled_from(NAMES), requests, judgements)
def test_no_copy_goes_where_a_guard_forbids_it(config: Config, name: str, request: Facts, judgement: Judged | None):
    """Exactly the models that no guard bars may answer once more, and what compares gets no data that it may not have."""
    evidence = Evidence(request, judgement)
    assert may_have(config, name, request, judgement, {}) == (bars(config, name, evidence) is None)
    bound = binding(config, request, judgement)
    compared = replace(request, needs=frozenset({"embeddings"}), prompt_tokens=0, exact_tokens={})
    # No model of these configurations embeds, which a guard on the modality asks for.
    is_able = not any("modality" in guard.require for guard in bound.guards)
    expected = is_able and may_have(bound, name, compared, judgement, {})
    assert expected == may_embed(config, name, evidence)


@settings(max_examples=500, deadline=None)
@given(configs(), st.sampled_from(NAMES), requests, requests, judgements)
def test_no_judge_reads_what_a_guard_keeps(
    config: Config, name: str, request: Facts, said: Facts, judgement: Judged | None
):
    """A guard that binds the request, or what its answers say, binds the judge."""
    question = replace(request, words=said.words, prompt_tokens=said.prompt_tokens)
    judged = replace(question, needs=frozenset({"chat"}), exact_tokens={})
    bounds = [binding(config, facts, judgement) for facts in (request, question)]
    expected = all(may_have(bound, name, judged, judgement, {}) for bound in bounds)
    assert expected == may_judge(config, name, Evidence(request, judgement), question)
