"""The models: is each file sound, does it fit, and does each one say a word?"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import aclosing

from router.backends.base import Backend
from router.chat import ChatRequest, Chunk
from router.config import Config, ModelConfig
from router.doctor.finding import Finding
from router.engine import catalogue
from router.engine.gguf import GgufError
from router.engine.location import SourceError
from router.errors import RouterError, UpstreamAuth, UpstreamRefused, UpstreamTimeout
from router.runtime import Runtime

PATIENCE_S = 60.0


def files(config: Config) -> Iterator[Finding]:
    """What is known of each model without starting or asking it."""
    for model in config.models.values():
        yield _file(model, config)


def _file(model: ModelConfig, config: Config) -> Finding:
    if model.missing:
        return Finding("note", model.name, "missing", f"To have it, {model.missing}.")
    if model.backend != "llama.cpp":
        return Finding("ok", model.name, " at ".join(part for part in (model.model, model.base_url) if part))
    try:
        entry = catalogue.entry_of(model, config.cache_dir)
    except (SourceError, GgufError, OSError) as error:
        return Finding("bad", model.name, str(error), f"Another file, or `shunt models pull {model.name}`.")
    needed = f"{entry.header.path.name}, needs {entry.need.total / 2**20:.0f} MiB"
    if not entry.fits:
        return Finding("bad", model.name, f"{needed}, and there is less", "A smaller file, context or `parallel`.")
    return Finding("ok", model.name, needed)


async def words(config: Config, broken: Collection[str] = ()) -> list[Finding]:
    """One token from each model that is configured and chats; the `broken` ones are known to have none.

    Raises:
        ConfigError: what a start needs is not there.
    """
    runtime = Runtime(config)
    found = [target for target in runtime.targets.values() if "chat" in target.config.can]
    asked = [target for target in found if not target.config.missing and target.config.name not in broken]
    await asyncio.gather(*(target.start() for target in asked))
    try:
        return list(await asyncio.gather(*map(_word, asked)))
    finally:
        await asyncio.gather(*(target.close() for target in asked))


async def _word(target: Backend) -> Finding:
    name, started = target.config.name, asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while target.state().status == "loading":  # noqa: ASYNC110 - a target has a state, not an event
                await asyncio.sleep(0.05)
            await _ask(target)
    except TimeoutError:
        return Finding(
            "bad", name, f"no token within {PATIENCE_S:.0f} s", "Look at its own log, or give it more threads."
        )
    except RouterError as error:
        return Finding("bad", name, error.message, _cure(error, target.config))
    return Finding("ok", name, f"said a token after {1000 * (asyncio.get_running_loop().time() - started):.0f} ms")


async def _ask(target: Backend) -> None:
    messages = ({"role": "user", "content": "Hi"},)
    request = ChatRequest(
        target.config.name, messages, 1, stream=True, include_usage=True, params={}, request_id="doctor"
    )
    async with aclosing(target.stream(request)) as events:
        async for event in events:
            if isinstance(event, Chunk):
                return


def _cure(error: RouterError, model: ModelConfig) -> str:
    if model.backend == "llama.cpp":
        return "SHUNT_ENGINE_LOG=1 shunt serve shows what its engine says; another file, or less `context`."
    if isinstance(error, UpstreamAuth):
        return f"Its key is refused: check {model.api_key.env if model.api_key else 'api_key'}."
    if isinstance(error, UpstreamRefused | UpstreamTimeout):
        return f"Nothing answers at {model.base_url or 'its address'}: is it running, and reachable from here?"
    return "Ask it directly with curl to see more."
