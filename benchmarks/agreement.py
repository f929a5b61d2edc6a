"""The client's count, the router's metrics and its ledger must be the same: otherwise a figure measures lost work."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.load import Load
from benchmarks.servers import Server

WHOLE_TOKENS = 32  # what mock.c says of an answer that is not streamed
DURATION = "gen_ai_client_operation_duration_seconds"


def agree(router: Server, config: Path, sent: Sequence[Load], chunks: int) -> dict[str, object]:
    """Requests and answer tokens as the client, `/metrics` and `shunt usage` counted them.

    Every request must also have been judged: a policy that takes its safe target without a score would look fast.

    Raises:
        RuntimeError: they differ.
    """
    client = {
        "requests": sum(load.requests for load in sent),
        "completion_tokens": sum(load.requests * (chunks if load.events else WHOLE_TOKENS) for load in sent),
    }
    ledger = _from_ledger(config)
    exposition = router.get("/metrics")
    metrics = {"requests": sum_of(exposition, f"{DURATION}_count"), "scores": sum_of(exposition, "shunt_score_count")}
    if client != ledger or {client["requests"]} != set(metrics.values()):
        raise RuntimeError(f"the counts differ: client {client}, ledger {ledger}, metrics {metrics}")
    return {"client": client, "ledger": ledger, "metrics": metrics}


def sum_of(exposition: str, sample: str) -> int:
    """The sum of every sample with this name in Prometheus text, whatever its labels."""
    families = text_string_to_metric_families(exposition)
    return int(sum(found.value for family in families for found in family.samples if found.name == sample))


def _from_ledger(config: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "router", "usage", "--json", "--config", str(config)]
    total = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["total"]
    return {"requests": total["requests"], "completion_tokens": total["completion_tokens"]}
