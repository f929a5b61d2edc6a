"""The scripted server is itself held to its word: what it counts, and how it runs on its own."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]


def post(url: str, body: object) -> bytes:
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json", "authorization": "Bearer k"})
    with urlopen(request) as response:
        return response.read()


def test_it_runs_as_a_process() -> None:
    """It prints its address, answers, takes a script, and tells its counts to the token."""
    command = [sys.executable, "-m", "tests.fakes.large", "--port", "0", "--key", "k"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            control = base_url.removesuffix("/v1")
            post(f"{control}/__script", [{"fault": "texts", "tokens": ["a", "b"]}])
            ask = {"model": "x", "messages": [{"role": "user", "content": "one two"}], "stream": True}
            streamed = post(f"{base_url}/chat/completions", ask)
            whole = json.loads(post(f"{base_url}/chat/completions", {**ask, "stream": False, "max_tokens": 4}))
            counts = json.loads(urlopen(f"{control}/__counts").read())
        finally:
            process.kill()
    assert streamed.endswith(b"data: [DONE]\n\n")
    assert (2, 4, 6) == tuple(whole["usage"][f"{kind}_tokens"] for kind in ("prompt", "completion", "total"))
    expected = {"requests": 2, "prompt_tokens": 4, "completion_tokens": 6}
    assert expected == {name: counts[name] for name in expected}


@pytest.mark.parametrize("limit", [5, 12, 13, 40])
def test_finish_reason_follows_the_cap(limit: int) -> None:
    """The answer is as long as the cap says, and the finish reason tells whether the cap ended it."""
    from tests.fakes.large import Call, Counts
    from tests.fakes.socket import Received

    body = json.dumps({"messages": [], "max_tokens": limit}).encode()
    call = Call(Received("POST", "/", {}, body), None, Counts())
    assert (min(limit, 12), "length" if limit < 12 else "stop") == (len(call.tokens()), call.finish_reason)
