"""One line of a report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of one group. Money in USD.

    `cost_usd` is the sum of the known costs, None when none is known; `unknown_costs` says how many are not in it.
    `baseline_usd` and `saved_usd` cover the requests whose own cost and baseline are both known, so that they compare
    like with like; `unknown_savings` says how many are not in them. What was spent in the shadow is in the sums of tokens
    and money, but is no request.
    """

    group: tuple[str | None, ...]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: float | None
    unknown_costs: int
    baseline_usd: float | None
    saved_usd: float | None
    unknown_savings: int
