"""`shunt top` and `shunt tail`: what they show is what happened."""

import asyncio
import io
import sys
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from router import policy
from router.errors import ConfigError
from router.ledger.journal import Journal
from router.watching import screen
from router.watching.follower import Follower
from router.watching.frame import frame
from router.watching.place import metrics_at, place
from router.watching.scrape import Scrape, scrape
from tests.fakes.large import LargeServer
from tests.fakes.patience import PATIENCE_S
from tests.fakes.shunt import ShuntServer
from tests.ledger.examples import record

ROOT = Path(__file__).resolve().parents[1]
POLICY = """
version: 1
models:
  large: {{backend: openai, base_url: "{large}", model: l,
          price: {{input_usd_per_million: 100, output_usd_per_million: 1000}}}}
tiers: [large]
policies: {{auto: {{select: [{{id: all, target: large}}]}}}}
server: {{keys: [env:WATCHED_KEY], port: 8099}}
"""
KEY = "sk-of-the-test"
TTFT = "gen_ai_server_time_to_first_token_seconds_bucket"


def look(at_s: float, **sums: float) -> Scrape:
    """A scrape with one target `a` (small) and one `b` (large)."""
    samples = {
        ("shunt_target_info", (("target", "a"), ("tier", "small"))): 1.0,
        ("shunt_target_info", (("target", "b"), ("tier", "large"))): 1.0,
        ("shunt_requests_total", (("target", "a"), ("status", "200"))): sums.get("a", 0.0),
        ("shunt_requests_total", (("target", "b"), ("status", "200"))): sums.get("b", 0.0),
        ("shunt_requests_total", (("target", "other"), ("status", "400"))): sums.get("refused", 0.0),
        ("shunt_cost_usd_total", (("model", "b"), ("kind", "answer"))): sums.get("cost", 0.0),
        ("shunt_baseline_cost_usd_total", ()): sums.get("baseline", 0.0),
        ("shunt_breaker_open", (("target", "b"),)): sums.get("open", 0.0),
        (TTFT, (("gen_ai_response_model", "a"), ("le", "0.1"))): sums.get("fast", 0.0),
        (TTFT, (("gen_ai_response_model", "a"), ("le", "0.5"))): sums.get("slow", 0.0),
        (TTFT, (("gen_ai_response_model", "a"), ("le", "+Inf"))): sums.get("slow", 0.0),
    }
    return Scrape(at_s, samples)


def test_a_frame_is_what_changed_between_two_looks():
    """Rates come from the difference, money and states from the later look."""
    shown = frame(
        look(10.0, a=5, b=5, cost=1.0, baseline=2.0), look(12.0, a=11, b=7, refused=4, cost=1.5, baseline=4.0)
    )
    assert (4.0, 2.0, 1.5, 2.5) == (shown.requests_per_s, shown.refused_per_s, shown.cost_usd, shown.saved_usd)
    small, large = shown.rows
    assert ("a", "small", 3.0, 0.75) == (small.target, small.tier, small.requests_per_s, small.share)
    assert (1.0, 0.25, 1.5) == (large.requests_per_s, large.share, large.cost_usd)


def test_the_median_is_that_of_the_streams_in_between():
    """Older streams do not count; without a new one there is no figure."""
    before = look(0.0, fast=100, slow=100)
    assert 500.0 == frame(before, look(1.0, fast=101, slow=110)).rows[0].ttft_ms
    assert 100.0 == frame(before, look(1.0, fast=109, slow=110)).rows[0].ttft_ms
    assert frame(before, before).rows[0].ttft_ms is None


def test_an_open_breaker_is_a_state():
    """A target that is left alone says so."""
    assert ["ready", "breaker open"] == [row.state for row in frame(look(0.0), look(1.0, open=1)).rows]


def test_a_target_that_is_not_configured_is_missing():
    """Without a key or a file there is no backend, and the table says so."""
    missing = Scrape(1.0, {("shunt_target_info", (("target", "c"), ("tier", "large"), ("backend", "none"))): 1.0})
    assert ["missing"] == [row.state for row in frame(missing, missing).rows]


def test_a_follower_yields_what_is_new_once_and_in_order(tmp_path: Path):
    """Neither what was there before, nor anything twice; files that begin later are followed too."""
    first = Journal(tmp_path)
    first.open()
    first.append(record("old"))
    follower = Follower(tmp_path)
    assert [] == list(follower.poll())
    first.append(record("new"))
    second = Journal(tmp_path)
    second.open()
    second.append(record("other"))
    assert {"new", "other"} == {one.request_id for one in follower.poll()}
    assert [] == list(follower.poll())
    follower.close()
    first.close()
    second.close()


def test_half_a_line_waits_for_its_other_half(tmp_path: Path):
    """A record that is being written is shown when it is whole, and a line that is none is passed over."""
    journal = Journal(tmp_path / "whole")
    journal.open()
    journal.append(record("whole"))
    journal.close()
    line = next((tmp_path / "whole").glob("*.jsonl")).read_bytes()
    growing = tmp_path / "growing.jsonl"
    growing.touch()
    follower = Follower(tmp_path)
    growing.write_bytes(b"not a record\n" + line[:20])
    assert [] == list(follower.poll())
    growing.write_bytes(b"not a record\n" + line)
    assert ["whole"] == [one.request_id for one in follower.poll()]
    follower.close()


async def test_top_and_tail_show_a_running_router(tmp_path: Path):
    """Through the real commands: `top --once` has the target's line, `tail` the request's; a router that wants a key."""
    async with (
        LargeServer() as large,
        ShuntServer(tmp_path, POLICY.format(large=large.base_url), environ={"WATCHED_KEY": KEY}) as shunt,
    ):
        arguments = (sys.executable, "-m", "router", "tail", "--config", str(shunt.config))
        tail = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
            env=shunt.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        await tail.stderr.readline()  # it waits now
        async with aiohttp.ClientSession(shunt.root_url, headers={"x-api-key": KEY}) as http:
            body = {"model": "auto", "messages": [{"role": "user", "content": "a canary"}]}
            async with http.post("/v1/chat/completions", json=body) as answer:
                request_id = answer.headers["x-request-id"]
        async with asyncio.timeout(PATIENCE_S):
            line = (await tail.stdout.readline()).decode()
        tail.terminate()
        await tail.wait()
        assert (request_id in line, "large ok 200" in line, "canary" in line) == (True, True, False)
        address = f"{shunt.root_url}/metrics"
        shown = await shunt.command("top", "--once", "--interval", "0.2", "--url", shunt.root_url, "--key", KEY)
        with pytest.raises(ConfigError, match="answers 401: give a key with --key or SHUNT_API_KEY"):
            await asyncio.to_thread(scrape, address, 0.0, "wrong")
    assert ("large" in shown, "saved $" in shown) == (True, True)


@pytest.mark.parametrize(("given", "taken"), [(None, KEY), ("other", "other")])
def test_top_takes_the_policy_files_key(given: str | None, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever may read the file and its environment may look; a key of one's own goes first."""
    monkeypatch.setenv("WATCHED_KEY", KEY)
    path = tmp_path / "shunt.yaml"
    path.write_text(POLICY.format(large="http://127.0.0.1:9/v1"))
    assert place(policy.load(path), given) == ("http://127.0.0.1:8099/metrics", taken)


async def test_top_without_a_router_says_so(tmp_path: Path):
    """One line and status 2."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "router", "top", "--once", "--url", "http://127.0.0.1:9/metrics",
        stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    _, err = await process.communicate()
    assert (process.returncode, b"no router answers at" in err, b"Traceback" in err) == (2, True, False)


def test_top_waits_for_a_router_that_is_started_again():
    """While nobody answers it says so, and then goes on; the budgets and a ledger that is late are told."""
    extra = {
        ("shunt_budget_used_ratio", (("budget", "house"),)): 0.25,
        ("shunt_ledger_behind_seconds", ()): 42.0,
    }
    back = look(9.0, a=3)
    looks = [look(0.0), ConfigError("no router answers there"), Scrape(9.0, {**back.samples, **extra})]

    def next_look() -> Scrape:
        if not looks:
            raise KeyboardInterrupt
        one = looks.pop(0)
        if isinstance(one, ConfigError):
            raise one
        return one

    printed = io.StringIO()
    terminal = Console(file=printed, force_terminal=True, highlight=False, width=120, _environ={"TERM": "xterm"})
    with pytest.raises(KeyboardInterrupt):
        screen.watch(next_look, terminal, 0.0)
    told = printed.getvalue()
    assert told.index("no router answers there") < told.index("budget house 25%, ledger 42 s behind")


@pytest.mark.parametrize("url", ["http://a:1", "http://a:1/", "http://a:1/metrics", "http://a:1/metrics/"])
def test_either_address_is_taken(url: str):
    """The router's own, or that of its metrics."""
    assert metrics_at(url) == "http://a:1/metrics"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str):
    """Only http and https are asked."""
    with pytest.raises(ConfigError):
        scrape(url, 0.0)
