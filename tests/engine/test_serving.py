"""From a model entry to the settings of its child."""

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from router.config import EngineOptions, KvType, ModelConfig
from router.engine.context import _KV_TYPES
from router.engine.inspection import inspect
from router.engine.serving import settings_of
from router.engine.settings import Settings
from router.engine.template_library import BUILT_IN
from router.policy.schema_models import LocalEntry, Template
from tests.fakes.gguf_model import write_tiny_gguf

MODEL = ModelConfig("small", "llama.cpp", "local", frozenset({"chat"}), context=256)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of an entry in which every engine option differs from its default."""
    options = EngineOptions("chatml", -1, True, "q8_0", False, True, 64)
    return settings_of(replace(MODEL, engine=options), inspect(write_tiny_gguf(tmp_path / "tiny.gguf")))


def test_every_option_reaches_the_child(settings: Settings):
    """No option of the policy file is lost on the way."""
    options = EngineOptions("chatml", -1, True, "q8_0", False, True, 64)
    assert {field.name: getattr(settings, field.name) for field in fields(EngineOptions)} == {
        field.name: getattr(options, field.name) for field in fields(EngineOptions)
    }


def test_the_defaults_are_the_same_everywhere():
    """The policy file, the configuration and the child agree on what is used when nothing is said."""
    child = Settings("", "", 1, 1, 1)
    entry = LocalEntry(backend="llama.cpp")
    for field in fields(EngineOptions):
        assert field.default == getattr(child, field.name) == getattr(entry, field.name), field.name


def test_the_file_knows_what_the_engine_knows():
    """Templates and number types that the policy file accepts are those that the engine has."""
    assert set(get_args(Template)) == set(BUILT_IN)
    assert set(get_args(KvType)) == set(_KV_TYPES)
