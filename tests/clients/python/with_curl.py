"""curl: what a person types, with the answers read as they are on the wire."""

import json
import re
import shutil
import subprocess

from exercise import BASE, GOODBYE, MESSAGES, QUESTION, SCHEMA, STRUCTURED, TARGETS, TOOL, tell, weather

CURL = shutil.which("curl")
SHAPE = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA}}


def command(target: str, **body: object) -> list[str]:
    """The command line of one request."""
    given = json.dumps({"model": target, "messages": MESSAGES, "temperature": 0, **body})
    return [CURL, "-sSN", f"{BASE}/chat/completions", "-H", "content-type: application/json", "-d", given]


def ask(target: str, *options: str, **body: object) -> str:
    """What curl prints."""
    return subprocess.run([*command(target, **body), *options], capture_output=True, text=True, check=True).stdout


def message(target: str, **body: object) -> dict:
    """The message of a whole answer."""
    return json.loads(ask(target, **body))["choices"][0]["message"]


def deltas(target: str, **body: object) -> list[dict]:
    """The deltas of a streamed answer, which has to end as OpenAI's does."""
    *events, done, rest = ask(target, stream=True, **body).split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if not event.startswith(":")]
    return [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]


def chat() -> list[str]:
    """Whole answers."""
    return [message(target)["content"] for target in TARGETS]


def stream() -> list[str]:
    """The pieces, put together."""
    return ["".join(delta.get("content") or "" for delta in deltas(target)) for target in TARGETS]


def tools() -> list[str]:
    """A call and its answer, whole and streamed."""
    asked = {"messages": QUESTION, "tools": [TOOL]}
    pieces = [call for delta in deltas("large", **asked) for call in delta.get("tool_calls", [])]
    streamed = {**pieces[0], "function": {**pieces[0]["function"]}}
    streamed["function"]["arguments"] = "".join(piece["function"]["arguments"] for piece in pieces)
    assert [(piece["index"], "id" in piece) for piece in pieces] == [(0, number == 0) for number in range(len(pieces))]
    return [_answered(call) for call in (message("large", **asked)["tool_calls"][0], streamed)]


def _answered(call: dict) -> str:
    result = {
        "role": "tool",
        "tool_call_id": call["id"],
        "content": weather(**json.loads(call["function"]["arguments"])),
    }
    turns = [*QUESTION, {"role": "assistant", "content": None, "tool_calls": [call]}, result]
    return message("large", messages=turns, tools=[TOOL])["content"]


def structured() -> list[str]:
    """A schema of each target."""
    return [
        json.loads(message(target, messages=QUESTION, response_format=SHAPE)["content"])["city"]
        for target in STRUCTURED
    ]


def errors() -> list[str]:
    """Statuses before the first byte; after it an event, and neither a finish reason nor `[DONE]`."""
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    broken = ask("broken", stream=True)
    error = json.loads(broken.strip().splitlines()[-1].removeprefix("data: "))["error"]
    assert not re.search(r'"finish_reason":"|\[DONE\]', broken)
    return [ask("nobody", *status), ask("busy", *status), error["code"]]


def cancel() -> bool:
    """End curl after its first line."""
    with subprocess.Popen(command("slow", messages=GOODBYE, stream=True), stdout=subprocess.PIPE) as curl:
        found = curl.stdout.readline().startswith(b"data: ")
        curl.terminate()
    return found


def version() -> str:
    """What curl calls itself."""
    return subprocess.run([CURL, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


tell(version(), chat, stream, tools, structured, errors, cancel)
