"""The compose file: valid by the specification's own schema, and everything it mounts is there.

`compose_spec.json` is the schema that docker-compose 1.29.2 ships (Apache-2.0).
"""

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from router.policy.loading import load
from tests.deploy.places import DEPLOY, program

FOLDER = DEPLOY / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
MOUNTS = [
    pytest.param(volume.split(":")[0], id=f"{name} {volume}")
    for name, service in COMPOSE["services"].items()
    for volume in service["volumes"]
]


def test_the_compose_file_is_valid():
    """Every key and value is one of the Compose Specification."""
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft201909Validator(schema).validate(COMPOSE)


@pytest.mark.parametrize("source", MOUNTS)
def test_every_mounted_path_exists(source: str):
    """A path of ours is in the tree, a name is a declared volume."""
    assert (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_what_the_image_is_built_from_exists():
    """Each thing that the Dockerfile copies from the tree is in it."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert copied
    assert [] == [word for word in copied if not (DEPLOY.parent / word).exists()]


def test_ports_are_open_to_this_machine_only():
    """Nothing is published beyond the loopback address unless an operator says so."""
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_the_containers_policy_loads(monkeypatch: pytest.MonkeyPatch):
    """The mounted policy file is valid, and wants a key from every client."""
    config = load(FOLDER / "shunt.yaml", {"SHUNT_API_KEY": "a-key-of-the-test"})
    assert [key.value for key in config.server.keys] == ["a-key-of-the-test"]


def test_prometheus_reads_the_same_rules_and_finds_the_router():
    """The container's configuration differs from the machine's in addresses and the key's place alone, and both in the key."""
    own = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    keyed, open_ = (
        yaml.safe_load((DEPLOY / "prometheus" / f"{name}.yml").read_text(encoding="utf-8"))
        for name in ("with-key", "prometheus")
    )
    assert own["scrape_configs"][0]["static_configs"][0]["targets"] == ["shunt:8080"]
    del keyed["scrape_configs"][0]["authorization"]
    assert keyed == open_
    assert own | {"rule_files": open_["rule_files"], "scrape_configs": open_["scrape_configs"]} == open_


def test_prometheus_in_its_container_sends_the_key(tmp_path: Path):
    """What its entrypoint writes is the key, at the place where the configuration reads it, for its eyes alone."""
    service = COMPOSE["services"]["prometheus"]
    place = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"][0][
        "authorization"
    ]["credentials_file"]
    shell = [word.replace("$$", "$").replace(place, str(tmp_path / "key")) for word in service["entrypoint"]]
    fake = tmp_path / "prometheus"
    fake.write_text('#!/bin/sh\nprintf %s "$*"\n')
    fake.chmod(0o700)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SHUNT_API_KEY": "sk a'b$c"}
    done = subprocess.run([*shell, *service["command"]], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == " ".join(service["command"])
    assert (tmp_path / "key").read_text() == "sk a'b$c"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_grafana_finds_dashboards_and_data():
    """The provisioned folder is the mounted one, and the home dashboard is in it."""
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in COMPOSE["services"]["grafana"]["volumes"]}
    provider = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "dashboards" / "shunt.yml").read_text("utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    home = COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (FOLDER / mounted[folder] / home.removeprefix(f"{folder}/")).is_file()


def test_exemplars_are_kept_wherever_prometheus_is_started():
    """The machine's Prometheus and the container's keep the request ids that buckets come with."""
    flag = "--enable-feature=exemplar-storage"
    assert flag in COMPOSE["services"]["prometheus"]["command"]
    assert flag in (DEPLOY.parent / "Makefile").read_text(encoding="utf-8")


def test_the_machines_configuration_is_the_one_that_make_observe_uses():
    """`make observe` names a file that is there, and the program that reads it."""
    recipe = (DEPLOY.parent / "Makefile").read_text(encoding="utf-8")
    assert "prometheus --config.file=deploy/prometheus/$(if $(SHUNT_API_KEY),with-key,prometheus).yml" in recipe
    program("prometheus")
