"""The HTTP border of `/v1/completions`: what is accepted, in which range, under OpenAI's names."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from router.api.schema import Bias, Count, Penalty, ShortText, StopText, StreamOptions, Text, Tokens

MAX_PROMPTS = 128


class CompletionBody(BaseModel):
    """The body of `POST /v1/completions`. Unknown fields are collected in `model_extra`, never forwarded."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    prompt: Text | Tokens | Annotated[list[Text | Tokens], Field(min_length=1, max_length=MAX_PROMPTS)]
    suffix: str | None = None
    echo: bool | None = None
    best_of: Annotated[int, Field(ge=1, le=20)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    logit_bias: Annotated[dict[str, Bias], Field(max_length=1024)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    ignore_eos: bool | None = None
    user: ShortText | None = None


# What travels to the target under its own name.
PARAM_FIELDS = frozenset(
    {
        "frequency_penalty", "ignore_eos", "logit_bias", "min_p", "n", "presence_penalty", "repeat_penalty", "seed",
        "stop", "temperature", "top_k", "top_p", "user",
    }
)  # fmt: skip
