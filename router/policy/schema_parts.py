"""What every part of the policy file's border is made of: names, numbers, and the base of all entries."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Task: TypeAlias = Literal[
    "sentiment", "extraction", "classification", "translation", "summarization", "generation",
    "question_answering", "code", "mathematics", "reasoning", "chat",
]  # fmt: skip
SideCall: TypeAlias = Literal["title", "tags", "follow_ups"]
Ability: TypeAlias = Literal["chat", "json", "tools", "vision", "audio", "embeddings"]
Requirement: TypeAlias = Literal["context", "tools", "modality", "json"]
ErrorCode: TypeAlias = Literal["guard_refused", "context_length_exceeded", "no_target_available", "invalid_value"]

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Id: TypeAlias = Annotated[str, Field(pattern=ID_PATTERN)]
Askable: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")
]
AliasName: TypeAlias = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}\*?)$")]
HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Period: TypeAlias = Annotated[str, Field(pattern=r"^[1-9]\d{0,5}[smhd]$")]
Dollars: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
UnitInterval: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FromEnvironment: TypeAlias = Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Words: TypeAlias = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


Names: TypeAlias = Annotated[
    list[Id],
    Field(min_length=1, max_length=16),
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": ID_PATTERN},
                {"type": "array", "items": {"type": "string", "pattern": ID_PATTERN}, "minItems": 1, "maxItems": 16},
            ]
        }
    ),
]


class Strict(BaseModel):
    """Nothing is coerced and nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)
