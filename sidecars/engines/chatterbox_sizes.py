"""The sizes of chatterbox's networks. The package has its sizes in its code; a smaller checkpoint brings its own.

A folder of weights may contain `sizes.json`: arguments, by network, that replace those in the package. The released
weights have none; `fixtures/models/tiny_chatterbox.py` writes one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

NAME = "sizes.json"
Sizes = Mapping[str, Mapping[str, Any]]
NETWORKS = {"encoder": "UpsampleConformerEncoder", "estimator": "ConditionalDecoder", "vocoder": "HiFTGenerator"}
"""The parts of S3Gen; the other networks are `t3` and `tokenizer`."""


def read_sizes(folder: Path) -> Sizes:
    file = folder / NAME
    sizes: Sizes = json.loads(file.read_text()) if file.is_file() else {}
    return sizes


@contextmanager
def sized(sizes: Sizes) -> Iterator[None]:
    """Within this context, the package builds its networks in these sizes. Not thread-safe."""
    backbone = import_module("chatterbox.models.t3.llama_configs").LLAMA_CONFIGS["Llama_520M"]
    tokenizer = vars(import_module("s3tokenizer.model_v2").S3TokenizerV2.__init__.__defaults__[0])
    s3gen = vars(import_module("chatterbox.models.s3gen.s3gen"))
    before = [(table, dict(table)) for table in (backbone, tokenizer)]
    classes = {name: s3gen[name] for name in NETWORKS.values()}
    try:
        backbone.update(sizes.get("t3", {}))
        tokenizer.update(sizes.get("tokenizer", {}))
        s3gen.update({name: _with(classes[name], sizes.get(part, {})) for part, name in NETWORKS.items()})
        yield
    finally:
        s3gen.update(classes)
        for table, was in before:
            table.clear()
            table.update(was)


def _with(build: Any, changed: Mapping[str, Any]) -> Any:
    """`build`, but always with the arguments in `changed`, whatever else it is given."""
    return lambda **given: partial(build, **given)(**changed)
