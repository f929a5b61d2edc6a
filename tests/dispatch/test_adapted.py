"""What belongs to one target of a plan, and to no other."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from router.chat import ChatRequest, Chunk, Event, Usage
from router.dispatch.carry import carry_out
from router.dispatch.fleet import Fleet
from router.dispatch.trace import Trace
from router.errors import UpstreamAuth
from router.policy.decision import Decision
from tests.fakes.chats import chat
from tests.fakes.target import FakeTarget


class Listener(FakeTarget):
    """Remembers the adapter it was asked for; if it fails, it leaves a bill first."""

    adapter: str | None = "nobody asked"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Play."""
        self.adapter = request.adapter
        request.bill.usage = Usage(9, 9) if self.config.name == "small" else request.bill.usage
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event


@pytest.mark.parametrize("adapter", ["finance", None])
async def test_another_target_answers_without_the_adapter(adapter: str | None):
    """The adapter was chosen for one model; who takes over has none, and none of the first one's costs."""
    small = Listener("small", [UpstreamAuth("no")])
    large = Listener("large", [Chunk({"content": "a"}), Chunk({}, finish_reason="stop"), Usage(3, 2)])
    decision = Decision("auto", "rule", "small", ("small", "large"), "rule", adapter=adapter)
    request = chat(stream=True)
    fleet = Fleet.fresh({"small": small, "large": large})
    async with aclosing(carry_out(decision, request, fleet, Trace())) as events:
        assert [event async for event in events][-1] == Usage(3, 2)
    assert (small.adapter, large.adapter) == (adapter, None)
    assert request.bill.usage is None
