"""What is sent, as the OpenAPI document shows it: the fields that are always there, and their types.

Nothing is validated with these on its way out; tests hold answers against them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from router.api.schema import JsonObject


class Sent(BaseModel):
    """More fields may be there: those that a provider adds travel on."""

    model_config = ConfigDict(extra="allow")


class CachedTokens(Sent):
    """How much of the prompt was read before."""

    cached_tokens: int


class ReasoningTokens(Sent):
    """How much of the answer was thought."""

    reasoning_tokens: int


class TokenUsage(Sent):
    """What an answer took, in tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens
    completion_tokens_details: ReasoningTokens


class AssistantMessage(Sent):
    """What the model says or calls."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[JsonObject] = Field(default=[])


class ChatChoice(Sent):
    """One of the `n` answers."""

    index: int
    message: AssistantMessage
    logprobs: JsonObject | None
    finish_reason: str | None


class ChatCompletion(Sent):
    """An answer of `/v1/chat/completions`."""

    id: str
    object: Literal["chat.completion"]
    created: int = Field(description="Unix seconds.")
    model: str = Field(description="The model that answered, by its name in the policy file.")
    choices: list[ChatChoice]
    usage: TokenUsage


class TextChoice(Sent):
    """One continuation."""

    index: int
    text: str
    logprobs: JsonObject | None
    finish_reason: str | None


class TextCompletion(Sent):
    """An answer of `/v1/completions`."""

    id: str
    object: Literal["text_completion"]
    created: int = Field(description="Unix seconds.")
    model: str
    choices: list[TextChoice]
    usage: TokenUsage


class Embedding(Sent):
    """One vector: numbers, or their little-endian 32-bit floats in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Sent):
    """What the inputs took, in tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Sent):
    """An answer of `/v1/embeddings`."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class MessageUsage(Sent):
    """What an answer took, in tokens; those out of a cache apart."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int


class AnthropicMessage(Sent):
    """An answer of `/v1/messages`."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[JsonObject] = Field(description="Blocks of the types `text`, `thinking` and `tool_use`.")
    stop_reason: str | None
    stop_sequence: str | None
    usage: MessageUsage


class TokenCount(Sent):
    """How long a prompt is; the header `x-shunt-count` says whether exactly."""

    input_tokens: int


class ResponseUsage(Sent):
    """What an answer took, in tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_details: CachedTokens
    output_tokens_details: ReasoningTokens


class OpenAIResponse(Sent):
    """An answer of `/v1/responses`."""

    id: str
    object: Literal["response"]
    created_at: int = Field(description="Unix seconds.")
    status: Literal["completed", "incomplete", "failed"]
    error: JsonObject | None
    incomplete_details: JsonObject | None
    instructions: str | None
    metadata: dict[str, str]
    model: str
    output: list[JsonObject] = Field(description="Items of the types `message`, `function_call` and `reasoning`.")
    parallel_tool_calls: bool
    previous_response_id: str | None
    store: bool
    temperature: float
    tool_choice: JsonValue
    tools: list[JsonObject]
    top_p: float
    usage: ResponseUsage | None


class DeletedResponse(Sent):
    """It is forgotten."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]


class ItemPage(Sent):
    """What a response was asked over."""

    object: Literal["list"]
    data: list[JsonObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class NamedModel(Sent):
    """A policy, a model or an alias, in OpenAI's words and in Anthropic's."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    type: Literal["model"]
    display_name: str
    created_at: str
    shunt: JsonObject = Field(
        description="Its kind, and of a model its backend, zone, capabilities, context and state."
    )


class ModelPage(Sent):
    """What the caller may ask for."""

    object: Literal["list"]
    data: list[NamedModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class TokenIds(Sent):
    """A text in a model's own vocabulary."""

    tokens: list[int]
    count: int
    max_model_len: int | None


class Detokenized(Sent):
    """The text of token ids, under the names of vLLM and of llama-server."""

    prompt: str
    content: str


class Spending(Sent):
    """Money of one period, in USD."""

    spent_usd: float
    reserved_usd: float = Field(description="Held for requests under way.")
    ends_at: str = Field(description="UTC.")


class Standing(Sent):
    """What the caller's key has spent, and what it may."""

    object: Literal["usage"]
    key: str | None
    tags: list[str]
    day: Spending
    month: Spending
    limits: list[JsonObject]


class FeedbackTaken(Sent):
    """It is written down."""

    object: Literal["feedback"]
    request_id: str
    score: float = Field(ge=0, le=1)


class Alive(Sent):
    """The event loop turns."""

    status: Literal["alive"]


class Readiness(Sent):
    """Whether requests are taken, and the state of each target."""

    status: Literal["ready", "not ready", "draining"]
    targets: dict[str, JsonObject]
    policy: JsonObject


class ErrorBody(Sent):
    """What went wrong; `param` names the field of the request."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(Sent):
    """OpenAI's envelope."""

    error: ErrorBody


class AnthropicErrorBody(Sent):
    """What went wrong; the message names the field."""

    type: str
    message: str


class AnthropicError(Sent):
    """Anthropic's envelope."""

    type: Literal["error"]
    error: AnthropicErrorBody
    request_id: str
