#!/bin/sh
# Builds FOLDER/.venv, where a heavy engine (or a server or client of the tests) runs: by FOLDER/setup.sh where there is
# one, else from FOLDER/requirements.txt. The Makefile calls it.
#
#     sidecars/environment.sh FOLDER
#
# PYTHON: the interpreter to build with, 3.11 or 3.12. KEPT_ENVIRONMENTS: the absolute path of a folder that keeps them
# by the hash of what they are made of; FOLDER/.venv is then a link into it, and another checkout with the same files
# takes the same one.
set -eu
cd "$1"
kept=.venv
: "${PYTHON:?no Python 3.11 or 3.12 found; say which with PYTHON=/path/to/python3.12}"

if [ -n "${KEPT_ENVIRONMENTS:-}" ]; then
  made_of=$(cat requirements*.txt setup.sh 2>/dev/null || true
            "$PYTHON" -c 'import sys; print(sys.version, sys.prefix, *sys.argv[1:])' "${TORCH:-}")
  kept=$KEPT_ENVIRONMENTS/$(basename "$PWD")-$(printf %s "$made_of" | sha256sum | cut -c1-16)
  rm -rf .venv
  [ -f "$kept/complete" ] || rm -rf "$kept" # what is left of one that was broken off
  mkdir -p "$kept"
  ln -s "$kept" .venv
  if [ -f .venv/complete ]; then exit; fi
elif [ -L .venv ]; then
  rm .venv
fi

echo "building $1/.venv (once)"
[ -x .venv/bin/python ] || "$PYTHON" -m venv "$kept"
if [ -f setup.sh ]; then
  sh ./setup.sh
else
  # By its own path: what pip writes into bin/ begins with it, and another checkout has another link.
  "$kept/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt
fi
touch .venv/complete
