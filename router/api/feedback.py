"""`POST /v1/feedback`: what a caller thinks of an answer that it got.

It is written down at once and joined with its request later, wherever that was recorded: so it takes no database to give it, and
any replica may be told. Only feedback of the key that made the request counts; an id that no record has is kept and counts for
nothing.
"""

import time
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse

from router.api.reading import read_body
from router.errors import Overloaded
from router.generations import runtime_of
from router.ledger.entry import Feedback
from router.limits.ticket import Ticket

MAX_COMMENT = 2_000
THUMBS = {"up": 1.0, "down": 0.0}


class FeedbackBody(BaseModel):
    """The body: one request, and one opinion of its answer."""

    model_config = ConfigDict(strict=True, extra="allow")

    request_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = None

    @model_validator(mode="after")
    def _has_one_opinion(self) -> Self:
        if (self.score is None) == (self.thumbs is None):
            raise ValueError("give one of score (0 to 1) and thumbs (up or down)")
        return self


async def give_feedback(request: Request) -> JSONResponse:
    """Write it down.

    Raises:
        RouterError: the body is wrong, or it could not be written down.
    """
    body, state = await read_body(request, FeedbackBody), request.scope["state"]
    ticket: Ticket = state["ticket"]
    score = body.score if body.score is not None else THUMBS[body.thumbs or "down"]
    feedback = Feedback(body.request_id, time.time(), ticket.caller.key, score, body.comment)
    if not runtime_of(request).ledger.note(feedback):
        raise Overloaded("The feedback could not be written down now.", retry_after_s=5.0)
    return JSONResponse({"object": "feedback", "request_id": body.request_id, "score": score}, 202)
