"""llama-index: OpenAILike as a chat model, with function calling and structured prediction."""

from importlib.metadata import version

from exercise import ASK, BASE, HELLO, KEY, LEAVING, STRUCTURED, TARGETS, City, raised, tell, weather
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


class Weather(BaseModel):
    """What a structured answer holds."""

    city: City
    wet: bool


def model(name: str) -> OpenAILike:
    """The client for one model."""
    return OpenAILike(
        model=name, api_base=BASE, api_key=KEY, temperature=0, context_window=2000,
        max_retries=0, is_chat_model=True, is_function_calling_model=True,
    )  # fmt: skip


def _hello(words: str = HELLO) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=words)]


def chat() -> list[str]:
    """Whole answers."""
    return [model(target).chat(_hello()).message.content for target in TARGETS]


def stream() -> list[str]:
    """The pieces, put together."""
    return ["".join(piece.delta or "" for piece in model(target).stream_chat(_hello())) for target in TARGETS]


def tools() -> list[str]:
    """A call and its answer, whole and streamed."""
    one, tool = model("large"), FunctionTool.from_defaults(weather)
    whole = one.chat_with_tools([tool], user_msg=ASK)
    streamed = list(one.stream_chat_with_tools([tool], user_msg=ASK))[-1]
    return [_answered(one, tool, answer) for answer in (whole, streamed)]


def _answered(one: OpenAILike, tool: FunctionTool, answer: object) -> str:
    call = one.get_tool_calls_from_response(answer)[0]
    result = ChatMessage(
        role="tool", content=str(tool(**call.tool_kwargs)), additional_kwargs={"tool_call_id": call.tool_id}
    )
    return one.chat_with_tools([tool], chat_history=[*_hello(ASK), answer.message, result]).message.content


def structured() -> list[str]:
    """A required tool of each target."""
    return [model(target).structured_predict(Weather, PromptTemplate(ASK)).city for target in STRUCTURED]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: model("nobody").chat(_hello())),
        await raised(lambda: model("busy").chat(_hello())),
        await raised(lambda: list(model("broken").stream_chat(_hello()))),
    ]


def cancel() -> bool:
    """Leave after the first piece of text."""
    pieces = model("slow").stream_chat(_hello(LEAVING))
    found = any(piece.delta for piece in pieces)
    pieces.close()
    return found


tell(version("llama-index-llms-openai-like"), chat, stream, tools, structured, errors, cancel)
