"""Replay and diff: what another policy would have done, what that costs, and what cannot be told."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from classifiers.outcomes import DataError
from router.cli import app
from router.condition import Always, HasPii, PromptTokensIs, Range, TaskIs
from router.config import Abstain, Config, Guard, ModelConfig, Policy, Rule
from router.errors import ConfigError
from router.ledger.journal import JOURNAL_FOLDER, Journal
from router.policy import load
from router.replay.page import page
from router.replay.pairing import against_history
from router.replay.past import Past, from_ledger, from_log
from router.replay.rerun import Candidate, Would
from router.replay.summary import Pair, Side, Summary
from router.replay.telling import History
from tests.ledger.examples import record
from tests.policy.files import Judged

MODELS = """\
version: 1
models:
  small: {backend: llama.cpp, source: small.gguf, context: 2048}
  large: {backend: openai, base_url: "http://127.0.0.1:9/v1", model: big, context: 8192,
          price: {input_usd_per_million: 10, output_usd_per_million: 20}}
tiers: [small, large]
"""
GUARDS = "guards: [{id: privacy, when: {pii: [email]}, allow_zone: [local]}]\n"
RULES = """\
policies:
  auto:
    select:
      - {id: marked, when: {header: {x-team: red}}, target: large}
      - {id: learned, score: complexity, threshold: %s}
      - {id: default, target: large}
    on_failure: [large, small]
"""
SIDES = (("small", "local", 2048), ("large", "cloud", 8192))
runner = CliRunner()


def policy_file(folder: Path, name: str = "shunt.yaml", threshold: float = 0.3, guards: str = GUARDS, **more) -> Path:
    path = folder / name
    text = MODELS + guards + RULES % threshold + f"state_dir: {folder / 'state'}\n"
    for old, new in more.items():
        text = text.replace(old, new)
    path.write_text(text)
    return path


def trial(path: Path, in_force: Path | None = None) -> Candidate:
    history = History(None if in_force is None else load(in_force, {}))
    return Candidate(load(path, {}), lambda text: Judged(0.9 if "prove" in text else 0.1), history)


def past(target: str = "large", rule: str = "learned", score: float | None = 0.4, **more) -> Past:
    return Past("req", "auto", rule, "rule", target, score, "chat", 100, 50, cost_usd=0.002, **more)


def books(folder: Path, *records) -> None:
    journal = Journal(folder / "state" / JOURNAL_FOLDER)
    journal.open()
    for line in records:
        journal.append(line)
    journal.close()


def test_what_happened_tells_conditions_that_nobody_recorded(tmp_path: Path):
    """A header is not in the ledger, but a rule above the one that chose did not hold, and the one that chose did."""
    now, higher = policy_file(tmp_path), policy_file(tmp_path, "b.yaml", 0.5)
    assert Would("small", "learned", 0.0) == trial(higher, now).would(past())
    assert Would("large", "marked", 0.002) == trial(higher, now).would(past(rule="marked"))
    assert "marked" in trial(higher).would(past()).unknown


def test_a_guard_that_may_have_bound_is_no_guess(tmp_path: Path):
    """A request that went to the cloud was not private; of one that stayed here nobody knows."""
    now, lower = policy_file(tmp_path), policy_file(tmp_path, "b.yaml", 0.2)
    assert "large" == trial(lower, now).would(past(score=0.25)).target
    stayed = past("small", score=0.25)
    assert "guard privacy" == trial(lower, now).would(stayed).unknown
    moved = Past("req", "auto", "learned", "guard:privacy", "small", 0.4, "chat", 100, 50)
    assert "small" == trial(lower, now).would(moved).target


def test_what_does_not_matter_need_not_be_known(tmp_path: Path):
    """Where every way leads to the same target, it can be told."""
    marked = policy_file(
        tmp_path, "b.yaml", 0.5, guards="", **{"x-team: red}}, target: large": "x-new: red}}, target: small"}
    )
    assert "small" == trial(marked).would(past(score=0.4)).target
    assert "marked" == trial(marked).would(past(score=0.6)).unknown


def test_a_row_with_its_words_is_decided_in_full(tmp_path: Path):
    """Headers, personal data and the score are those of the request itself."""
    candidate = trial(policy_file(tmp_path))
    rows = [
        {"prompt": "hi"},
        {"prompt": "prove it"},
        {"prompt": "prove it to a@example.org"},
        {"messages": [{"role": "user", "content": "hi"}], "headers": {"X-Team": "red"}, "score": 0.1, "task": "chat"},
        {"prompt": "hi", "model": "large"},
        {"prompt": "hi", "model": "nobody"},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = [candidate.would(row) for row in from_log(tmp_path / "log.jsonl", "auto")]
    assert ["small", "large", "small", "large", "large", None] == [would.target for would in found]
    assert "model_not_found" == found[-1].error


def test_cost_is_what_it_was_or_the_price_of_the_same_tokens(tmp_path: Path):
    """The same target costs what it did cost; another one what the same tokens cost there, without a cache."""
    lower = policy_file(tmp_path, "b.yaml", 0.2)
    candidate = trial(lower, policy_file(tmp_path))
    assert 0.002 == candidate.would(past()).cost_usd
    went_small = Past("r", "auto", "learned", "guard:x", "small", 0.25, "chat", 100, 50, 90, 0.0)
    assert 100 * 10e-6 + 50 * 20e-6 == pytest.approx(
        trial(policy_file(tmp_path, "c.yaml", 0.2, ""), load_path(tmp_path)).would(went_small).cost_usd
    )


def load_path(folder: Path) -> Path:
    return policy_file(folder, "force.yaml")


def test_everything_adds_up():
    """Mix, cost, saving and flips are over what can be told; the rest is counted by its reason."""
    small, large = Side("small", "learned", 0.0), Side("large", "learned", 2.0)
    pairs = [
        Pair("a", large, small, 2.0),
        Pair("b", large, large, 2.0),
        Pair("c", small, large, 2.0),
        Pair("d", large, Side(None, None, None, "guard_refused"), 2.0),
        Pair("e", large, large, 2.0, unknown="marked"),
    ]
    found = Summary.of(pairs)
    assert (5, 4, 3) == (found.requests, found.told, found.changed)
    assert (4.0, 4.0, 6.0) == (found.before.cost_usd, found.after.cost_usd, found.full_usd)
    assert (pytest.approx(100 / 3), pytest.approx(100 / 3)) == (
        found.saving_pct(found.before),
        found.saving_pct(found.after),
    )
    assert {
        ("large", "small"): (1, -2.0),
        ("small", "large"): (1, 2.0),
        ("large", "refused: guard_refused"): (1, 0.0),
    } == {names: (flip.requests, flip.usd) for names, flip in found.flips.items()}
    assert {"marked": 1} == found.unknown


def test_the_page_escapes_what_comes_from_a_file():
    """A name in a log is no markup."""
    found = Summary.of([Pair("a", Side("<b>x", "r", 0.0), Side("small", "r", 0.0), 1.0)])
    assert "<b>x" not in page(found, ("happened", "candidate"))
    assert "&lt;b&gt;x" in page(found, ("happened", "candidate"))


def test_replay_from_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The command reads the books, prints the table, and writes a page."""
    monkeypatch.chdir(tmp_path)
    policy_file(tmp_path)
    policy_file(tmp_path, "candidate.yaml", 0.5, "")
    books(
        tmp_path,
        *(
            record(f"r{n}", policy="auto", rule="learned", target="large", score=n / 10, cost_usd=0.001)
            for n in range(3, 9)
        ),
    )
    arguments = ["replay", "--policy", "candidate.yaml", "--from-ledger", "--since", "all"]
    shown = runner.invoke(app, [*arguments, "--html", "out.html"], catch_exceptions=False)
    assert 0 == shown.exit_code, shown.output
    assert "6 requests, 6 of which can be told; 2 would change" in shown.output
    assert "2  large -> small" in shown.output
    assert "2 would change" in (tmp_path / "out.html").read_text()
    found = json.loads(runner.invoke(app, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert {"large": 4, "small": 2} == found["candidate"]["mix"]
    assert 6 == len(list(from_ledger(tmp_path / "state", None)))
    assert [] == list(from_ledger(tmp_path / "state", 9e9))


def test_diff_names_the_requests_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two files on one log: each request that would go elsewhere, with both rules, mix and cost."""
    monkeypatch.chdir(tmp_path)
    policy_file(tmp_path, "a.yaml", 0.3)
    policy_file(tmp_path, "b.yaml", 0.5)
    rows = [{"prompt": "hi", "score": n / 10, "task": "chat", "completion_tokens": 9} for n in range(1, 8)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = runner.invoke(app, ["policy", "diff", "a.yaml", "b.yaml", "--on", "log.jsonl"], catch_exceptions=False)
    assert "7 requests, 7 of which can be told; 2 would change" in shown.output
    assert "line 3: large (learned) -> small (learned)" in shown.output
    assert "line 5" not in shown.output


@pytest.mark.parametrize(
    ("row", "words"),
    [("[]", "line 1: not an object"), ('{"prompt": 5}', "line 1: Expected"), ('{"score": "high"}', "line 1: Expected")],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, words: str):
    """File, line and reason, and nothing of what the row says."""
    (tmp_path / "log.jsonl").write_text(row)
    with pytest.raises(DataError, match=words):
        list(from_log(tmp_path / "log.jsonl", "auto"))


def test_one_source_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The ledger or a log, not both and not neither."""
    monkeypatch.chdir(tmp_path)
    policy_file(tmp_path)
    with pytest.raises(ConfigError, match="give --from-ledger, or --log FILE"):
        runner.invoke(app, ["replay", "--policy", "shunt.yaml"], catch_exceptions=False)


def test_a_record_without_a_target_has_nothing_to_compare(tmp_path: Path):
    """A row of a log that names no target still says what the candidate would do, and is counted apart."""
    pairs = list(
        against_history(
            trial(policy_file(tmp_path)), [Past("x", "auto", messages=({"role": "user", "content": "hi"},))]
        )
    )
    assert ["no target was recorded"] == [pair.unknown for pair in pairs]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.builds(
            Past,
            st.just("req"),
            st.sampled_from(["auto", "large"]),
            st.sampled_from(["learned", "marked", "long", None]),
            st.sampled_from(["rule", "guard:privacy"]),
            st.sampled_from(["small", "large"]),
            st.sampled_from([None, 0.0, 0.2, 0.3, 0.31, 0.5, 1.0]),
            st.sampled_from(["chat", "code"]),
            st.sampled_from([0, 99, 100, 101, 2048, 9000]),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_requests_that_are_alike_are_decided_alike(requests: list[Past]):
    """What was found out for one request holds for each that it was remembered for."""
    rules = [
        Rule("long", PromptTokensIs(Range(gt=100)), target="large"),
        Rule("code", TaskIs(frozenset({"code"})), target="small"),
    ]
    learned = Rule("learned", Always(), None, 0.3, "small", "large", abstain=Abstain(0.2, 0.3, "large"))
    config = Config(
        None,
        {name: ModelConfig(name, "none", zone, frozenset({"chat"}), size) for name, zone, size in SIDES},
        ("small", "large"),
        {"auto": Policy("auto", (*rules, learned), ("large", "small"))},
        "auto",
        (Guard("privacy", HasPii(("email",)), frozenset({"local"}), frozenset({"context"})),),
    )
    at_once = Candidate(config, Judged, History(config))
    assert [Candidate(config, Judged, History(config)).would(past) for past in requests] == [
        at_once.would(past) for past in requests
    ]
