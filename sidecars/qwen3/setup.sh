#!/bin/sh
# Fills sidecars/qwen3/.venv, where the ears "qwen3" run. `make qwen3` calls it.
#
# With an NVIDIA driver here: qwen-asr with vLLM and everything that they ask for (torch with CUDA, about 10 GB).
# Without: the same package on a CPU build of torch, and of its dependencies only those that hearing needs (1.7 GB).
# TORCH=cuda or TORCH=cpu decides for itself.
set -eu
cd "$(dirname "$0")"

if [ -z "${TORCH:-}" ]; then
  if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then TORCH=cuda; else TORCH=cpu; fi
fi
case $TORCH in
  cpu | cuda) ;;
  *) echo "setup.sh: TORCH=$TORCH: want cpu or cuda" >&2; exit 2 ;;
esac

echo "with torch for $TORCH"
pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
pip install -r "requirements-$TORCH.txt"
if [ "$TORCH" = cpu ]; then pip install --no-deps -r requirements-nodeps.txt; fi
.venv/bin/python -W ignore -c "import qwen_asr"
