"""The list of models, without a socket."""

import json

import pytest

from router.backends.base import TargetState
from tests.fakes.inside import Client, Small


def test_models_are_listed_while_they_load(client: Client, monkeypatch: pytest.MonkeyPatch):
    """A client that asks what there is gets an answer at once, which says what is not there yet."""
    monkeypatch.setattr(Small, "state", lambda _: TargetState("loading", "12 of 40 MB"))
    answer = client.ask("GET", "/v1/models", {}, b"")
    found = {entry["id"]: entry["shunt"].get("status") for entry in json.loads(answer.body)["data"]}
    assert (answer.status, found) == (200, {"auto": None, "small": "loading", "vectors": "loading"})
