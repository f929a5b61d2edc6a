"""What is wrong with a `shadow` or a `cache` is told before it serves, with the cure."""

from collections.abc import Callable

import pytest

from router.config import CacheTerms, Shadow
from tests.policy.conftest import Loader
from tests.policy.files import SIMPLE

EMBEDDER = "  vectors: {backend: llama.cpp, source: e.gguf, can: [embeddings]}\n"
JUDGE = '  judge: {backend: openai, base_url: "http://127.0.0.1:9/v1", model: j}\n'


def shadowed(entry: str, models: str = "", more: str = "") -> str:
    text = SIMPLE.replace("tiers:", models + "tiers:", 1)
    return text + f"    shadow: {{sample: 0.1, max_usd_per_day: 1, {entry}}}\n" + more


@pytest.mark.parametrize(
    ("entry", "models", "words"),
    [
        ("target: larg", "", "unknown model 'larg' (did you mean 'large'?)"),
        ("target: [small, small]", "", "duplicate target 'small'"),
        ("target: vectors", EMBEDDER, "model 'vectors' cannot chat"),
        ("target: large, compare: judge", "", "needs the name of a model that scores"),
        ("target: large, judge: judge", JUDGE, "a judge does nothing here"),
        ("target: large, compare: judge, judge: large", "", "'large' would judge its own answers"),
        ("target: large, compare: similarity", "", "no local model can"),
        ("target: large, compare: similarity", EMBEDDER + EMBEDDER.replace("vectors", "more"), "several models can"),
        ("target: large, compare: similarity, embedder: small", EMBEDDER, "'small' is no local embedding model"),
        ("target: large, embedder: vectors", EMBEDDER, "an embedder does nothing here"),
        ("target: large, sample: 2", "", "'sample'"),
        ("target: large, samples: 0.1", "", "unknown key 'samples' (did you mean 'sample'?)"),
    ],
)
def test_a_shadow_that_shows_nothing_is_refused(
    problems: Callable[..., list[str]], entry: str, models: str, words: str
):
    """Each with its place and what to do about it."""
    text = shadowed(entry, models)
    text = text.replace("sample: 0.1, ", "", 1) if "sample: 2" in entry else text
    assert any(words in line for line in problems(text))


def test_a_shadow_needs_two_models_and_an_open_door(problems: Callable[..., list[str]]):
    """A policy with one model has nothing to compare, and a guard that holds for every request would keep all of it."""
    alone = shadowed("target: large").replace(
        "{id: learned, score: complexity, threshold: 0.5}", "{id: a, target: large}"
    )
    alone = alone.replace("      - {id: default, target: large}\n", "").replace(
        "on_failure: [large, small]", "on_failure: []"
    )
    assert any("no other model than 'large' to compare it with" in line for line in problems(alone))
    guard = "guards: [{id: home, when: always, allow_zone: [local]}]\n"
    home = shadowed("target: large, compare: judge, judge: judge", JUDGE, guard)
    assert any("can never use 'judge': guard 'home' forbids its zone" in line for line in problems(home))


def test_what_is_written_is_what_is_meant(read_text: Loader):
    """One target or several, periods with their units, the only embedding model where none is named."""
    config = read_text(shadowed("target: large, compare: similarity, keep: prompts", EMBEDDER))
    assert (
        Shadow(("large",), 0.1, 1.0, "similarity", None, "vectors", keeps_prompts=True)
        == config.policies["auto"].shadow
    )
    text = SIMPLE.replace("threshold: 0.5}", "threshold: 0.5, cache: {ttl: 2h, scope: tag}}")
    config = read_text(text + "cache: {max_mib: 3, redis: env:R}\n", {"R": "redis://h/0"})
    assert CacheTerms(7200.0, "tag") == config.policies["auto"].select[0].cache
    assert (3 << 20, "redis://h/0") == (config.cache.max_bytes, config.cache.redis.value)
    assert "redis://" not in repr(config)


def test_an_address_of_something_else_is_refused(problems: Callable[..., list[str]]):
    """The variable is named, its value is not shown."""
    found = problems(SIMPLE + "cache: {redis: env:R}\n", {"R": "http://secret"})
    assert ["12: R must be an address like redis://host:6379/0"] == found
