# Everything a developer needs; `make` alone explains.
# Each target makes .venv first if it is missing or older than the lock.

SHELL := /bin/bash
PY := .venv/bin/python
# Only what exists already: these rooms come one at a time.
CODE := $(wildcard agentd bridges plugins examples benchmarks tests)
# mypy takes a plugin by its package folder; the folders above it are no packages.
TYPED := $(wildcard agentd bridges/*/agentd_* bridges/*/bridge_tests plugins/*/agentd_* examples benchmarks tests)

# Most tests wait for other processes: one at work more than there are cores.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Tests and benchmarks start hundreds of Pythons; each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup server demo test unit lint format bench chaos dist image deb deb-test clean

help: ## this list
	@echo 'agentd: supervised voice agents for LiveKit'
	@echo
	@echo '  make demo     see it work: a spoken conversation, by models on this machine (no accounts needed)'
	@echo '  make test     prove it: lint, then every test, against a real livekit-server'
	@echo
	@echo 'Both prepare what they need on the first run: .venv from uv.lock, and a livekit-server'
	@echo '(from PATH, or built once into ~/.cache/agentd: 2.5 minutes on two cores).'
	@echo
	@echo 'While developing:'
	@grep -hE '^(setup|server|unit|lint|format|bench|chaos|dist|image|deb|deb-test|clean):.*##' $(MAKEFILE_LIST) \
		| sed -E 's/^([a-z-]+):[^#]*## (.*)/\1|\2/' | awk -F'|' '{ printf "  make %-8s %s\n", $$1, $$2 }'
	@echo
	@echo 'One test: .venv/bin/pytest tests/unit/settings -k name'

setup: ## make .venv from uv.lock (done by every other target)
	@packaging/setup.sh

server: setup ## find livekit-server, or build it once
	@$(PY) -m agentd.testing.livekit_server >/dev/null

demo: server ## a spoken conversation with an assistant on local models
	@$(PY) examples/demo.py

test: lint server ## lint, then all tests, with coverage of child processes
	@packaging/chromium.sh
	@rm -rf build/coverage && mkdir -p build/coverage
	@# A file's tests stay together, and in the order of folders: short ones come last and fill up.
	@# A worker that dies has failed the run: another in its place would confuse pytest-xdist.
	@$(PY) -m coverage run -m pytest -n $(WORKERS) --max-worker-restart 0 \
		--dist loadfile --no-loadscope-reorder
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report
	@echo 'make test: all passed'

unit: setup ## only the tests without processes and servers: seconds
	@$(PY) -m pytest -q tests/unit

lint: setup ## ruff, mypy --strict, who may import whom
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m ruff format --check --quiet $(CODE) || { echo 'fix: make format'; exit 1; }
	@$(PY) -m mypy $(TYPED)
	@.venv/bin/lint-imports --no-cache

format: setup ## let ruff rewrite what it can
	@$(PY) -m ruff check --fix $(CODE)
	@$(PY) -m ruff format $(CODE)

bench: server ## the figures of README, measured on this machine
	@$(PY) -m benchmarks

chaos: server ## ten minutes of faults over real calls (CHAOS_SECONDS, CHAOS_SEED)
	@$(PY) -m tests.chaos

dist: setup ## wheels and sdists of agentd, its plugins and the bridge, in dist/
	@packaging/dist.sh

image: ## the container image agentd, by docker, podman or buildah (BASE, PLUGINS)
	@packaging/docker/build.sh

deb: setup ## a Debian package with an environment of its own, in build/ (minutes)
	@packaging/debian/build.sh build

deb-test: server ## the same, installed, run, upgraded and purged under a real systemd (root)
	@AGENTD_TEST_DEB=$$(packaging/debian/build.sh $(CURDIR)/build) $(PY) -m pytest -q tests/systemd

clean: ## remove .venv, caches and build products (the built livekit-server stays in its cache)
	rm -rf .venv .uv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +
