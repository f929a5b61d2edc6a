"""The HTTP border of `/v1/messages`: what is accepted, in which range, under Anthropic's names."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from router.api.schema import MAX_MESSAGES, Count, JsonObject, ShortText, StopText

_OPEN = ConfigDict(strict=True, extra="allow")

Url: TypeAlias = Annotated[str, StringConstraints(pattern=r"^https?://")]


class Source(BaseModel):
    """Where an image or a document is: in the request, or at an address that the target reads."""

    model_config = _OPEN

    type: Literal["base64", "url", "text"]
    media_type: ShortText = ""
    data: str = ""
    url: Url | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Source":
        if (self.type == "url") != (self.url is not None):
            raise ValueError("a source is either a url or its data")
        return self


class Block(BaseModel):
    """One content block of a turn; which fields it needs depends on its `type`."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    text: str | None = None
    source: Source | None = None
    id: ShortText | None = None
    name: ShortText | None = None
    input: JsonObject | None = None
    tool_use_id: ShortText | None = None
    content: "str | list[Block] | JsonObject | None" = None
    is_error: bool | None = None
    title: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Block":
        for name in _NEEDED.get(self.type, ()):
            if getattr(self, name) is None:
                raise ValueError(f"a block of this type needs `{name}`")
        if self.type == "tool_result" and isinstance(self.content, dict):
            raise ValueError("content must be a string or a list of blocks")
        return self


_NEEDED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
}


class Turn(BaseModel):
    """One turn of the conversation. Newer agents put `system` turns between the others."""

    model_config = _OPEN

    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[Block], Field(max_length=MAX_MESSAGES)]


class Tool(BaseModel):
    """A tool of the client's own, or by its `type` one that Anthropic's servers would run."""

    model_config = _OPEN

    type: ShortText | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    description: str | None = None
    input_schema: JsonObject | None = None
    strict: bool | None = None


class ToolChoice(BaseModel):
    """`tool_choice`."""

    model_config = _OPEN

    type: Literal["auto", "any", "tool", "none"]
    name: ShortText | None = None
    disable_parallel_tool_use: bool | None = None

    @model_validator(mode="after")
    def _names_its_tool(self) -> "ToolChoice":
        if self.type == "tool" and not self.name:
            raise ValueError("the type `tool` needs `name`")
        return self


class Metadata(BaseModel):
    """`metadata`."""

    model_config = _OPEN

    user_id: ShortText | None = None


class Thinking(BaseModel):
    """`thinking`."""

    model_config = _OPEN

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Count | None = None


class OutputFormat(BaseModel):
    """The shape that an answer must have."""

    model_config = _OPEN

    type: Literal["json_schema"]
    schema_: Annotated[JsonObject, Field(alias="schema")]


class OutputConfig(BaseModel):
    """`output_config`."""

    model_config = _OPEN

    format: OutputFormat | None = None


class CountBody(BaseModel):
    """The body of `POST /v1/messages/count_tokens`. Unknown fields are collected in `model_extra`, never forwarded."""

    model_config = _OPEN

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    messages: Annotated[list[Turn], Field(min_length=1, max_length=MAX_MESSAGES)]
    system: str | Annotated[list[Block], Field(max_length=MAX_MESSAGES)] | None = None
    tools: Annotated[list[Tool], Field(max_length=512)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None


class MessagesBody(CountBody):
    """The body of `POST /v1/messages`."""

    max_tokens: Count
    stream: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    stop_sequences: Annotated[list[StopText], Field(max_length=16)] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
