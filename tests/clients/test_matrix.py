"""Real clients against a running router: each is a program in an environment of its own that tells what came of it."""

import asyncio
import json
import os
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.clients.matrix import CLIENTS, TEXTS, Client
from tests.clients.place import Place

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("clients")]
PATIENCE_S = 240
CELLS = [pytest.param(client, name, id=f"{client.name}-{name}") for client in CLIENTS for name in client.told]


class Programs:
    """The clients' programs, each run once, when its first exercise is asked for."""

    def __init__(self, place: Place, home: Path) -> None:
        self.place = place
        self._home = home
        self._running: dict[str, asyncio.Task[dict]] = {}

    async def told(self, client: Client) -> dict:
        """The JSON object that the client's program prints."""
        if client.missing:
            pytest.skip(client.missing)
        if client.name not in self._running:
            self._running[client.name] = asyncio.create_task(self._run(client))
        return await asyncio.shield(self._running[client.name])

    async def _run(self, client: Client) -> dict:
        # Nothing of the machine's own settings: no keys, no proxies, no plugins.
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8", "CLIENT_NAME": client.name,
            "CLIENT_ROOT_URL": self.place.shunt.root_url, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LLM_USER_PATH": str(self._home / "llm"),
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *client.command, env=environ, cwd=self._home, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert out.strip(), err.decode()
        return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="package")
def programs(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(place, tmp_path_factory.mktemp("home"))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def texts(programs: Programs) -> list[str]:
    """What each model says without any client."""
    said = []
    async with aiohttp.ClientSession() as session:
        for target in ("small", "large"):
            body = {"model": target, "messages": [{"role": "user", "content": "Hello"}], "temperature": 0}
            async with session.post(f"{programs.place.shunt.base_url}/chat/completions", json=body) as answer:
                said.append((await answer.json())["choices"][0]["message"]["content"])
    return said


@pytest.mark.parametrize(("client", "exercise"), CELLS)
async def test_a_client_gets_what_it_asks_for(programs: Programs, texts: list[str], client: Client, exercise: str):
    """Whatever stands between a person and the models, the exercise comes to what it comes to without it."""
    async with asyncio.timeout(PATIENCE_S):
        answer = await programs.told(client)
        expected = client.told[exercise]
        assert answer["told"][exercise] == (texts if expected == TEXTS else expected)
        if exercise == "cancel":
            await programs.place.obliging.left(client.name)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_the_client_is_the_one_that_is_locked(programs: Programs, client: Client):
    """What runs is the version that the table names, and it tells of every exercise and of no other."""
    async with asyncio.timeout(PATIENCE_S):
        answer = await programs.told(client)
    assert set(answer["told"]) == set(client.told)
    assert client.version in {None, answer["version"]}


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.name in {"openai-python", "openai-node"}],
                         ids=lambda client: client.name)  # fmt: skip
async def test_no_sdk_repeats_what_the_router_gave_up(programs: Programs, client: Client):
    """A target that limits its rate is asked once for each question, though the SDK would ask three times."""
    async with asyncio.timeout(PATIENCE_S):
        await programs.told(client)
    mine = f"busy {client.name}"
    assert [mine in request.body.decode() for request in programs.place.large.received].count(True) == 1
