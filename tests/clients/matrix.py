"""The matrix: which clients are run, in which environment, and what each of them has to tell of each exercise."""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
ANSWERED = ["Heard: Rain in Oslo"] * 2
CITIES = ["Oslo"] * 2
TEXTS = "the texts of the small and the large model"
"""Stands for the texts that the two models give to a request without any client."""

COMMON: Mapping[str, object] = {
    "chat": TEXTS, "stream": TEXTS, "tools": ANSWERED, "structured": CITIES,
}  # fmt: skip
OPENAI = ["NotFoundError", "RateLimitError", "APIError"]


@dataclass(frozen=True)
class Client:
    """One client. `errors` are what it makes of an unknown model, of a 429, and of a stream that breaks off."""

    name: str
    package: str
    environment: str
    program: str
    errors: list[str] = field(default_factory=lambda: OPENAI)
    own: Mapping[str, object] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, object]:
        """What is expected, by exercise."""
        told = {**COMMON, **self.own, "errors": self.errors, "cancel": True}
        return {name: said for name, said in told.items() if name not in self.lacks}

    @property
    def version(self) -> str | None:
        """The version that is locked; None where it is the machine's."""
        if self.environment == "node":
            lock = json.loads((HERE / "node" / "package-lock.json").read_text())
            return lock["packages"][f"node_modules/{self.package}"]["version"]
        if self.environment == "machine":
            return None
        lock = (HERE / "python" / f"{self.environment}.lock").read_text()
        return re.search(rf"^{re.escape(self.package)}==(\S+)", lock, re.MULTILINE)[1]

    @property
    def command(self) -> list[str]:
        """The interpreter and the program."""
        if self.environment == "node":
            return [shutil.which("node") or "node", str(HERE / "node" / self.program)]
        own = ENVIRONMENTS / self.environment / "bin" / "python"
        return [sys.executable if self.environment == "machine" else str(own), str(HERE / "python" / self.program)]

    @property
    def missing(self) -> str | None:
        """What has to be installed before this client can run."""
        if self.environment == "machine":
            return None if shutil.which(self.package) else f"{self.package} is not on this machine"
        if self.environment == "node":
            is_there = shutil.which("node") and (HERE / "node" / "node_modules" / ".done").exists()
        else:
            is_there = (ENVIRONMENTS / self.environment / ".done").exists()
        return None if is_there else f"{self.name} is not installed: make clients"


RESPONSES: Mapping[str, object] = {"responses": TEXTS}
PYDANTIC_AI = ["ModelNotFoundError", "ModelRateLimitError", "ModelServerError"]
LANGCHAIN = ["OpenAIModelNotFoundError", "OpenAIRateLimitError", "APIError"]
CLIENTS = (
    Client("curl", "curl", "machine", "with_curl.py", ["404", "429", "stream_interrupted"]),
    Client("openai-python", "openai", "openai3", "with_openai.py", own=RESPONSES),
    Client("anthropic-python", "anthropic", "openai3", "with_anthropic.py", [*OPENAI[:2], "APIStatusError"]),
    Client("langchain-openai", "langchain-openai", "openai3", "with_langchain.py", LANGCHAIN, RESPONSES),
    Client("pydantic-ai", "pydantic-ai-slim", "openai3", "with_pydantic_ai.py", PYDANTIC_AI, RESPONSES),
    Client("openai-agents", "openai-agents", "openai3", "with_agents.py", own=RESPONSES),
    Client("simonw/llm", "llm", "openai3", "with_llm.py"),
    Client("llama-index", "llama-index-llms-openai-like", "openai2", "with_llama_index.py"),
    Client("instructor", "instructor", "openai2", "with_instructor.py", ["InstructorRetryException"] * 3,
           own={"stream": CITIES}, lacks=("chat", "tools")),
    Client("litellm", "litellm", "openai2", "with_litellm.py", [*OPENAI[:2], "MidStreamFallbackError"]),
    Client("openai-node", "openai", "node", "with_openai.mjs", own=RESPONSES),
    Client("anthropic-typescript", "@anthropic-ai/sdk", "node", "with_anthropic.mjs"),
    Client("Vercel AI SDK", "ai", "node", "with_vercel.mjs", ["AI_APICallError"] * 2 + ["stream_interrupted"],
           own={**RESPONSES, "messages": TEXTS}),
)  # fmt: skip
