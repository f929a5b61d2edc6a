"""Which backend serves which entry."""

import pytest

from router.backends.direct import DirectBackend
from router.backends.litellm import LitellmBackend
from router.backends.local import LocalBackend
from router.backends.missing import MissingBackend
from router.backends.registry import build
from router.config import Config
from router.errors import UpstreamUnavailable
from tests.fakes.chats import chat, model

SETTINGS = Config(path=None, models={}, tiers=(), policies={}, default_policy="auto")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("openai", DirectBackend), ("litellm", LitellmBackend), ("llama.cpp", LocalBackend), ("none", MissingBackend)],
)
def test_each_kind_has_its_backend(kind: str, expected: type) -> None:
    """Every kind that a policy file may name is built, and carries its entry."""
    entry = model(backend=kind)
    backend = build(entry, SETTINGS)
    assert (expected, entry) == (type(backend), backend.config)


async def test_a_missing_target_says_why() -> None:
    """A target that nothing configures is never ready, names the reason, and refuses if asked all the same."""
    backend = MissingBackend(model(backend="none", missing="LARGE_KEY is not set"))
    await backend.start()
    state = backend.state()
    assert ("missing", "LARGE_KEY is not set", False) == (state.status, state.reason, state.is_ready)
    assert await backend.count_tokens(chat()) is None
    with pytest.raises(UpstreamUnavailable, match="LARGE_KEY is not set"):
        await anext(backend.stream(chat()))
    await backend.close()
