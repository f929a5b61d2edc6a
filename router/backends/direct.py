"""An OpenAI-compatible server over HTTP: OpenAI itself, vLLM, llama-server, Ollama and their like."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec

from router import __version__
from router.backends.answers import StreamedAnswer, whole_answer
from router.backends.base import TargetState
from router.backends.failures import Complaint, error_for, read_complaint, retry_after
from router.backends.payload import auth_headers, chat_body, params_allowed
from router.backends.unheeded import unheeded
from router.chat import ChatRequest, Event
from router.config import ModelConfig
from router.errors import RouterError, UpstreamInvalid, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_CONNECTIONS = 1024
DRAIN_S = 0.1


class DirectBackend:
    """One client for the life of the process, closed by nobody else.

    It follows no redirect, keeps no cookie, reads no proxy from the environment (a router must not send prompts where
    a stray variable says) and asks for uncompressed answers, so that no small answer can unfold into a large one.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._url = f"{(config.base_url or '').rstrip('/')}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    @property
    def config(self) -> ModelConfig:
        """The model entry it serves."""
        return self._config

    async def start(self) -> None:
        """Open the client; connections are made when the first request needs one."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "User-Agent": f"shunt/{__version__}",
                    "Accept-Encoding": "identity",
                    "Content-Type": "application/json",
                    **auth_headers(self._config),
                },
                timeout=aiohttp.ClientTimeout(connect=self._config.clocks.connect_s),
                auto_decompress=False,
                trust_env=False,
            )

    async def close(self) -> None:
        """Close the client and every connection."""
        if self._session is not None:
            await self._session.close()

    def state(self) -> TargetState:
        """Ready once started: whether the server answers is found out by asking it."""
        if not self._config.base_url:
            return TargetState("missing", "no base_url")
        if self._session is None:
            return TargetState("loading", "not started")
        return TargetState("down", "closed") if self._session.closed else TargetState("ready")

    def unheeded(self, request: ChatRequest) -> frozenset[str]:
        """What a server of this kind would refuse to know."""
        return unheeded(request, params_allowed(self._config))

    async def count_tokens(self, request: ChatRequest) -> int | None:  # noqa: ARG002 - the protocol's signature
        """None: the server's tokenizer is out of reach."""
        return None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Send the request and read the answer; closing the generator closes the connection at once.

        Raises:
            RouterError: an `UpstreamError`, `ContextLengthExceeded` or `StreamInterrupted`, as the protocol says.
        """
        async with self._response(request) as response:
            if not request.stream or response.content_type == "application/json":
                for event in whole_answer(await self._read_whole(response), self._config):
                    yield event
                return
            answer = StreamedAnswer(self._config, _choices(request))
            while not answer.is_over and (piece := await self._read_piece(response, answer)):
                for chunk in answer.feed(piece):
                    yield chunk
            usage = answer.end()
            if usage is not None:
                yield usage
            await _drain(response)

    @asynccontextmanager
    async def _response(self, request: ChatRequest) -> AsyncIterator[aiohttp.ClientResponse]:
        response = await self._post(chat_body(request, self._config))
        try:
            if response.status != 200:
                raise await self._refusal(response)
            if (
                response.content_type == "text/html"
                or response.headers.get("Content-Encoding", "identity") != "identity"
            ):
                raise UpstreamInvalid(f"The target `{self._config.name}` sent something that is not a completion.")
            yield response
        finally:
            response.close()

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        who = f"The target `{self._config.name}`"
        if self._session is None or self._session.closed:
            raise UpstreamUnavailable(f"{who} is not started.")
        try:
            return await self._session.post(self._url, data=body, allow_redirects=False)
        except TimeoutError as error:
            raise UpstreamTimeout(f"{who} gave no connection within {self._config.clocks.connect_s:g} s.") from error
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            raise UpstreamRefused(f"{who} could not be reached.") from error
        except aiohttp.ClientResponseError as error:
            raise UpstreamInvalid(f"{who} does not speak HTTP as it should.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamUnavailable(f"{who} closed the connection before it answered.") from error

    async def _read_piece(self, response: aiohttp.ClientResponse, answer: StreamedAnswer) -> bytes:
        """What has arrived, b"" at the clean end. Bytes that came before a break are handed out before its error."""
        content = response.content
        try:
            return await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            # aiohttp keeps what it has buffered to itself once the connection broke; those tokens were paid for.
            left_over = b"".join(content._buffer)  # noqa: SLF001 - there is no public way
            content._buffer.clear()  # noqa: SLF001
            if left_over:
                return left_over
            if answer.is_complete:
                return b""
            broke = UpstreamUnavailable(f"The connection to the target `{self._config.name}` broke.")
            raise answer.broken(broke) from error

    async def _read_whole(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            body = await _read_most(response.content, MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamUnavailable(f"The target `{self._config.name}` broke off its answer.") from error
        if body is None:
            raise UpstreamInvalid(f"The target `{self._config.name}` sent more than {MAX_ANSWER_BYTES} bytes.")
        return body

    async def _refusal(self, response: aiohttp.ClientResponse) -> RouterError:
        complaint = Complaint()
        with suppress(aiohttp.ClientError, OSError, msgspec.DecodeError):
            body = await _read_most(response.content, MAX_ERROR_BYTES)
            complaint = read_complaint(msgspec.json.decode(body or b"{}"), self._config)
        return error_for(response.status, complaint, self._config, retry_after(response.headers))


def _choices(request: ChatRequest) -> int:
    wanted = request.params.get("n")
    return wanted if isinstance(wanted, int) else 1


async def _read_most(content: aiohttp.StreamReader, most: int) -> bytes | None:
    """The whole body, or None when it is over `most` bytes; reading stops there."""
    pieces: list[bytes] = []
    size = 0
    while piece := await content.readany():
        size += len(piece)
        if size > most:
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read on to the end of the body, which follows [DONE] at once, so that the connection can be used again."""
    if response.content.at_eof():
        return
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(DRAIN_S):
            await _read_most(response.content, MAX_ERROR_BYTES)
