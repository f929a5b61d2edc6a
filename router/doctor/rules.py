"""What the policy file says: its warnings, its classifier, its own tests, and its prices."""

from collections.abc import Iterator

from router.chat import Usage
from router.config import Config
from router.doctor.finding import Finding
from router.errors import ConfigError
from router.ledger.prices import Prices
from router.policy.artifact import load_classifier
from router.policy.examples import run_tests

ONE_OF_EACH = Usage(1, 1)


def findings(config: Config) -> Iterator[Finding]:
    """Everything that can be told of a file that loads, without asking a model."""
    for warning in config.warnings:
        yield Finding("note", "policy", warning)
    try:
        classifier = load_classifier(config)
    except ConfigError as error:
        yield Finding(
            "bad", "classifier", str(error), "Give `artifact` or SHUNT_ARTIFACT a whole one, or leave it out."
        )
    else:
        yield Finding("ok", "classifier", str(config.artifact or "the one that ships"))
        results = run_tests(config, classifier)
        failed = sum(not result.passed for result in results)
        if failed:
            words = f"{failed} of the {len(results)} tests in the file fail"
            yield Finding(
                "bad", "tests", words, "`shunt policy test` shows them; a running server does not take such a file."
            )
        elif results:
            yield Finding("ok", "tests", f"those in the file pass: {len(results)}")
    yield from _prices(config)


def _prices(config: Config) -> Iterator[Finding]:
    try:
        prices = Prices.load(config)
    except ConfigError as error:
        yield Finding("bad", "prices", str(error), "Install the locked dependencies again.")
        return
    for name, model in config.models.items():
        if not model.missing and "chat" in model.can and prices.cost(name, ONE_OF_EACH) is None:
            cure = "Give it a `price`: costs and savings leave it out, and budgets refuse it."
            yield Finding("note", name, "nobody knows its price", cure)
