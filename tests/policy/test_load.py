"""The policy file as a whole: where it is found, what the environment adds, what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from router.config import Clocks, EngineOptions, Price, Secret
from router.errors import ConfigError
from router.policy import DEFAULT_FILE, environment, load
from tests.policy.conftest import Loader
from tests.policy.files import MODELS, SIMPLE

KEY = "sk-canary-0123456789"
Problems = Callable[..., list[str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an empty configuration folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_is_used_when_there_is_no_file(home: Path):
    """A newcomer without a file gets the packaged one, and its path says that it is nobody's."""
    config = load(None, {})
    assert (None, "auto", ("small", "large")) == (config.path, config.default_policy, config.tiers)


def test_the_working_folder_comes_before_the_users(home: Path):
    """./shunt.yaml wins over the user's configuration folder, which wins over the default."""
    users = home / "config" / "shunt" / "shunt.yaml"
    users.parent.mkdir(parents=True)
    users.write_text(SIMPLE)
    assert load(None, {}).path == users
    (home / "shunt.yaml").write_text(SIMPLE)
    assert load(None, {}).path == Path("shunt.yaml")


def test_a_file_that_is_not_there_is_one_clear_line(home: Path):
    """The message names the file and what to do."""
    with pytest.raises(ConfigError) as caught:
        load(home / "none.yaml", {})
    assert caught.value.problems == (f"{home}/none.yaml: No such file or directory; `shunt init` writes a new file",)


def test_nothing_configured_is_said_in_words(home: Path):
    """Without any variable both models say what to set, and nothing is guessed."""
    models = load(None, {}).models
    assert {name: model.backend for name, model in models.items()}["large"] == "none"
    assert models["large"].missing == "set OPENAI_API_KEY, ANTHROPIC_API_KEY or SHUNT_LARGE_URL"


def test_small_comes_from_the_environment(home: Path):
    """SHUNT_SMALL is a path from the working folder, or a file on the hub."""
    model = load(None, {"SHUNT_SMALL": "models/a.gguf"}).models["small"]
    assert ("llama.cpp", str(home / "models/a.gguf"), None) == (model.backend, model.source, model.missing)
    hub = "hf:org/repo-GGUF/file-Q4_K_M.gguf@main"
    assert load(None, {"SHUNT_SMALL": hub}).models["small"].source == hub


def test_the_built_in_model_is_the_default_when_it_is_there(home: Path, monkeypatch: pytest.MonkeyPatch):
    """`auto` falls back to the model that ships with Shunt, and without one says what to set."""
    shipped = home / "small.gguf"
    monkeypatch.setattr("router.policy.targets.BUILTIN_MODEL", shipped)
    assert load(None, {}).models["small"].missing == environment.NO_SMALL_MODEL
    shipped.touch()
    assert load(None, {}).models["small"].source == str(shipped)


def test_the_built_in_model_does_not_come_before_a_large_one_unasked(home: Path, monkeypatch: pytest.MonkeyPatch):
    """With a large model, `auto` finds no small one: a specialist's answers to everything easy would be worse."""
    shipped = home / "small.gguf"
    shipped.touch()
    monkeypatch.setattr("router.policy.targets.BUILTIN_MODEL", shipped)
    assert load(None, {"SHUNT_LARGE_URL": "http://h/v1"}).models["small"].missing == environment.NO_SMALL_MODEL
    (home / "shunt.yaml").write_text(DEFAULT_FILE.read_text().replace("source: auto", "source: builtin"))
    assert load(None, {"SHUNT_LARGE_URL": "http://h/v1"}).models["small"].source == str(shipped)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"SHUNT_LARGE_URL": "http://h:1/v1/", "SHUNT_LARGE_MODEL": "m", "SHUNT_LARGE_KEY": KEY},
            ("openai", "http://h:1/v1", "m", Secret("SHUNT_LARGE_KEY", KEY)),
        ),
        ({"SHUNT_LARGE_URL": "http://h/v1"}, ("openai", "http://h/v1", "default", None)),
        (
            {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": "x"},
            ("openai", "https://api.openai.com/v1", environment.OPENAI_MODEL, Secret("OPENAI_API_KEY", KEY)),
        ),
        (
            {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu/v1", "SHUNT_LARGE_MODEL": "m"},
            ("openai", "https://eu/v1", "m", Secret("OPENAI_API_KEY", KEY)),
        ),
        (
            {"ANTHROPIC_API_KEY": f" {KEY}\n"},
            ("litellm", None, f"anthropic/{environment.ANTHROPIC_MODEL}", Secret("ANTHROPIC_API_KEY", KEY)),
        ),
        (
            {"ANTHROPIC_API_KEY": KEY, "SHUNT_LARGE_MODEL": "anthropic/m"},
            ("litellm", None, "anthropic/m", Secret("ANTHROPIC_API_KEY", KEY)),
        ),
        ({"OPENAI_API_KEY": " "}, ("none", None, None, None)),
    ],
    ids=["url", "url-only", "openai", "openai-elsewhere", "anthropic", "anthropic-model", "blank"],
)
def test_large_comes_from_the_environment(home: Path, environ: dict[str, str], expected: tuple[object, ...]):
    """SHUNT_LARGE_URL comes first, then OpenAI's key, then Anthropic's; a blank variable is not set."""
    large = load(None, environ).models["large"]
    assert expected == (large.backend, large.base_url, large.model, large.api_key)


def test_an_entry_is_taken_over_key_by_key(read_text: Loader):
    """Clocks, retries, price and bounds reach the target in the units of the configuration."""
    config = read_text(
        SIMPLE.replace(
            "model: big,",
            "model: big, retries: 3, clocks: {idle_s: 7}, can: [chat], zone: eu, forward_fields: [top_k],"
            " price: {input_usd_per_million: 2, output_usd_per_million: 8.5}, api_key: env:K,",
        )
        + "server: {port: 0, strict_fields: true, keys: [env:K]}\nstate_dir: state\ncache_dir: /var/cache\n",
        {"K": KEY},
    )
    large = config.models["large"]
    assert (3, Clocks(idle_s=7.0), frozenset({"chat"}), "eu") == (large.retries, large.clocks, large.can, large.zone)
    assert Price(input_usd=2e-6, output_usd=8.5e-6, cached_usd=None) == large.price
    assert (Secret("K", KEY), ("top_k",)) == (large.api_key, large.forward_fields)
    assert (0, True, (Secret("K", KEY),)) == (config.server.port, config.server.strict_fields, config.server.keys)
    assert config.path is not None
    assert (config.path.parent / "state", Path("/var/cache")) == (config.state_dir, config.cache_dir)
    assert KEY not in repr(config)


def test_engine_options_reach_the_target(read_text: Loader):
    """What the file says of the engine is what the model gets; what it does not say has the engine's own default."""
    assert EngineOptions() == read_text(SIMPLE).models["small"].engine
    written = "template: chatml, gpu_layers: -1, flash_attention: true, kv_type: q8_0, mmap: false, mlock: true"
    config = read_text(SIMPLE.replace("source: small.gguf", f"source: small.gguf, {written}, vault_mib: 64"))
    assert EngineOptions("chatml", -1, True, "q8_0", False, True, 64) == config.models["small"].engine


def test_sampling_reaches_the_target(read_text: Loader, problems: Problems):
    """What a model is sampled with by default is as written, and bounded like a request's own parameters."""
    written = SIMPLE.replace("source: small.gguf", "source: small.gguf, sampling: {temperature: 0, top_k: 40}")
    assert {"temperature": 0, "top_k": 40} == read_text(written).models["small"].sampling
    [told] = problems(written.replace("top_k: 40", "top_p: 1.5"))
    assert told.startswith("3: ")
    assert "sampling" in told or "less than or equal to 1" in told


def test_a_quantized_attention_memory_needs_flash_attention(problems: Problems):
    """What llama.cpp would refuse when it loads is refused in the file."""
    told = problems(SIMPLE.replace("source: small.gguf", "source: small.gguf, kv_type: q4_0, flash_attention: false"))
    assert ["3: kv_type q4_0 needs flash attention; leave flash_attention out or use f16"] == told


def test_sources_are_absolute(read_text: Loader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A path in the file starts at the file's folder, a path in a variable at the working folder."""
    monkeypatch.chdir("/")
    assert read_text(SIMPLE).models["small"].source == str(tmp_path / "small.gguf")
    assert read_text(SIMPLE.replace("small.gguf", "env:S"), {"S": "x.gguf"}).models["small"].source == "/x.gguf"


def test_defaults_are_those_of_the_reference(read_text: Loader):
    """Zones and abilities have one documented default for each side, a remote window included."""
    config = read_text(SIMPLE.replace(", context: 8192", "").replace(", context: 2048", ""))
    small, large = config.models["small"], config.models["large"]
    assert ("local", {"chat", "json"}, 0) == (small.zone, set(small.can), small.context)
    assert ("cloud", {"chat", "json", "tools", "vision"}, 128_000) == (large.zone, set(large.can), large.context)


def test_every_problem_is_told_at_once(problems: Problems):
    """One run shows typos, unknown names, unset variables and bad values together, in the order of the file."""
    text = """\
        version: 1
        modles: {}
        models:
          small: {backend: llama.cpp, contxt: 3}
          large: {backend: openai, base_url: "https://u:p@h/v1", model: x, api_key: env:NOPE}
          other: {backend: llama.cp}
        tiers: [small, larg]
        guards:
          - {id: g, when: {heder: {x: y}}, require: [context]}
          - {id: h, when: always, allow_zone: [moon], require: [contxt]}
        budgets: [{id: b}]
        policies:
          auto:
            similar_too: {}
            select:
              - {id: a, when: {task: [sentimnt]}, target: small}
              - {id: b, target: smal}
              - {id: l, score: complexity, threshold: 2}
        tests:
          - {prompt: x, expect: {target: lrage}}
        """
    assert problems(text) == [
        "2: unknown key 'modles' (did you mean 'models'?)",
        "4: unknown key 'contxt' (did you mean 'context'?)",
        "5: 'base_url' must not hold a user or a password: write api_key: env:NAME",
        "5: the environment variable 'NOPE' is not set",
        "6: unknown backend 'llama.cp' (did you mean 'llama.cpp'?)",
        "7: unknown model 'larg' (did you mean 'large'?)",
        "9: unknown key 'heder' (did you mean 'header'?)",
        "10: unknown require 'contxt' (did you mean 'context'?)",
        "11: 'budgets': the budget bounds nothing: give it usd_per_day, requests_per_minute or another bound",
        "14: unknown key 'similar_too' (valid: on_failure, select, session, shadow, spill, verify)",
        "16: unknown task 'sentimnt' (did you mean 'sentiment'?)",
        "17: unknown model 'smal' (did you mean 'small'?)",
        "18: 'threshold': must be less than or equal to 1",
        "20: unknown model 'lrage' (did you mean 'large'?)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("version: 1", "version: 2", "1: 'version' must be 1"),
        ("version: 1", "state_dir: x", "1: 'version' is missing"),
        ("backend: llama.cpp", "x: 1", "3: 'small' needs a backend (valid: auto, litellm, llama.cpp, openai)"),
        ("model: big", "api_key: env:X", "4: 'model' is missing"),
        ("context: 2048", "context: '2048'", "3: 'context' must be a whole number"),
        ("context: 2048", "context: -1", "3: 'context': must be greater than or equal to 0"),
        ("context: 2048", "retries: 9", "3: 'retries': must be less than or equal to 5"),
        ("context: 2048", "sha256: ABC", "3: 'sha256' must be 64 hexadecimal digits in lower case"),
        ("context: 2048", "can: []", "3: 'can' must not be empty"),
        ("context: 2048", "can: chat", "3: 'can' must be a list"),
        ("context: 2048", "clocks: {idle_s: 0}", "3: 'idle_s': must be greater than 0"),
        ("context: 2048", "clocks: {idle_s: 1e400}", "3: 'idle_s': must be a finite number"),
        ("context: 2048", "source: builtin", "3: duplicate key 'source' (first on line 3)"),
        ("small.gguf", "hf:a/b", "3: source 'hf:a/b' is not hf:org/repo/file.gguf@revision"),
        ("small.gguf", "hf:../../x.gguf", "3: source 'hf:../../x.gguf' is not hf:org/repo/file.gguf@revision"),
        ("small.gguf", "env:NOPE", "3: the environment variable 'NOPE' is not set"),
        ('"http://127.0.0.1:9/v1"', "ftp://h/v1", "4: 'base_url' must be an address like https://host/v1"),
        ('"http://127.0.0.1:9/v1"', "http://h:x/v1", "4: 'base_url' is not a valid address"),
        ('"http://127.0.0.1:9/v1"', "'http://h/v1?k=1'", "4: 'base_url' must not have a query or a fragment"),
        ('"http://127.0.0.1:9/v1"', "'http://h/v 1'", "4: 'base_url' holds blanks or control characters"),
        ('"http://127.0.0.1:9/v1"', "env:URL", "4: 'env:URL' must be an address like https://host/v1"),
        (
            "model: big",
            "model: big, api_key: env:ODD",
            "4: the environment variable 'ODD' holds characters that no key has",
        ),
        ("policies:", "policy:", "6: unknown key 'policy' (did you mean 'policies'?)"),
        ("id: default", "id: 'a b'", "10: 'id' is not a valid name (letters, digits, '.', '_' and '-')"),
        ("  auto:", "  a b:", "7: 'a b' is not a valid name (letters, digits, '.', '_' and '-')"),
    ],
)
def test_each_mistake_has_its_sentence(problems: Problems, old: str, new: str, problem: str):
    """A wrong value is told with its line and what it must be, never with a value that could be a secret."""
    assert problem in problems(SIMPLE.replace(old, new), {"URL": "not an address", "ODD": "a\x00b"})


def test_a_key_in_the_file_is_refused_unseen(problems: Problems):
    """A literal key is refused, and no message repeats it, wherever it was pasted."""
    for line in (f"api_key: {KEY}", f"apikey: {KEY}", f"headers: {{authorization: {KEY}}}", f"api_key: [{KEY}]"):
        found = "\n".join(problems(SIMPLE.replace("model: big", f"model: big, {line}")))
        assert "4: " in found
        assert KEY not in found


def test_a_url_with_a_password_is_refused_unseen(problems: Problems):
    """A password inside an address never shows, in the file or in the environment."""
    text = SIMPLE.replace("http://127.0.0.1:9/v1", f"http://u:{KEY}@h/v1")
    assert problems(text) == ["4: 'base_url' must not hold a user or a password: write api_key: env:NAME"]
    auto = SIMPLE.replace('backend: openai, base_url: "http://127.0.0.1:9/v1", model: big', "backend: auto")
    found = problems(auto, {"SHUNT_LARGE_URL": f"http://u:{KEY}@h/v1"})
    assert found == ["4: 'env:SHUNT_LARGE_URL' must not hold a user or a password: write api_key: env:NAME"]


@pytest.mark.parametrize("key", ["source", "base_url", "api_key", "model"])
def test_an_auto_model_takes_nothing_else(problems: Problems, key: str):
    """What the environment decides cannot also be written in the file."""
    text = MODELS.replace('backend: openai, base_url: "http://127.0.0.1:9/v1", model: big', f"backend: auto, {key}: x")
    assert any(line.startswith(f"4: unknown key '{key}'") for line in problems(text))


@pytest.mark.parametrize(
    ("models", "examples", "problem"),
    [
        ("", "{prompts: [hi]}", "similarity needs a local embedding model, and no local model can: write embedder:"),
        ("", "{prompts: [hi], embedder: large}", "'large' is no local embedding model (can: [embeddings])"),
        (
            "  e: {backend: llama.cpp, source: e.gguf, can: [embeddings]}\n",
            "{prompts: [hi], embedder: ee}",
            "unknown model 'ee'",
        ),
        (
            "  e: {backend: llama.cpp, source: e.gguf, can: [embeddings]}\n",
            "{prompts: []}",
            "'prompts' must not be empty",
        ),
    ],
)
def test_examples_need_a_local_model_that_embeds(problems: Problems, models: str, examples: str, problem: str):
    """What is compared stays on this machine, and a file that names no such model is refused with the cure."""
    text = SIMPLE.replace("tiers:", f"{models}examples:\n  named: {examples}\ntiers:", 1)
    assert any(problem in line for line in problems(text))


def test_a_condition_cannot_name_examples_that_are_not_there(problems: Problems):
    """Names of examples are checked like those of models, wherever they stand."""
    embedder = (
        "  e: {backend: llama.cpp, source: e.gguf, can: [embeddings]}\nexamples: {refunds: {prompts: [back]}}\ntiers:"
    )
    rule = "{id: learned, when: {any: [{not: {similar_to: {refund: {gte: 0.5}}}}]},"
    text = SIMPLE.replace("tiers:", embedder, 1).replace("{id: learned,", rule)
    assert any("unknown examples 'refund' (did you mean 'refunds'?)" in line for line in problems(text))


def test_the_default_file_is_its_own_example(home: Path):
    """The commented file that `shunt init` writes loads, and names the schema for editors on its first line."""
    (home / "shunt.yaml").write_bytes(DEFAULT_FILE.read_bytes())
    config = load(None, {})
    assert config.path == Path("shunt.yaml")
    assert len(config.tests) >= 8
    assert DEFAULT_FILE.read_text().startswith("# yaml-language-server: $schema=./shunt.schema.json\n")


def test_the_built_in_model_must_be_there_when_it_is_named(
    read_text: Loader, problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`source: builtin` is the shipped file, or a problem in a version without one."""
    shipped = tmp_path / "built-in.gguf"
    monkeypatch.setattr("router.policy.targets.BUILTIN_MODEL", shipped)
    text = SIMPLE.replace("source: small.gguf", "source: builtin")
    assert problems(text) == ["3: this version of Shunt carries no built-in model"]
    shipped.touch()
    assert read_text(text).models["small"].source == str(shipped)


def test_hopeless_files_are_told_what_is_missing(problems: Problems):
    """An empty file, and one whose sections are of the wrong kind, are explained too."""
    assert problems("") == [f"1: '{key}' is missing" for key in ("models", "policies", "tiers", "version")]
    assert problems("version: 1\nmodels: 3\ntiers: [a]\npolicies: []\n") == [
        "2: 'models' must be a mapping",
        "4: 'policies' must be a mapping",
    ]


def test_an_environment_key_that_is_not_set_is_told_once_for_each_use(problems: Problems):
    """Each place that needs the variable is named."""
    text = SIMPLE.replace("model: big", "model: env:M, api_key: env:K") + "server: {keys: [env:C]}\n"
    assert problems(text) == [
        "4: the environment variable 'K' is not set",
        "4: the environment variable 'M' is not set",
        "12: the environment variable 'C' is not set",
    ]
