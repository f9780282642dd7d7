"""How large chatterbox's networks are. The package has its sizes in its code; a smaller checkpoint brings its own.

A folder of weights may hold `sizes.json`: arguments, by network, in the place of those that the package gives. The
released weights have none; `fixtures/models/tiny_chatterbox.py` writes one.
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
"""Parts of S3Gen; besides them there are `t3` and `tokenizer`."""


def read_sizes(folder: Path) -> Sizes:
    file = folder / NAME
    sizes: Sizes = json.loads(file.read_text()) if file.is_file() else {}
    return sizes


@contextmanager
def sized(sizes: Sizes) -> Iterator[None]:
    """Within, the package builds its networks in these sizes. Not for two threads at once."""
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
    """`build`, but with `changed` arguments whatever it is given."""
    return lambda **given: partial(build, **given)(**changed)
