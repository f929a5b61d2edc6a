"""LoRA adapters in the policy file: how they are named, asked for and chosen."""

import pytest

from router.errors import ModelNotFound
from router.policy import decide, resolve_model
from router.policy.decision import Facts
from tests.policy.conftest import Loader
from tests.policy.files import SIMPLE, Judged

FACTS = Facts(headers={}, needs=frozenset({"chat"}), prompt_tokens=10)
EASY = Judged(0.1, "sentiment")
RULE = "{id: feedback, when: {task: [sentiment]}, target: small, adapter: finance}"
FILE = SIMPLE.replace("small.gguf,", "small.gguf, adapters: {finance: bank.gguf, law: env:LAW},").replace(
    "policies:", 'aliases: {bank-bot: "small:finance"}\npolicies:'
)
LAW = {"LAW": "hf:org/repo/law.gguf@main"}


def test_adapters_are_files_like_the_source(read_text: Loader, tmp_path):
    """A relative path starts at the file's folder; `env:NAME` and `hf:` work too."""
    config = read_text(FILE, LAW)
    assert {"finance": str(tmp_path / "bank.gguf"), "law": LAW["LAW"]} == config.models["small"].adapters


@pytest.mark.parametrize(
    ("name", "adapter"), [("small:finance", "finance"), ("small:law", "law"), ("bank-bot", "finance"), ("small", None)]
)
def test_an_adapter_is_asked_for_by_name(read_text: Loader, name: str, adapter: str | None):
    """`model:adapter`, and an alias of it, is that model under that adapter; the bare name is the model itself."""
    decision = decide(read_text(FILE, LAW), name, FACTS, None, {})
    assert ("small", ("small",), adapter) == (decision.wanted, decision.targets, decision.adapter)


@pytest.mark.parametrize("name", ["small:nowhere", "large:finance", "small:", ":finance", "nowhere:finance"])
def test_an_unknown_adapter_is_an_unknown_model(read_text: Loader, name: str):
    """A name that leads to no adapter does not exist."""
    with pytest.raises(ModelNotFound):
        resolve_model(read_text(FILE, LAW), name)


def test_a_rule_chooses_an_adapter(read_text: Loader):
    """The adapter belongs to the rule that chose; another rule's choice has none."""
    config = read_text(FILE.replace("    select:\n", f"    select:\n      - {RULE}\n"), LAW)
    chosen = [decide(config, "auto", FACTS, judged, {}) for judged in (EASY, Judged(0.1), None)]
    assert [("feedback", "finance"), ("learned", None), ("default", None)] == [
        (one.rule, one.adapter) for one in chosen
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("adapter: finance", "adapter: finanse", "unknown adapter 'finanse' (did you mean 'finance'?)"),
        ("target: small, adapter", "score: complexity, threshold: 0.2, adapter", "an adapter belongs to a target"),
        ("target: small, adapter", "target: large, adapter", "unknown adapter 'finance'"),
        ('"small:finance"', '"small:finanse"', "unknown policy or model 'small:finanse'"),
        ("env:LAW", "env:LAWS", "'LAWS' is not set"),
    ],
)
def test_adapters_that_lead_nowhere_are_refused(problems, old: str, new: str, problem: str):
    """A wrong name is told before anything starts."""
    text = FILE.replace("    select:\n", f"    select:\n      - {RULE}\n").replace(old, new)
    assert any(problem in line for line in problems(text, LAW)), problems(text, LAW)
