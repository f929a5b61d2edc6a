"""A real Prometheus in a temporary folder, scraping routers twice a second."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from tests.deploy.places import DEPLOY, program
from tests.fakes.patience import PATIENCE_S

STEP_S = 0.5


class PrometheusServer:
    """Started with `async with`; `targets` are the routers' `host:port`, `key` the one they want."""

    def __init__(self, folder: Path, targets: Sequence[str], key: str) -> None:
        self.folder = folder
        content = yaml.safe_load((DEPLOY / "prometheus" / "with-key.yml").read_text(encoding="utf-8"))
        (folder / "prometheus.key").write_text(key)
        content["scrape_configs"][0]["authorization"]["credentials_file"] = str(folder / "prometheus.key")
        content["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s"}
        content["rule_files"] = [str(DEPLOY / "prometheus" / "rules" / "*.yml")]
        content["scrape_configs"][0]["static_configs"] = [{"targets": list(targets)}]
        self.config = folder / "prometheus.yml"
        self.config.write_text(yaml.safe_dump(content), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        arguments = [f"--config.file={self.config}", f"--storage.tsdb.path={self.folder / 'tsdb'}"]
        arguments += [f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"]
        arguments.append("--enable-feature=exemplar-storage")
        self._process = await asyncio.create_subprocess_exec(program("prometheus"), *arguments)
        self._http = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        async with asyncio.timeout(PATIENCE_S):
            while not await self._is_ready():
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.close()
        self._process.terminate()
        await self._process.wait()

    async def _is_ready(self) -> bool:
        try:
            async with self._http.get("/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def now(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """The samples of an expression at this moment, or at the Unix time `at`."""
        return await self._ask("query", {"query": expression} | ({} if at is None else {"time": at}))

    async def over(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The series of an expression between two Unix times."""
        return await self._ask("query_range", {"query": expression, "start": start, "end": end, "step": STEP_S})

    async def exemplars(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The exemplars of all series of an expression between two Unix times."""
        found = await self._data("query_exemplars", {"query": expression, "start": start, "end": end})
        return [exemplar for series in found for exemplar in series["exemplars"]]

    async def _ask(self, kind: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return (await self._data(kind, parameters))["result"]

    async def _data(self, kind: str, parameters: dict[str, Any]) -> Any:
        async with self._http.get(f"/api/v1/{kind}", params=parameters) as answer:
            content = await answer.json()
        assert content["status"] == "success", (parameters["query"], content)
        return content["data"]
