"""The policy files and the judgement that the tests start from, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """What a classifier says, as far as a decision cares."""

    score: float
    task: str = "chat"
    task_probability: float = 1.0


MODELS = """\
version: 1
models:
  small: {backend: llama.cpp, source: small.gguf, context: 2048}
  large: {backend: openai, base_url: "http://127.0.0.1:9/v1", model: big, context: 8192}
tiers: [small, large]
"""

SIMPLE = (
    MODELS
    + """\
policies:
  auto:
    select:
      - {id: learned, score: complexity, threshold: 0.5}
      - {id: default, target: large}
    on_failure: [large, small]
"""
)

GUARDED = (
    MODELS
    + """\
aliases: {"gpt-*": auto, "gpt-4-mini": small, "claude-*": onsite}
guards:
  - {id: privacy, when: {header: {x-data-class: restricted}}, allow_zone: [local]}
  - {id: fits, when: always, require: [context, tools, modality, json]}
policies:
  auto:
    select:
      - {id: asked-small, when: {header: {x-shunt-route: small}}, target: small}
      - {id: easy, when: {task: [sentiment, extraction]}, target: small}
      - {id: learned, score: complexity, threshold: 0.5}
      - {id: default, target: large}
    on_failure: [large, small]
  onsite:
    select: [{id: here, target: small}]
  strict:
    select: [{id: top, target: large}]
"""
)
