"""Labels from the ledger: who answered and at what cost from its records, opinions from the callers' feedback.

Prompts are in it where the policy file says `capture`. Otherwise a file brings them by request id, and opinions too if it likes:

    {"request_id": "req_1", "prompt": "…", "rating": 0.0}
    {"request_id": "req_2", "messages": […], "small": 0.5, "large": 1.0}

`rating` says how good the answer was that the client got, as feedback does; the ledger says which model gave it. A bad
answer of the small model is a prompt that needed the large one. What the large model answered says nothing of the small
one, unless the row has the small model's score beside it (`small`): a comparison on the side. Feedback counts for a request of
the same key only, and of several opinions the last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from classifiers.outcomes import DataError, Outcome, prompt_of, read_rows, score_of
from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.record import SHADOW
from router.ledger.store import Store
from router.ledger.tables import captures, feedback, records
from router.ledger.tally import Tally

NO_PROMPTS = (
    "the ledger has no prompts: write `capture: {sample: 1}` in the policy file and let requests come, or give --prompts FILE "
    'with a line for each request, {"request_id": …, "prompt": …, "rating": 0 to 1}'
)
NO_RATINGS = (
    "no feedback tells how good the small model was: send it to /v1/feedback, or give --prompts FILE with ratings"
)
PREFIXES = ("chatcmpl-", "cmpl-", "msg_")
"""What an answer's own id has before the id of its request; Anthropic's has it in the place of `req_`. Either id may be given."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger knows of one answered request."""

    target: str
    task: str | None
    cost_usd: float | None
    baseline_usd: float | None
    key: str | None = None
    score: float | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Labelled rows, and how many requests gave none: not in the ledger, or without anything about the small model."""

    rows: tuple[Outcome, ...]
    unknown: int
    silent: int


def read_history(state_dir: Path, prompts: Path | None, small: str, settings: LedgerSettings = IN_FILE) -> History:
    """The requests of the ledger whose words and worth are known; `small` is the name of the small model.

    Words come from what was captured, or from the file `prompts`, which may bring opinions too.

    Raises:
        DataError: nothing is left, the file cannot be read, or a row is wrong.
        ConfigError: the ledger cannot be read.
    """
    answers = _answers(state_dir, settings)
    rows = [*_captured(answers)] if prompts is None else [*_rows(prompts)]
    if prompts is None and not rows:
        raise DataError(NO_PROMPTS)
    found, unknown, silent = [], 0, 0
    for place, row in rows:
        answer = answers.get(str(row["request_id"]))
        if answer is None:
            unknown += 1
            continue
        outcome = _labelled(row, place, answer, small)
        if outcome is None:
            silent += 1
        else:
            found.append(outcome)
    if not found:
        raise DataError(
            NO_RATINGS
            if prompts is None
            else f"{prompts}: no row tells how good the small model was on a request that the ledger has"
        )
    return History(tuple(found), unknown, silent)


def _captured(answers: Mapping[str, Answer]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for name, answer in answers.items():
        if answer.prompt:
            yield f"request {name}", {"request_id": name, "prompt": answer.prompt}


def _rows(prompts: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, row in read_rows(prompts):
        place = f"{prompts}, line {number}"
        if not isinstance(row.get("request_id"), str):
            raise DataError(f"{place}: needs a text request_id")
        yield place, row


def _labelled(row: Mapping[str, object], place: str, answer: Answer, small: str) -> Outcome | None:
    prompt = prompt_of(row, place)
    rating = score_of(row, "rating", place) if "rating" in row else answer.score
    low = score_of(row, "small", place) if "small" in row else None
    high = score_of(row, "large", place) if "large" in row else None
    is_small = answer.target == small
    if low is None and is_small:
        low = rating
    if high is None:
        # Nobody saw the large model's answer; what it is there for is to be good enough.
        high = 1.0 if is_small or rating is None else rating
    if low is None:
        return None
    own = answer.cost_usd if is_small else None
    return Outcome(prompt, low, high, answer.task, small_usd=own, large_usd=answer.baseline_usd)


def _answers(state_dir: Path, settings: LedgerSettings) -> dict[str, Answer]:
    """By request id; an id that was used twice could mean either request, and is left out."""
    table = records.c
    wanted = select(table.request_id, table.target, table.task, table.cost_usd, table.baseline_usd, table.key)
    found: dict[str, Answer | None] = {}
    try:
        with Store.of(state_dir, settings) as store:
            drain(state_dir, store, Tally())
            with store.reading() as connection:
                for name, *rest in connection.execute(wanted.where(table.outcome == "ok", table.route != SHADOW)):
                    found[name] = None if name in found else Answer(*rest)
                answers = {name: answer for name, answer in found.items() if answer is not None}
                _add_opinions(connection, answers)
                _add_words(connection, answers)
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger in {state_dir} cannot be used: {type(error).__name__}") from error
    return answers


def _add_opinions(connection: Connection, answers: dict[str, Answer]) -> None:
    table = feedback.c
    for said, key, score in connection.execute(select(table.request_id, table.key, table.score).order_by(table.at)):
        name = next((name for name in _names(said) if name in answers), None)
        if name is not None and answers[name].key == key:
            answers[name] = replace(answers[name], score=score)


def _add_words(connection: Connection, answers: dict[str, Answer]) -> None:
    table = captures.c
    for name, key, prompt in connection.execute(select(table.request_id, table.key, table.prompt)):
        answer = answers.get(name)
        if answer is not None and answer.key == key:
            answers[name] = replace(answer, prompt=prompt)


def _names(said: str) -> Iterator[str]:
    """The ids of requests that `said` may mean: itself, or what an answer's own id was made from."""
    yield said
    for prefix in PREFIXES:
        if said.startswith(prefix):
            yield from (said.removeprefix(prefix), f"req_{said.removeprefix(prefix)}")
