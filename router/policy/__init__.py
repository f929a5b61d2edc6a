"""The policy file and the pure decision."""

from router.policy.examples import TestResult, run_tests
from router.policy.loading import DEFAULT_FILE, load
from router.policy.plan import decide, needs_score
from router.policy.publication import json_schema
from router.policy.routes import resolve_model

__all__ = ["DEFAULT_FILE", "TestResult", "decide", "json_schema", "load", "needs_score", "resolve_model", "run_tests"]
