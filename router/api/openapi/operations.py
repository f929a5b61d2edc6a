"""What each path is for, takes and answers: one entry for every route."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from router.api.completions.schema import CompletionBody
from router.api.embeddings import EmbeddingBody
from router.api.feedback import FeedbackBody
from router.api.messages.schema import CountBody, MessagesBody
from router.api.openapi import answers
from router.api.responses.schema import ResponsesBody
from router.api.responses.stored import MOST_ITEMS
from router.api.schema import ChatBody
from router.api.tokenize import DetokenizeBody, TokenizeBody
from router.explanation import Explanation

Reach: TypeAlias = Literal["here", "kept", "engine", "targets"]
"""How far a request goes, which says how it can fail."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One path and method. `answer` None has no body; `status` is that of success; `query` are its parameters."""

    id: str
    summary: str
    answer: Any
    body: Any = None
    reach: Reach = "here"
    status: int = 200
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


PAGE: Mapping[str, Mapping[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": 20},
    "order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
    "after": {"type": "string", "description": "The id of the last item that is known."},
}

OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/chat/completions"): Operation(
        "chat", "Answer a conversation.", answers.ChatCompletion, ChatBody, "targets"
    ),
    ("POST", "/v1/completions"): Operation(
        "complete", "Continue a text.", answers.TextCompletion, CompletionBody, "targets"
    ),
    ("POST", "/v1/embeddings"): Operation(
        "embed", "Vectors of texts.", answers.EmbeddingList, EmbeddingBody, "targets"
    ),
    ("POST", "/v1/messages"): Operation(
        "message", "Answer a conversation, in Anthropic's words.", answers.AnthropicMessage, MessagesBody, "targets"
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        "count_message_tokens", "How long a prompt is.", answers.TokenCount, CountBody, "targets"
    ),
    ("POST", "/v1/responses"): Operation(
        "respond", "Answer items, and keep the answer.", answers.OpenAIResponse, ResponsesBody, "targets"
    ),
    ("GET", "/v1/responses/{name}"): Operation(
        "show_response", "An answer that is kept.", answers.OpenAIResponse, reach="kept",
        query={"stream": {"type": "boolean", "enum": [False]}},
    ),
    ("DELETE", "/v1/responses/{name}"): Operation(
        "delete_response", "Forget an answer.", answers.DeletedResponse, reach="kept"
    ),
    ("POST", "/v1/responses/{name}/cancel"): Operation(
        "cancel_response", "Refused: every answer that is kept is over.", None, reach="kept", status=400
    ),
    ("GET", "/v1/responses/{name}/input_items"): Operation(
        "list_input_items", "What a kept answer was asked over.", answers.ItemPage, reach="kept", query=PAGE
    ),
    ("GET", "/v1/models"): Operation("list_models", "What the caller may ask for.", answers.ModelPage),
    ("GET", "/v1/models/{name}"): Operation(
        "show_model", "One policy, model or alias.", answers.NamedModel, reach="kept"
    ),
    ("POST", "/v1/tokenize"): Operation(
        "tokenize", "A text in the vocabulary of a local model.", answers.TokenIds, TokenizeBody, "engine"
    ),
    ("POST", "/v1/detokenize"): Operation(
        "detokenize", "The text of token ids.", answers.Detokenized, DetokenizeBody, "engine"
    ),
    ("POST", "/v1/route"): Operation(
        "route", "Decide without answering, and say why.", Explanation, ChatBody, "targets"
    ),
    ("GET", "/v1/usage"): Operation("show_usage", "What the caller has spent, and what it may.", answers.Standing),
    ("POST", "/v1/feedback"): Operation(
        "give_feedback", "Say whether an answer was good.", answers.FeedbackTaken, FeedbackBody, status=202
    ),
    ("GET", "/livez"): Operation("livez", "Whether the process turns.", answers.Alive),
    ("GET", "/readyz"): Operation("readyz", "Whether requests are taken; 503 while not.", answers.Readiness),
    ("GET", "/metrics"): Operation("metrics", "Every series, for Prometheus.", str),
    ("HEAD", "/"): Operation("knock", "Whether anybody is there.", None),
}  # fmt: skip
