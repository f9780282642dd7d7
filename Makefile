# Everything from nothing but python3, pip and make: each target builds what it needs.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
LISTEN_CLIENTS := tests/sidecars/listen/clients/pipecat tests/sidecars/listen/clients/livekit
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/run.stamp ## Build .venv, and nothing else

run: .venv/run.stamp ## A recorded caller phones the daemon: live captions, then how fast it stopped
	@$(BIN)/phone-daemon demo $(ARGS)

serve: .venv/run.stamp ## Answer calls on 127.0.0.1:5060 (ARGS="--bind ADDRESS --port N -c FILE")
	@$(BIN)/phone-daemon serve $(ARGS)

test: .venv/dev.stamp ## Every test (ARGS="-k name" for some); the first time it builds the engines' environments (4 GB)
	@$(BIN)/python -m pytest $(ARGS)

lint: .venv/dev.stamp ## ruff, mypy --strict, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: .venv/run.stamp ## The figures of the README, next to their targets
	@$(BIN)/python -m ops.bench $(ARGS)

model-server: var/models/tiny_chat/config.json ## A model server for tests and bench, in its own venv (1.2 GB, once)

kokoro: sidecars/kokoro/.venv/run.stamp ## The voices of [mouth] engine = "kokoro", in their own venv (260 MB, once)

piper: sidecars/piper/.venv/run.stamp ## The voices of [mouth] engine = "piper", likewise (290 MB)

chatterbox: sidecars/chatterbox/.venv/run.stamp ## The voice of [mouth] engine = "chatterbox", likewise (CPU 1.7 GB, GPU 7 GB; minutes)

listen-clients: $(LISTEN_CLIENTS:%=%/.venv/run.stamp) ## Pipecat and LiveKit, for a test of the listen server (920 MB, minutes)

fixtures: .venv/run.stamp ## Make the recorded callers again (needs flite and espeak-ng)
	@$(BIN)/python fixtures/make_calls.py $(ARGS)

clean: ## Remove .venv, var and caches
	rm -rf .venv sidecars/*/.venv $(LISTEN_CLIENTS:%=%/.venv) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run.stamp: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building .venv (about 350 MB, a minute or two; once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	@echo "adding the test tools to .venv (once)"
	@$(PIP) -e '.[dev]'
	@touch $@

sidecars/kokoro/.venv/run.stamp sidecars/piper/.venv/run.stamp: %/.venv/run.stamp: %/requirements.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building $(@D) (under 300 MB, a minute; once)"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

sidecars/chatterbox/.venv/run.stamp: sidecars/chatterbox/setup.sh $(wildcard sidecars/chatterbox/requirements*.txt)
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@PYTHON=$(PYTHON) $<
	@touch $@

$(LISTEN_CLIENTS:%=%/.venv/run.stamp): %/.venv/run.stamp: %/requirements.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building $(@D) (about 500 MB, a minute; once)"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

sidecars/model_server/.venv/run.stamp: sidecars/model_server/requirements.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building sidecars/model_server/.venv (about 1.2 GB, a minute or two; once)"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

var/models/tiny_chat/config.json: sidecars/model_server/make_model.py sidecars/model_server/.venv/run.stamp
	@sidecars/model_server/.venv/bin/python $< $(@D)
	@touch $@

.PHONY: help setup run serve test lint bench kokoro piper chatterbox model-server listen-clients fixtures clean
