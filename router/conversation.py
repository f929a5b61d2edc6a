"""Where the conversation of a request is: remembered, or worked out from its own earlier turns."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from router.chat import ChatRequest
from router.config import Config, Policy
from router.policy.choosing import wanted
from router.policy.decision import Decision, Facts
from router.policy.evidence import JudgementLike
from router.policy.facts import facts_of
from router.policy.optout import ROUTE
from router.policy.routes import ASKED, resolve_model
from router.policy.session import earlier, key_of
from router.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation under one policy; `target` is where it is, None when it is new."""

    key: str
    ttl_s: float
    target: str | None

    def moved(self, decision: Decision, sessions: Sessions) -> None:
        """Remember the turn's decision, unless the request wished for its target itself: a wish holds for one turn."""
        if decision.rule != ASKED:
            sessions.put(self.key, decision.wanted, self.ttl_s)


def conversation_of(
    config: Config,
    request: ChatRequest,
    facts: Facts,
    sessions: Sessions,
    judge: Callable[[ChatRequest], JudgementLike | None],
) -> Conversation | None:
    """The conversation of `request`; None where no session binds it: no `session` in the policy, or a hidden side call.

    Raises:
        ModelNotFound: nothing has the name that the request asks for.
    """
    policy = resolve_model(config, request.model)
    if not isinstance(policy, Policy) or policy.session is None or facts.side_call is not None:
        return None
    # One caller must not be able to move the conversation of another by guessing its key.
    key = f"{policy.name}/{request.caller}/{key_of(policy.session, facts)}"
    target = sessions.get(key) or _derived(config, policy, request, facts, judge)
    return Conversation(key, policy.session.ttl_s, target)


def _derived(
    config: Config,
    policy: Policy,
    request: ChatRequest,
    facts: Facts,
    judge: Callable[[ChatRequest], JudgementLike | None],
) -> str | None:
    """Where the earlier turns have led, each judged as it was. Every replica works out the same."""
    target: str | None = None
    headers = {name: value for name, value in facts.headers.items() if name != ROUTE}
    for messages in earlier(request.messages):
        turn = replace(request, messages=messages)
        then = facts_of(turn, headers)
        known = replace(facts, headers=headers, words=then.words, turns=then.turns, prompt_tokens=then.prompt_tokens)
        target = wanted(config, policy, replace(known, past=target), judge(turn))
    return target
