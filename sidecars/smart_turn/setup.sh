#!/bin/sh
# Fills sidecars/smart_turn/.venv, where Smart Turn judges pauses for `make bench-turns`. `make smart_turn` calls it.
set -eu
cd "$(dirname "$0")"

pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r requirements.txt
pip install --no-deps --only-binary :all: --require-hashes -r requirements-weights.txt
