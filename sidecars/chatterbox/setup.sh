#!/bin/sh
# Fills sidecars/chatterbox/.venv, where the voice "chatterbox" runs. `make chatterbox` calls it.
#
# With an NVIDIA driver here: chatterbox-tts with everything it asks for (torch 2.6.0 with CUDA, about 6 GB).
# Without: the same package on a CPU build of torch, and of its dependencies only those that speaking needs.
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
if [ "$TORCH" = cpu ]; then
  pip install --no-deps -r requirements-nodeps.txt
  # torchaudio is published for CUDA only. Without its compiled parts, which speaking does not use, it runs anywhere.
  rm -f .venv/lib/python3*/site-packages/torchaudio/lib/*.so
fi
.venv/bin/python -W ignore -c "import chatterbox.tts, perth; assert perth.PerthImplicitWatermarker"
