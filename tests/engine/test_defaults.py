"""What a local model is sampled with where a request does not say."""

from pathlib import Path

import gguf
import pytest

from router.config import ModelConfig
from router.engine.defaults import defaults_of, told
from router.engine.gguf import Gguf, read
from tests.fakes.gguf_model import write_tiny_gguf


def _model(**sampling: float) -> ModelConfig:
    return ModelConfig("small", "llama.cpp", "local", frozenset({"chat"}), context=0, sampling=sampling)


def _header(**metadata: float | str | bool) -> Gguf:
    keys = {f"general.sampling.{name}": value for name, value in metadata.items()}
    return Gguf(Path("some.gguf"), 0, "llama", keys, {}, ())


def test_the_file_says_what_it_was_made_for(tmp_path: Path) -> None:
    """The keys that converters write into a GGUF are read under the names that requests have for them."""
    path = write_tiny_gguf(
        tmp_path / "tiny.gguf",
        extra=lambda writer: (
            writer.add_sampling_temp(0.7),
            writer.add_sampling_top_p(0.8),
            writer.add_sampling_top_k(20),
            writer.add_sampling_min_p(0.05),
            writer.add_sampling_penalty_repeat(1.05),
        ),
    )
    expected = {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.05, "repeat_penalty": 1.05}
    assert defaults_of(_model(), read(path)) == expected
    assert isinstance(defaults_of(_model(), read(path))["top_k"], int)


def test_the_policy_file_prevails(tmp_path: Path) -> None:
    """What the operator writes counts more than the file, one by one, and both are told with their place."""
    header = _header(temp=0.7, top_k=20)
    assert defaults_of(_model(temperature=0.0), header) == {"temperature": 0.0, "top_k": 20}
    assert told(_model(temperature=0.0), header) == "temperature 0 (policy file), top_k 20 (GGUF)"
    assert defaults_of(_model(), read(write_tiny_gguf(tmp_path / "silent.gguf"))) == {}


@pytest.mark.parametrize(
    "metadata",
    [
        {"temp": -1.0},
        {"temp": float("nan")},
        {"temp": "hot"},
        {"temp": True},
        {"top_p": 0.0},
        {"top_k": 2.5},
        {"top_k": -1},
    ],
    ids=str,
)
def test_nonsense_in_a_file_says_nothing(metadata: dict[str, float | str | bool]) -> None:
    """A file can make no request fail: what no request could ask for is passed over."""
    assert defaults_of(_model(), _header(**metadata)) == {}


def test_the_keys_are_those_of_the_gguf_package(tmp_path: Path) -> None:
    """The names have not drifted from llama.cpp's."""
    keys = gguf.Keys.General
    names = (keys.SAMPLING_TEMP, keys.SAMPLING_TOP_P, keys.SAMPLING_TOP_K, keys.SAMPLING_MIN_P)
    header = Gguf(tmp_path, 0, "llama", dict.fromkeys((*names, keys.SAMPLING_PENALTY_REPEAT), 1), {}, ())
    assert set(defaults_of(_model(), header)) == {"temperature", "top_p", "top_k", "min_p", "repeat_penalty"}
