"""A request that was answered and is to be answered once more, as a whole: what the second model is sent, and what is made of it."""

from dataclasses import dataclass, replace

from classifiers.conversation import user_text
from router.chat import Bill, ChatRequest
from router.config import Config, Shadow
from router.dispatch.merge import Merged
from router.ledger.record import UsageRecord
from router.policy.evidence import Evidence
from router.policy.facts import facts_of
from router.policy.shadowing import bars, may_embed, may_judge
from router.shadow.comparison import first_of, words_of
from router.shadow.hop import Hop
from router.shadow.judge import OVERHEAD_TOKENS, question

CALLER = "shunt-shadow"
LEAST_TOKENS = 1024
LONGER = 4  # times the client's answer: what the second one may come to where the client set no limit
UNSENT = frozenset({"n", "logprobs", "top_logprobs", "store"})
MAX_PROMPT_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Copy:
    """`request` is as the rule sent it, `evidence` what the guards saw, `answer` and `record` what came of it."""

    shadow: Shadow
    request: ChatRequest
    evidence: Evidence
    answer: Merged
    record: UsageRecord

    @property
    def target(self) -> str | None:
        """The model that is to answer once more; None where the only one has answered already."""
        return next((name for name in self.shadow.targets if name != self.record.target), None)

    @property
    def prompt(self) -> str:
        """What the user said, as the classifier reads it."""
        return user_text(self.request.messages)

    def hop(self, target: str) -> Hop:
        """The second answer, of a length that has a bound and so a price that has one."""
        longest = self.request.max_tokens or max(LEAST_TOKENS, LONGER * self.record.completion_tokens)
        params = {name: value for name, value in self.request.params.items() if name not in UNSENT}
        request = replace(
            self.request,
            model=target,
            stream=False,
            include_usage=True,
            max_tokens=longest,
            params=params,
            adapter=None,
            caller=CALLER,
            confidence_at=(),
            bill=Bill(),
        )
        return Hop(target, request, "shadow", self.evidence.facts.prompt_tokens, self.record)

    def judgement(self, config: Config, second: str, *, is_swapped: bool) -> Hop:
        """What the judge is asked about the two answers, in either order."""
        judge = self.shadow.judge or ""
        first = words_of(first_of(self.answer))
        pair = (second, first) if is_swapped else (first, second)
        asked = question(judge, self.prompt, *pair, as_json="json" in config.models[judge].can)
        asked = replace(asked, request_id=self.request.request_id, caller=CALLER)
        return Hop(judge, asked, "judge", facts_of(asked, {}).prompt_tokens, self.record)

    def longest_judgement(self, config: Config, hop: Hop) -> Hop:
        """A judge's question about the longest second answer there can be, to know its price."""
        asked = self.judgement(config, "", is_swapped=False)
        return replace(asked, prompt_tokens=asked.prompt_tokens + (hop.request.max_tokens or 0) + OVERHEAD_TOKENS)

    def may_go(self, config: Config, target: str) -> bool:
        """True when no guard keeps the request from the second model, nor from what compares."""
        shadow = self.shadow
        if bars(config, target, self.evidence) is not None:
            return False
        if shadow.compare == "similarity":
            return may_embed(config, shadow.embedder or "", self.evidence)
        return shadow.compare != "judge" or self.may_be_judged(config, self.judgement(config, "", is_swapped=False))

    def may_be_judged(self, config: Config, hop: Hop) -> bool:
        """True when no guard keeps this question from the judge; asked again once both answers are in it."""
        asked = facts_of(hop.request, self.evidence.facts.headers)
        known = replace(self.evidence.facts, words=asked.words, prompt_tokens=asked.prompt_tokens)
        return may_judge(config, hop.target, self.evidence, known)
