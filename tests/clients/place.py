"""Where the clients of the matrix ask: one router, with a small model and an obliging large one behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.gguf_model import write_tiny_gguf
from tests.fakes.large import LargeServer
from tests.fakes.obliging import Obliging
from tests.fakes.shunt import ROOT, ShuntServer

TINYTALK = ROOT.parent / "shared" / "models" / "tinytalk-3M-Q4_0.gguf"
POLICY = """
version: 1
models:
  small: {{backend: llama.cpp, source: "{small}", can: [chat, json, tools], threads: 1}}
  seeded: {{backend: llama.cpp, source: "{seeded}", can: [chat, json, tools], threads: 1}}
  large: {{backend: openai, base_url: "{large}", model: big, context: 100000, retries: 0}}
  busy: {{backend: openai, base_url: "{large}", model: busy, context: 100000, retries: 0}}
  broken: {{backend: openai, base_url: "{large}", model: broken, context: 100000, retries: 0}}
  slow: {{backend: openai, base_url: "{large}", model: slow, context: 100000, retries: 0}}
tiers: [small, seeded, large]
policies:
  auto: {{select: [{{id: short, when: {{header: {{x-shunt-route: small}}}}, target: small}}, {{id: odd, when: {{header: {{x-shunt-route: seeded}}}}, target: seeded}}, {{id: all, target: large}}]}}
"""


@dataclass(frozen=True)
class Place:
    """A running router, and the large model behind it."""

    shunt: ShuntServer
    large: LargeServer
    obliging: Obliging


@asynccontextmanager
async def open_place(folder: Path) -> AsyncIterator[Place]:
    """Serve in `folder`: TinyTalk where it is beside the checkout, otherwise a small model with random weights."""
    seeded = write_tiny_gguf(folder / "seeded.gguf", context=2048)
    small = TINYTALK if TINYTALK.exists() else seeded
    obliging = Obliging()
    async with (
        LargeServer(plain=obliging) as large,
        ShuntServer(folder, POLICY.format(small=small, seeded=seeded, large=large.base_url)) as shunt,
    ):
        yield Place(shunt, large, obliging)
