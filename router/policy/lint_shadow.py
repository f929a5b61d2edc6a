"""What can be wrong with a `shadow`: nothing that could compare, or nothing to compare with."""

from collections.abc import Iterator, Mapping

from router.config import ModelConfig
from router.policy.lint_embedder import embedder_faults
from router.policy.problem import shown
from router.policy.schema import ShadowEntry


def shadow_faults(shadow: ShadowEntry, models: Mapping[str, ModelConfig]) -> Iterator[tuple[str, str]]:
    """The key that each fault is at, and what to do; names of models are checked elsewhere."""
    if shadow.compare == "judge" and shadow.judge is None:
        yield "compare", "compare: judge needs the name of a model that scores: write judge:"
    if shadow.compare != "judge" and shadow.judge is not None:
        yield "judge", "a judge does nothing here: write compare: judge"
    if shadow.judge is not None and shadow.judge in shadow.target:
        yield "judge", f"{shown(shadow.judge)} would judge its own answers: name another model"
    if shadow.compare != "similarity" and shadow.embedder is not None:
        yield "embedder", "an embedder does nothing here: write compare: similarity"
    if shadow.compare == "similarity":
        yield from embedder_faults(shadow.embedder, models, "compare")
