"""litellm as a client: its `openai/` provider pointed at the router."""

import json
from importlib.metadata import version

import litellm
from exercise import BASE, GOODBYE, KEY, MESSAGES, QUESTION, SCHEMA, STRUCTURED, TARGETS, TOOL, raised, tell, weather

litellm.suppress_debug_info = True
SHAPE = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}


def ask(target: str, **options: object) -> object:
    """One completion."""
    asked = {"messages": MESSAGES, "temperature": 0, **options}
    return litellm.completion(model=f"openai/{target}", api_base=BASE, api_key=KEY, **asked)


def chat() -> list[str]:
    """Whole answers."""
    return [ask(target).choices[0].message.content for target in TARGETS]


def stream() -> list[str]:
    """The pieces, put together; with usage in the last one."""
    return [_joined(target) for target in TARGETS]


def _joined(target: str) -> str:
    pieces = list(ask(target, stream=True, stream_options={"include_usage": True}))
    assert pieces[-1].usage.completion_tokens > 0
    return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def tools() -> list[str]:
    """A call and its answer, whole and streamed."""
    whole = ask("large", messages=QUESTION, tools=[TOOL])
    pieces = list(ask("large", messages=QUESTION, tools=[TOOL], stream=True))
    return [_answered(found.choices[0].message) for found in (whole, litellm.stream_chunk_builder(pieces))]


def _answered(message: object) -> str:
    call = message.tool_calls[0]
    result = weather(**json.loads(call.function.arguments))
    turns = [*QUESTION, message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": result}]
    return ask("large", messages=turns, tools=[TOOL]).choices[0].message.content


def structured() -> list[str]:
    """A schema of each target."""
    return [
        json.loads(ask(target, messages=QUESTION, response_format=SHAPE).choices[0].message.content)["city"]
        for target in STRUCTURED
    ]


async def errors() -> list[str]:
    """With the retries that the client makes of itself."""
    return [
        await raised(lambda: ask("nobody")),
        await raised(lambda: ask("busy")),
        await raised(lambda: list(ask("broken", stream=True))),
    ]


def cancel() -> bool:
    """Leave after the first piece."""
    pieces = ask("slow", messages=GOODBYE, stream=True)
    found = next(pieces) is not None
    pieces.completion_stream.close()
    return found


tell(version("litellm"), chat, stream, tools, structured, errors, cancel)
