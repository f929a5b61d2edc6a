# Two commands do everything: `make serve` and `make test`. Both do their own set-up.
PYTHON ?= python3
BIN := .venv/bin
SERVE ?=
OBSERVE ?= 127.0.0.1:9090
# The vision projector of llama.cpp is not used here; leaving it out halves the build.
export CMAKE_ARGS ?= -DLLAVA_BUILD=off

.PHONY: help setup setup-dev serve test lint unit fuzz clients policy observe pictures lock clean

help:            ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: .venv/.runtime  ## the virtual environment, the locked dependencies, the package

setup-dev: .venv/.dev  ## the same, with what the tests need

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Shunt needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

# The first time, llama.cpp is compiled (about 5 minutes on 2 cores); the package cache keeps the result.
.venv/.runtime: .venv/bin/python requirements.lock pyproject.toml hatch_build.py classifiers/native.cpp
	@echo "Installing the locked dependencies; the first time this compiles llama.cpp (about 5 minutes)."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

serve: setup     ## start the router on 127.0.0.1:8080 (options: make serve SERVE="--port 9000")
	$(BIN)/shunt serve $(SERVE)

test: lint unit policy  ## linters, tests and the policy examples

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fuzz: setup-dev  ## many more bodies for each endpoint than `make test` tries, and new ones each time
	SHUNT_FUZZ=50 $(BIN)/python -m pytest -n auto --timeout 0 tests/api/test_fuzz.py tests/api/test_openapi.py

# Clients that cannot be had here (no npm, no registry) are skipped by name.
unit: setup-dev
	@$(MAKE) --keep-going --quiet clients || echo "Not every client is installed; the tests of those are skipped."
	$(BIN)/python -m pytest -n auto --dist loadgroup

clients: .clients/openai3/.done .clients/openai2/.done tests/clients/node/node_modules/.done  ## the clients that tests/clients runs, apart from our own environment

.clients/%/.done: tests/clients/python/%.lock
	@echo "Installing clients for the tests: $*"
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --retries 1 --only-binary :all: --no-deps --require-hashes -r $<
	@touch $@

tests/clients/node/node_modules/.done: tests/clients/node/package-lock.json
	@echo "Installing clients for the tests: node"
	@npm ci --prefix tests/clients/node --ignore-scripts --fetch-retries 1 --no-audit --no-fund --loglevel error
	@touch $@

policy: setup-dev
	$(BIN)/shunt policy test --config router/policy/default.yaml

observe:         ## Prometheus (Debian's package) with our rules beside a running Shunt (its key: SHUNT_API_KEY; another address: make observe OBSERVE=127.0.0.1:9091)
	@command -v prometheus >/dev/null || { echo "Prometheus is not installed: apt-get install prometheus"; exit 1; }
	@echo "Shunt        http://127.0.0.1:8080/metrics (start it with make serve)"
	@echo "Prometheus   http://$(OBSERVE) (its alerts: http://$(OBSERVE)/alerts)"
	@echo "Dashboards   deploy/grafana/dashboards, for a Grafana whose data source is that Prometheus"
	@mkdir -p build/prometheus
	@umask 077; printf %s "$$SHUNT_API_KEY" > build/prometheus.key
	prometheus --config.file=deploy/prometheus/$(if $(SHUNT_API_KEY),with-key,prometheus).yml --storage.tsdb.path=build/prometheus \
	  --enable-feature=exemplar-storage --web.listen-address=$(OBSERVE) --log.level=warn

pictures: setup-dev  ## draw the dashboards under load into docs/images (needs Debian's prometheus)
	SHUNT_PICTURES=docs/images SHUNT_PICTURE_ROUNDS=12 $(BIN)/python -m pytest -n 0 tests/deploy/test_dashboards.py

lock:            ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" \
	  pyproject.toml requirements-build.in -o requirements.lock
	uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" \
	  --group dev -c requirements.lock pyproject.toml requirements-build.in -o requirements-dev.lock
	for set in openai3 openai2; do \
	  uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" \
	    tests/clients/python/$$set.in -o tests/clients/python/$$set.lock; \
	done
	npm install --prefix tests/clients/node --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts

clean:
	rm -rf .venv .clients tests/clients/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
