"""simonw/llm: its command line on an endpoint without configuration, and its library with tools and schemas."""

import json
import subprocess
import sys
from importlib.metadata import version

import llm
from exercise import ASK, BASE, HELLO, KEY, LEAVING, SCHEMA, STRUCTURED, TARGETS, raised, tell, weather
from llm.default_plugins.openai_models import Chat


def model(name: str) -> Chat:
    """The library's model for one of the router's."""
    return Chat(model_id=name, model_name=name, api_base=BASE, supports_tools=True, supports_schema=True)


def _ask(name: str, words: str, **options: object) -> llm.Response:
    return model(name).prompt(words, key=KEY, **options)


def chat() -> list[str]:
    """The command `llm openai endpoint`, and the library."""
    command = [sys.executable, "-m", "llm", "openai", "endpoint", BASE, "-m", "small", HELLO, "-o", "temperature", "0"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    return [printed.stdout.removesuffix("\n"), _ask("large", HELLO, stream=False).text()]


def stream() -> list[str]:
    """The pieces, put together."""
    return ["".join(_ask(target, HELLO, temperature=0)) for target in TARGETS]


def tools() -> list[str]:
    """The library's own loop, whole and streamed."""
    return [
        list(model("large").chain(ASK, tools=[weather], key=KEY, stream=is_stream).responses())[-1].text()
        for is_stream in (False, True)
    ]


def structured() -> list[str]:
    """A schema of each target."""
    return [json.loads(_ask(target, ASK, schema=SCHEMA, temperature=0).text())["city"] for target in STRUCTURED]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: _ask("nobody", HELLO, stream=False).text()),
        await raised(lambda: _ask("busy", HELLO, stream=False).text()),
        await raised(lambda: _ask("broken", HELLO).text()),
    ]


def cancel() -> bool:
    """Leave after the first piece of text."""
    pieces = iter(_ask("slow", LEAVING))
    found = bool(next(pieces))
    pieces.close()
    return found


tell(version("llm"), chat, stream, tools, structured, errors, cancel)
