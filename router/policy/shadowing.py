"""Which models may see a request in the shadow of its answer: the guards are asked again for each. Pure."""

from dataclasses import replace

from router.config import Config
from router.policy.decision import Facts
from router.policy.evidence import Evidence
from router.policy.guards import Veto, vetoes
from router.policy.optout import limits_of

ANSWERS = frozenset({"chat"})
EMBEDS = frozenset({"embeddings"})


def bars(config: Config, hop: str, evidence: Evidence, asked: Facts | None = None) -> Veto | None:
    """What a guard, or the request itself, says against sending it to `hop`; None where it may go.

    `asked` is what `hop` has to do, where that is not to answer: which guards bind is decided by the request all the same.
    """
    return vetoes(config, (hop,), evidence, limits_of(evidence.facts), asked).get(hop)


def may_embed(config: Config, hop: str, evidence: Evidence) -> bool:
    """True when the embedding model `hop` may read the answers to this request."""
    # Their length is the engine's business, which knows their tokens.
    asked = replace(evidence.facts, needs=EMBEDS, prompt_tokens=0, exact_tokens={})
    return bars(config, hop, evidence, asked) is None


def may_judge(config: Config, hop: str, evidence: Evidence, question: Facts) -> bool:
    """True when the model `hop` may read this request and its answers; `question` is all that it would be sent.

    The guards are asked twice, about the request and about the question: the answers may hold what a guard looks for.
    """
    asked = replace(question, needs=ANSWERS, exact_tokens={})
    about = Evidence(question, evidence.judgement, evidence.states)
    return bars(config, hop, evidence, asked) is None and bars(config, hop, about, asked) is None
