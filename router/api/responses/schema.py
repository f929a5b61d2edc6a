"""The HTTP border of `/v1/responses`: what is accepted, in which range, under OpenAI's names."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from router.api.schema import MAX_MESSAGES, Count, JsonObject, ShortText

MAX_ID = 256

_OPEN = ConfigDict(strict=True, extra="allow")

Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID)]

_NEEDED = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "input_audio": "input_audio",
}
_URLS = ("https://", "http://", "data:")


class Part(BaseModel):
    """One part of a message, or of what a tool has said."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: ShortText | None = None
    filename: ShortText | None = None
    file_data: str | None = None
    input_audio: JsonObject | None = None

    @model_validator(mode="after")
    def _has_its_field(self) -> "Part":
        name = _NEEDED.get(self.type)
        if name is not None and getattr(self, name) is None:
            raise ValueError(f"a part of the type `{self.type}` needs `{name}`")
        if self.type == "input_image" and not (self.image_url or "").startswith(_URLS):
            raise ValueError("an input_image part needs `image_url`, an http, https or data URL")
        if self.type == "input_file" and self.file_data is None:
            raise ValueError("an input_file part needs `file_data`: files are not kept here, and none are fetched")
        return self


Parts: TypeAlias = Annotated[list[Part], Field(max_length=MAX_MESSAGES)]


class MessageItem(BaseModel):
    """What somebody says."""

    model_config = _OPEN

    role: Literal["user", "assistant", "system", "developer"]
    content: str | Parts


class CallItem(BaseModel):
    """A call that the model made."""

    model_config = _OPEN

    call_id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    arguments: str


class OutputItem(BaseModel):
    """What the client's tool answered."""

    model_config = _OPEN

    call_id: Id
    output: str | Parts


class ReferenceItem(BaseModel):
    """An item that an earlier answer had, by its id."""

    model_config = _OPEN

    id: Id


class OtherItem(BaseModel):
    """What only OpenAI's own servers can read: hidden reasoning, and the calls of tools that they run."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]


# The tags are no identifiers, so that no path in an error shows them.
_KINDS = {
    "message": "a message",
    "function_call": "a call",
    "function_call_output": "an output",
    "item_reference": "a reference",
}


def _kind(value: object) -> str:
    if isinstance(value, dict):
        name = value.get("type") or ("item_reference" if value.keys() == {"id"} else "message")
        return _KINDS.get(name, "another item") if isinstance(name, str) else "another item"
    return "another item"


Item: TypeAlias = Annotated[
    Annotated[MessageItem, Tag("a message")]
    | Annotated[CallItem, Tag("a call")]
    | Annotated[OutputItem, Tag("an output")]
    | Annotated[ReferenceItem, Tag("a reference")]
    | Annotated[OtherItem, Tag("another item")],
    Discriminator(_kind),
]


class Tool(BaseModel):
    """A function of the client's own, a `namespace` of them, or a tool that OpenAI's servers would run."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    tools: Annotated[list["Tool"], Field(max_length=512)] | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> "Tool":
        if self.type == "function" and self.name is None:
            raise ValueError("a function needs `name`")
        return self


class ToolChoice(BaseModel):
    """`tool_choice` as an object: one function, or those that are allowed."""

    model_config = _OPEN

    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    name: ShortText | None = None
    mode: Literal["auto", "required"] | None = None
    tools: Annotated[list[JsonObject], Field(max_length=512)] | None = None


class TextFormat(BaseModel):
    """The shape that an answer must have."""

    model_config = _OPEN

    type: Literal["text", "json_object", "json_schema"]
    name: ShortText | None = None
    description: str | None = None
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None
    strict: bool | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> "TextFormat":
        if self.type == "json_schema" and self.schema_ is None:
            raise ValueError("the type `json_schema` needs `schema`")
        return self


class TextConfig(BaseModel):
    """`text`."""

    model_config = _OPEN

    format: TextFormat | None = None
    verbosity: ShortText | None = None


class Reasoning(BaseModel):
    """`reasoning`."""

    model_config = _OPEN

    effort: ShortText | None = None


class ResponsesBody(BaseModel):
    """The body of `POST /v1/responses`. Unknown fields are collected in `model_extra`, never forwarded."""

    model_config = _OPEN

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    input: str | Annotated[list[Item], Field(max_length=MAX_MESSAGES)]
    instructions: str | None = None
    previous_response_id: Id | None = None
    stream: bool | None = None
    store: bool | None = None
    background: Literal[False] | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Field(max_length=512)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: Annotated[list[ShortText], Field(max_length=64)] | None = None
    metadata: Annotated[dict[ShortText, ShortText], Field(max_length=16)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: ShortText | None = None
    safety_identifier: ShortText | None = None
    prompt_cache_key: ShortText | None = None
    service_tier: ShortText | None = None
    conversation: None = None
    prompt: None = None
