"""The rules that keep the rooms apart, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("router/**/*.py"), *ROOT.glob("classifiers/**/*.py")])
PRODUCT = [path for path in SOURCES if "recipe" not in path.parts]

# Left may be imported by right, never the other way: the line a request follows, read backwards.
ORDER = [
    "router.errors",
    "router.config",
    "router.chat",
    "router.policy",
    "router.engine",
    "router.backends",
    "router.dispatch",
    "router.cache",
    "router.ledger",
    "router.telemetry",
    "router.shadow",
    "router.runtime",
    "router.exchange",
    "router.api",
    "router.app",
]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        if any(name == package or name.startswith(package + ".") for name in imports(path))
    }


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_classifiers_stand_alone():
    """The classifier can be used, trained and shipped without the router."""
    assert {name for name in importers("router") if name.startswith("classifiers/")} == set()


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("errors", set()),
        ("condition", set()),
        ("caller", set()),
        ("limit", set()),
        ("capture", set()),
        ("config", {"router.capture", "router.condition", "router.limit"}),
    ],
)
def test_the_foundation_imports_nothing_of_ours(name: str, below: set[str]):
    """Errors, conditions and callers are leaves that everything may import; configuration knows conditions alone."""
    found = imports(ROOT / f"router/{name}.py")
    ours = {module for module in found if module.startswith(("router", "classifiers"))}
    assert {module for module in ours if not any(module.startswith(known) for known in below)} == set()


def test_only_one_file_knows_litellm():
    """litellm costs seconds and 160 MB at import, so one lazy place holds it."""
    assert importers("litellm") <= {"router/backends/litellm.py"}


def test_only_the_engine_knows_llama_cpp():
    """Native code is loaded in the child process alone."""
    assert {name for name in importers("llama_cpp") if not name.startswith("router/engine/")} == set()


def test_only_metrics_constructs_metrics():
    """Every series is declared in one room; one file outside it reads what a router shows."""
    outside = {name for name in importers("prometheus_client") if not name.startswith("router/telemetry/")}
    assert outside == {"router/watching/scrape.py"}


def test_only_two_files_know_redis():
    """It is an extra, which nobody has to install: one file speaks to it for the cache, one for the limits."""
    assert importers("redis") <= {"router/cache/redis.py", "router/limits/redis.py"}


def test_decisions_do_no_io():
    """The pure half of the policy holds no clock, no log, no file and no socket."""
    impure = {"asyncio", "logging", "os", "pathlib", "random", "socket", "subprocess", "time", "datetime"}
    for name in ("plan", "guards", "conditions", "routes", "facts", "decision"):
        path = ROOT / f"router/policy/{name}.py"
        assert {module.partition(".")[0] for module in imports(path)} & impure == set(), name


def test_nothing_dangerous_is_called():
    """No evaluation, no unpickling, no unsafe YAML, no shell."""
    forbidden = {"eval", "exec", "compile", "pickle.load", "pickle.loads", "joblib.load", "yaml.load", "os.system"}
    found = {(path.name, call) for path in PRODUCT for call in calls(path) if call in forbidden}
    assert found == set()


def test_no_sql_is_formatted():
    """SQL is built by SQLAlchemy or is a constant."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value for part in node.values if isinstance(part, ast.Constant)).upper()
                assert not text.startswith(("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "ALTER ")), path


def room(module: str) -> int | None:
    for place, name in enumerate(ORDER):
        if module == name or module.startswith(name + "."):
            return place
    return None


def test_arrows_point_one_way():
    """A room imports only what stands before it on the line of a request (commands are the terminal's edge)."""
    wrong = []
    for path in PRODUCT:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        here = room(module)
        if here is None or path.name == "commands.py":
            continue
        wrong += [(module, name) for name in imports(path) if (there := room(name)) is not None and there > here]
    assert wrong == []
