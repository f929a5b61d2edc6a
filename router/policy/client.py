"""Which program sent a request, told by its headers. A hint for rules that save, never a proof of who it is."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

Client: TypeAlias = Literal[
    "aider", "anthropic-sdk", "browser", "claude-code", "cline", "codex", "continue", "copilot", "cursor", "curl",
    "gemini-cli", "langchain", "librechat", "litellm", "open-webui", "openai-sdk", "opencode", "roo-code", "other",
]  # fmt: skip

# Agents that name themselves in the headers that OpenRouter asks for.
_TITLES: Mapping[str, Client] = {
    "aider": "aider",
    "cline": "cline",
    "continue": "continue",
    "librechat": "librechat",
    "open webui": "open-webui",
    "opencode": "opencode",
    "roo code": "roo-code",
}
# The first that the user agent holds counts, so programs come before the libraries that they are built on.
_AGENTS: tuple[tuple[str, Client], ...] = (
    ("claude-cli", "claude-code"),
    ("claude-code", "claude-code"),
    ("codex", "codex"),
    ("roocode", "roo-code"),
    ("roo-code", "roo-code"),
    ("cline", "cline"),
    ("cursor", "cursor"),
    ("opencode", "opencode"),
    ("aider", "aider"),
    ("geminicli", "gemini-cli"),
    ("copilot", "copilot"),
    ("continue", "continue"),
    ("open-webui", "open-webui"),
    ("open webui", "open-webui"),
    ("librechat", "librechat"),
    ("langchain", "langchain"),
    ("litellm", "litellm"),
    ("asyncopenai", "openai-sdk"),
    ("openai", "openai-sdk"),
    ("anthropic", "anthropic-sdk"),
    ("curl/", "curl"),
    ("mozilla/", "browser"),
)


def client_of(headers: Mapping[str, str]) -> Client:
    """The kind of client; `headers` must have lower-case names."""
    title = _TITLES.get(headers.get("x-title", "").strip().lower())
    if title is not None:
        return title
    if "x-openwebui-user-id" in headers:
        return "open-webui"
    agent = headers.get("user-agent", "")[:256].lower()
    return next((client for mark, client in _AGENTS if mark in agent), "other")
