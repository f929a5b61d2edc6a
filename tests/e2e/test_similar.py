"""`similar_to` with a real embedding model, over a real socket."""

from pathlib import Path

import aiohttp

from tests.fakes.shunt import ShuntServer

POLICY = """
version: 1
models:
  embedder: {{backend: llama.cpp, source: "{embedder}", can: [embeddings]}}
  support: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: s}}
  large: {{backend: openai, base_url: "http://127.0.0.1:9/v1", model: l}}
tiers: [support, large]
examples:
  refunds: {{prompts: ["I want my money back", "How do I return a broken lamp?"]}}
policies:
  auto:
    select:
      - {{id: refunds, when: {{similar_to: {{refunds: {{gte: 0.5}}}}}}, target: support}}
      - {{id: default, target: large}}
"""


async def test_what_means_the_same_takes_the_same_rule(shared: Path, tmp_path: Path):
    """A rule finds a request in words that none of its examples has, and leaves another alone."""
    embedder = shared / "models" / "all-MiniLM-L6-v2-q8_0.gguf"
    async with (
        ShuntServer(tmp_path, POLICY.format(embedder=embedder)) as server,
        aiohttp.ClientSession(server.root_url) as http,
    ):

        async def rule(text: str) -> str:
            asked = {"model": "auto", "messages": [{"role": "user", "content": text}]}
            async with http.post("/v1/route", json=asked) as answer:
                assert answer.status == 200, await answer.text()
                told = await answer.json()
                assert (told["similar_to"]["refunds"] >= 0.5) == (told["rule"] == "refunds")
                return told["rule"]

        assert ("refunds", "default") == (
            await rule("Please refund me, I would like to get my money returned."),
            await rule("Prove that there are infinitely many primes."),
        )
