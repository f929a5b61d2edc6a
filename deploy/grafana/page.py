"""The page that explains each panel by the question it answers."""

from collections.abc import Iterable, Iterator

from deploy.grafana.panel import Board
from router.telemetry.levels import ROOMS

HEAD = """\
# Dashboards

Five dashboards for Grafana, provisioned from `deploy/grafana/`. Each panel answers a question; the pictures are drawn
from the answers that a real Prometheus gave to the panels' own queries while a router was under mixed load
(`make pictures`). Written by `python -m deploy.grafana` from the same tables as the JSON.

- **Prometheus on this machine**: `make serve` in one terminal, `make observe` in another (Debian's package `prometheus`).
  It loads the recording rules and alerts of `deploy/prometheus/rules/`; each alert has a summary, a severity and a runbook
  line, and `promtool test rules deploy/prometheus/tests/*.yml` shows when it fires.
- **Grafana**: import the files of `deploy/grafana/dashboards/`, or mount `deploy/grafana/provisioning/`.
- **All three in containers**: `SHUNT_API_KEY=... GRAFANA_PASSWORD=... docker compose -f deploy/compose/compose.yaml up`.
  The compose file is checked by its specification's schema and its mounts by a test; the images themselves were not built
  where this was written.
- **In the terminal**: `shunt top` is a live table, `shunt tail` prints each request as it ends, and `shunt doctor` looks at
  machine, policy file (its warnings, tests and prices), address, keys, classifier, stores and models and says what to do.

The points over a panel of durations are exemplars: each is one request, and tells its `request_id` (the answer's header
`x-request-id`). `shunt ledger export --since 1h | grep <request_id>` and the log line with that id say who answered, why,
and what was tried. Prometheus keeps them when it is started with `--enable-feature=exemplar-storage`, as above, and
gets them in the OpenMetrics format, which it asks for by itself; `curl -H 'accept: application/openmetrics-text'
http://127.0.0.1:8080/metrics` shows them.

Where the server wants a key, `/metrics` wants one too: `SHUNT_API_KEY=... make observe` (the compose file does it by itself)
gives Prometheus the key in a file, as `deploy/prometheus/with-key.yml` shows; `shunt top` takes `--key`, `SHUNT_API_KEY`, or
the first key of the policy file.

**Several servers.** `shunt serve` is one process and has no `--workers`: what it waits for is in other processes (the engines)
or on other machines, and it holds breakers, sessions and, without [`replicas`](policy/reference.md#replicas), budgets in memory.
Where one is not enough, start several on ports of their own (the same policy file, and if they are on one machine the same state
folder) behind a load balancer, and list each under `targets` in `prometheus.yml`. Each tells its own counts; scraping the load
balancer would mix them up. The recorded series and panels add counters up over `instance`, take quantiles from the summed buckets,
and the largest of gauges that every process tells for itself (a budget, a breaker, drift); the variable `instance` of the
dashboards picks one. A test scrapes two processes with one Prometheus and compares its sums with what each tells and with the ledger.

**Tags and budgets.** A series is never a key, a user or a session. It may be a budget of the policy file
(`shunt_budget_used_ratio`) and a tag of the operator's keys (`shunt_tag_cost_usd_total`, 64 tags at most, the others are
`other`); a key with two tags counts for both, so tags do not add up to the whole. `shunt usage --by key` tells it by key.

**The log** goes to standard error: one line for each request, at most 1,000 bytes, with who answered, by which rule and why, what it
took and cost; readable text on a terminal, JSON elsewhere. It never holds a prompt, an answer, a key or a name that a client made
up. `shunt serve --log warning,request=info` (or `SHUNT_LOG`) sets the least level, and that of rooms:
%ROOMS.
Libraries are heard from `warning` on, and of what they say only where it was said.

What a panel names a tier is where the policy file's `tiers` has the target: the first is small, the last large. A query
with `$instance` follows the choice at the top; recorded series (`shunt:...`) are over all instances.
"""


def page(boards: Iterable[Board]) -> str:
    """The page in Markdown."""
    head = HEAD.replace("%ROOMS", ", ".join(f"`{room}`" for room in ROOMS))
    return "\n".join([head, *(line for board in boards for line in _board(board))])


def _board(board: Board) -> Iterator[str]:
    yield from (f"## {board.title.removeprefix('Shunt: ').capitalize()}", "", board.question, "")
    yield from (
        f"![{board.title}](images/{board.name}.png)",
        "",
        "| panel | the question it answers |",
        "| --- | --- |",
    )
    for row in board.rows:
        yield from (f"| {panel.title} | {panel.question} |" for panel in row.panels)
    yield ""
