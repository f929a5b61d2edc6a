"""What the environment adds to the file: secrets and addresses by `env:NAME`, and models that are taken from it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from router.config import ModelConfig, Secret
from router.policy.problem import Place, Problems, shown

BUILTIN_MODEL = Path(__file__).resolve().parents[1] / "builtin" / "small.gguf"
OPENAI_URL = "https://api.openai.com/v1"
# Chosen because they accept every sampling parameter of the OpenAI API; most newer models refuse some of them.
OPENAI_MODEL = "gpt-4.1"
ANTHROPIC_MODEL = "claude-sonnet-4-6"
UNNAMED_MODEL = "default"  # servers of a single model (llama-server) answer to any name
LARGE_FROM = ("SHUNT_LARGE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
NO_LARGE_MODEL = "set OPENAI_API_KEY, ANTHROPIC_API_KEY or SHUNT_LARGE_URL"
NO_SMALL_MODEL = (
    "set SHUNT_SMALL to a GGUF file (a path, or hf:org/repo/file.gguf), or write `source:` in the file; "
    "the built-in specialist comes before a large model only as `source: builtin`"
)


class Environment:
    """Reads variables for one file; an empty variable counts as not set."""

    def __init__(self, values: Mapping[str, str], problems: Problems) -> None:
        self._values = values
        self._problems = problems

    def get(self, name: str) -> str | None:
        """The variable without surrounding blanks, or None."""
        return self._values.get(name, "").strip() or None

    @property
    def has_large(self) -> bool:
        """True when it names a large model."""
        return any(map(self.get, LARGE_FROM))

    def note(self, place: Place, message: str) -> None:
        """Note a problem with what the environment says."""
        self._problems.note(place, message)

    def text(self, written: str, place: Place) -> str | None:
        """`written` itself, or for `env:NAME` the variable's value; notes a problem when it is not set."""
        if not written.startswith("env:"):
            return written
        name = written.removeprefix("env:")
        value = self.get(name)
        if value is None:
            self._problems.note(place, f"the environment variable {shown(name)} is not set")
        return value

    def secret(self, written: str | None, place: Place) -> Secret | None:
        """The secret behind `env:NAME`; notes a problem when it is not set or could not be sent in a header."""
        if written is None:
            return None
        value = self.text(written, place)
        name = written.removeprefix("env:")
        if value is not None and not (value.isascii() and value.isprintable()):
            self._problems.note(place, f"the environment variable {shown(name)} holds characters that no key has")
            return None
        return None if value is None else Secret(name, value)

    def url(self, written: str, place: Place) -> str | None:
        """An http(s) address without credentials, query or fragment, and without a slash at the end."""
        value = self.text(written, place)
        if value is None:
            return None
        fault = _fault(value)
        if fault:
            # The written form is shown only when it is a variable's name: an address may hold a password.
            self._problems.note(place, f"{shown(written if written.startswith('env:') else 'base_url')} {fault}")
            return None
        return value.rstrip("/")


def _fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port_is_sane = parts.port != 0
    except ValueError:
        return "is not a valid address"
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_sane:
        return "must be an address like https://host/v1"
    if not url.isprintable() or " " in url:
        return "holds blanks or control characters"
    if "@" in parts.netloc:
        return "must not hold a user or a password: write api_key: env:NAME"
    return "must not have a query or a fragment" if parts.query or parts.fragment else None


def large_model(environment: Environment, base: ModelConfig) -> ModelConfig:
    """`base` filled in from SHUNT_LARGE_URL, else OPENAI_API_KEY, else ANTHROPIC_API_KEY, else nothing."""
    place = ("models", base.name)
    chosen = environment.get("SHUNT_LARGE_MODEL")
    if environment.get("SHUNT_LARGE_URL"):
        url = environment.url("env:SHUNT_LARGE_URL", place)
        key = environment.secret("env:SHUNT_LARGE_KEY", place) if environment.get("SHUNT_LARGE_KEY") else None
        return replace(base, backend="openai", base_url=url, model=chosen or UNNAMED_MODEL, api_key=key)
    if environment.get("OPENAI_API_KEY"):
        url = environment.url("env:OPENAI_BASE_URL", place) if environment.get("OPENAI_BASE_URL") else OPENAI_URL
        key = environment.secret("env:OPENAI_API_KEY", place)
        return replace(base, backend="openai", base_url=url, model=chosen or OPENAI_MODEL, api_key=key)
    if environment.get("ANTHROPIC_API_KEY"):
        model = f"anthropic/{(chosen or ANTHROPIC_MODEL).removeprefix('anthropic/')}"
        return replace(base, backend="litellm", model=model, api_key=environment.secret("env:ANTHROPIC_API_KEY", place))
    return replace(base, missing=NO_LARGE_MODEL)
