"""The agent programs that can be started, and what each one reads to find its server.

What they read is theirs to change; each is here as its own documentation has it in November 2026.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from router.launch.start import KEY_VARIABLE, Place, Start


@dataclass(frozen=True, slots=True)
class Agent:
    """One program: what it is, how it is got, and how it is started at a place."""

    title: str
    install: str
    start: Callable[[Place], Start]


def _aider(place: Place) -> Start:
    command = ("aider", "--model", f"openai/{place.model}")
    return Start(command, {"OPENAI_API_BASE": place.api, "OPENAI_API_KEY": place.secret})


def _claude(place: Place) -> Start:
    """Its own key is taken away, so that it neither asks which of two to use nor sends Anthropic's to this router."""
    models = dict.fromkeys(
        (
            "ANTHROPIC_MODEL",
            "ANTHROPIC_DEFAULT_OPUS_MODEL",
            "ANTHROPIC_DEFAULT_SONNET_MODEL",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        ),
        place.model,
    )
    environ = {
        "ANTHROPIC_BASE_URL": place.url,
        "ANTHROPIC_AUTH_TOKEN": place.secret,
        **models,
        # The line about billing changes with every run, and would empty each prompt cache.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    }
    return Start(("claude",), environ, without=("ANTHROPIC_API_KEY",))


def _codex(place: Place) -> Start:
    """Options of the command line stand over the user's `config.toml`, which stays as it is."""
    provider = {"name": "Shunt", "base_url": place.api, "wire_api": "responses"}
    if place.key:
        provider["env_key"] = KEY_VARIABLE
    settings = {"model_provider": "shunt", **{f"model_providers.shunt.{name}": v for name, v in provider.items()}}
    # A JSON string is a TOML string.
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={json.dumps(value)}")]
    return Start(("codex", *options, "-m", place.model), {KEY_VARIABLE: place.key} if place.key else {})


def _goose(place: Place) -> Start:
    environ = {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": place.model,
        "OPENAI_HOST": place.url,
        "OPENAI_BASE_PATH": "v1/chat/completions",
        "OPENAI_API_KEY": place.secret,
    }
    return Start(("goose",), environ)


def _opencode(place: Place) -> Start:
    """A configuration in the environment is merged over the user's files."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Shunt",
        "options": {"baseURL": place.api, "apiKey": f"{{env:{KEY_VARIABLE}}}"},
        "models": {place.model: {"name": place.model}},
    }
    name = f"shunt/{place.model}"
    content = {"model": name, "small_model": name, "provider": {"shunt": provider}}
    return Start(("opencode",), {"OPENCODE_CONFIG_CONTENT": json.dumps(content), KEY_VARIABLE: place.secret})


def _qwen(place: Place) -> Start:
    environ = {"OPENAI_BASE_URL": place.api, "OPENAI_API_KEY": place.secret, "OPENAI_MODEL": place.model}
    return Start(("qwen", "--auth-type", "openai"), environ)


AGENTS: Mapping[str, Agent] = {
    "aider": Agent("Aider", "pipx install aider-chat", _aider),
    "claude": Agent("Claude Code", "npm install -g @anthropic-ai/claude-code", _claude),
    "codex": Agent("Codex CLI", "npm install -g @openai/codex", _codex),
    "goose": Agent("goose", "see goose-docs.ai", _goose),
    "opencode": Agent("opencode", "npm install -g opencode-ai", _opencode),
    "qwen": Agent("Qwen Code", "npm install -g @qwen-code/qwen-code", _qwen),
}
