"""Labels from the ledger. It keeps no prompts and no opinions, so a file brings both by request id.

    {"request_id": "req_1", "prompt": "…", "rating": 0.0}
    {"request_id": "req_2", "messages": […], "small": 0.5, "large": 1.0}

`rating` says how good the answer was that the client got; the ledger says which model gave it, and what it cost. A bad
answer of the small model is a prompt that needed the large one. What the large model answered says nothing of the small
one, unless the row has the small model's score beside it (`small`): a comparison on the side.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from classifiers.outcomes import DataError, Outcome, prompt_of, read_rows, score_of
from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.record import SHADOW
from router.ledger.store import Store, records
from router.ledger.tally import Tally

NO_PROMPTS = (
    "the ledger keeps no prompts: give --prompts FILE with a line for each request, "
    '{"request_id": …, "prompt": …, "rating": 0 to 1}'
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger knows of one answered request."""

    target: str
    task: str | None
    cost_usd: float | None
    baseline_usd: float | None


@dataclass(frozen=True, slots=True)
class History:
    """Labelled rows, and how many rows of the file gave none: not in the ledger, or without anything about the small model."""

    rows: tuple[Outcome, ...]
    unknown: int
    silent: int


def read_history(state_dir: Path, prompts: Path, small: str, settings: LedgerSettings = IN_FILE) -> History:
    """Join a file of rated prompts with the ledger; `small` is the name of the small model.

    Raises:
        DataError: the file cannot be read, or a row is wrong.
        ConfigError: the ledger cannot be read.
    """
    answers = _answers(state_dir, settings)
    found, unknown, silent = [], 0, 0
    for place, row in _rows(prompts):
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
        raise DataError(f"{prompts}: no row tells how good the small model was on a request that the ledger has")
    return History(tuple(found), unknown, silent)


def _rows(prompts: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, row in read_rows(prompts):
        place = f"{prompts}, line {number}"
        if not isinstance(row.get("request_id"), str):
            raise DataError(f"{place}: needs a text request_id")
        yield place, row


def _labelled(row: Mapping[str, object], place: str, answer: Answer, small: str) -> Outcome | None:
    prompt = prompt_of(row, place)
    rating = score_of(row, "rating", place) if "rating" in row else None
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
    wanted = select(table.request_id, table.target, table.task, table.cost_usd, table.baseline_usd)
    found: dict[str, Answer | None] = {}
    try:
        with Store.of(state_dir, settings) as store:
            drain(state_dir, store, Tally())
            with store.reading() as connection:
                for name, *rest in connection.execute(wanted.where(table.outcome == "ok", table.route != SHADOW)):
                    found[name] = None if name in found else Answer(*rest)
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger in {state_dir} cannot be used: {type(error).__name__}") from error
    return {name: answer for name, answer in found.items() if answer is not None}
