"""Requests that are over: from the ledger, or from a file of JSON lines.

    {"request_id": "req_1", "policy": "auto", "rule": "learned", "target": "small", "score": 0.2, "task": "chat",
     "prompt_tokens": 120, "completion_tokens": 40, "cost_usd": 0.0, "at": 1780000000.0}
    {"prompt": "…", "headers": {"x-team": "red"}, "model": "auto", "completion_tokens": 40}

The ledger keeps no words and no headers. A row of a file may bring them (`prompt`, or `messages`; `headers`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from classifiers.outcomes import DataError, read_rows
from router.chat import Json
from router.config import IN_FILE, LedgerSettings
from router.errors import ConfigError
from router.ledger.drain import drain
from router.ledger.record import SHADOW
from router.ledger.store import Store
from router.ledger.tables import records
from router.ledger.tally import Tally

COLUMNS = (
    "request_id", "policy", "rule", "reason", "target", "score", "task", "prompt_tokens", "completion_tokens",
    "cached_tokens", "cost_usd", "at", "tags",
)  # fmt: skip
AT_A_TIME = 5_000


@dataclass(frozen=True, slots=True)
class Past:
    """One request that is over. `messages` is None where nobody kept what it said; then `headers` are not known either.

    `asked` is the policy, model or alias that it was for. Money in USD, `at` in Unix seconds.
    """

    place: str
    asked: str
    rule: str | None = None
    reason: str | None = None
    target: str | None = None
    score: float | None = None
    task: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    at: float | None = None
    tags: frozenset[str] = frozenset()
    messages: tuple[Json, ...] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Json = field(default_factory=dict, repr=False)


class Row(msgspec.Struct):
    """A line of a file: what the ledger would know, and what it would not."""

    request_id: str = ""
    policy: str | None = None
    model: str | None = None
    rule: str | None = None
    reason: str | None = None
    target: str | None = None
    score: float | None = None
    task: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    at: float | None = None
    tags: frozenset[str] = frozenset()
    prompt: str | None = None
    messages: list[dict[str, object]] | None = None
    headers: dict[str, str] = {}
    tools: list[object] | None = None
    response_format: dict[str, object] | None = None


def from_ledger(state_dir: Path, since: float | None, settings: LedgerSettings = IN_FILE) -> Iterator[Past]:
    """Every chat request of the ledger from `since` on (Unix seconds, None is all).

    Raises:
        ConfigError: the ledger cannot be used.
    """
    table = records.c
    query = (
        select(*(table[name] for name in COLUMNS)).where(table.route.not_in(("embeddings", SHADOW))).order_by(table.id)
    )
    if since is not None:
        query = query.where(table.at >= since)
    try:
        with Store.of(state_dir, settings) as store:
            drain(state_dir, store, Tally())
            with store.reading() as connection:
                for row in connection.execution_options(yield_per=AT_A_TIME).execute(query):
                    yield _recorded(*row)
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(f"the ledger in {state_dir} cannot be used: {type(error).__name__}") from error


def from_log(path: Path, default_policy: str) -> Iterator[Past]:
    """Every row of a file of JSON lines (gzipped if its name ends in .gz).

    Raises:
        DataError: the file cannot be read, or a row is wrong; file, line and reason are named.
    """
    for number, row in read_rows(path):
        try:
            yield _logged(msgspec.convert(row, Row), number, default_policy)
        except msgspec.ValidationError as error:
            raise DataError(f"{path}, line {number}: {error}") from None


def _recorded(  # noqa: PLR0913, PLR0917 - the columns, in their order
    request_id: str,
    policy: str,
    rule: str,
    reason: str,
    target: str,
    score: float | None,
    task: str | None,
    prompt: int,
    completion: int,
    cached: int,
    cost: float | None,
    at: float,
    tags: str | None,
) -> Past:
    known = frozenset(msgspec.json.decode(tags, type=list[str])) if tags else frozenset()
    asked = _asked(policy, target)
    return Past(request_id, asked, rule, reason, target, score, task, prompt, completion, cached, cost, at, known)


def _logged(row: Row, number: int, default_policy: str) -> Past:
    messages = row.messages if row.prompt is None else [{"role": "user", "content": row.prompt}]
    asked = row.model if row.policy is None or messages is not None else _asked(row.policy, row.target)
    wanted = (("tools", row.tools), ("response_format", row.response_format))
    return Past(
        place=row.request_id or f"line {number}",
        asked=asked or row.policy or default_policy,
        rule=row.rule,
        reason=row.reason,
        target=row.target,
        score=row.score,
        task=row.task,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
        cost_usd=row.cost_usd,
        at=row.at,
        tags=row.tags,
        messages=None if messages is None else tuple(messages),
        headers={name.lower(): value for name, value in row.headers.items()},
        params={name: value for name, value in wanted if value is not None},
    )


def _asked(policy: str, target: str | None) -> str:
    """What the client asked for: a record of a model that was named says `direct` in place of a policy."""
    return target if policy == "direct" and target is not None else policy
