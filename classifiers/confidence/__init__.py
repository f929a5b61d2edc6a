"""The second stage: P(the small model's answer is good enough), once its own confidence is known."""

from classifiers.confidence.stage import PRIOR, SecondStage, StageError, load_stage, stage_file

__all__ = ["PRIOR", "SecondStage", "StageError", "load_stage", "stage_file"]
