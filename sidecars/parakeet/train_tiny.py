"""Trains the tiny model: a streaming FastConformer-CTC of 3.3 million parameters that hears the fixtures' callers.

    python -m sidecars.parakeet.train_tiny tiny.nemo --minutes 120
    python -m sidecars.parakeet.train_tiny check.nemo --work var/check --utterances 32 --minutes 3 --short
    python -m sidecars.parakeet.train_tiny tiny.nemo --minutes 20 --device cuda

The learning rate ends at the last minute, whatever the machine made of the time. A run that was interrupted goes on
from its last checkpoint, and a second run finds the sounds that the first has made. Needs the Parakeet environment
(`make parakeet`) and the Debian packages espeak-ng and flite.
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import distributed

from sidecars.parakeet import utterances, voices
from sidecars.parakeet.batches import collate, supply
from sidecars.parakeet.corpus import Corpus
from sidecars.parakeet.subsampling import plain_state
from sidecars.parakeet.tiny_model import Shape, build, config, make_tokenizer
from sidecars.parakeet.trainer import RATE, Trainer
from sidecars.parakeet.utterances import SETS, Utterances

TOKENS = 256
LINE_S = 10.0
CHECKPOINT_S = 180.0
MEASURE_S = 600.0
MEASURED = {"seen": 60, "espeak": 30, "flite": 30}
"""Utterances of each set that the curve is drawn from while training."""

ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(16 << 30), "MALLOC_TOP_PAD_": str(256 << 20)}
"""Environment of a training process. It takes and gives back the same large pieces of memory all the time, and the C
library's habit of asking the kernel for each costs a third of the speed."""

log = logging.getLogger("train_tiny")


def export(trainer: Trainer, tokenizer: Path, path: Path) -> None:
    """Writes what NeMo restores: the model without the parametrisations of its training."""
    model = build("ctc", tokenizer, Shape())
    model.load_state_dict(plain_state(trainer.model))
    model.cfg.tokenizer.dir = ""  # it goes into the file, and a folder of this machine is nobody else's business
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished-{path.name}")
    model.save_to(str(unfinished))
    unfinished.replace(path)


def run(
    trainer: Trainer, data: Utterances, sets: dict[str, Utterances], work: Path, options: argparse.Namespace
) -> None:
    """Trains until the time is spent."""
    first = random.Random(options.seed)
    if trainer.step == 0:
        trainer.centre(collate(data, first.sample(data.items, min(64, len(data.items))), options.device))
    chance = random.Random(f"{options.seed} {trainer.step} {options.rank}")
    limit_s = options.minutes * 60
    frames = round(options.batch_s / utterances.FRAME_S / options.workers)
    source = supply(data.items, chance, trainer.step, not options.short, frames)
    trainer.share = trainer.spent_s / limit_s
    earlier_s, started = trainer.spent_s, time.monotonic()
    told = saved = measured = started
    told_step, heard_s, losses = trainer.step, 0.0, [0.0][:0]
    while trainer.share < 1:
        trainer.set_rate()
        items = next(source)
        trainer.share = trainer.spent_s / limit_s
        losses.append(trainer.train(collate(data, items, options.device), chance))
        if options.rank:
            continue
        heard_s += sum(item.frames for item in items) * utterances.FRAME_S * options.workers
        now = time.monotonic()
        trainer.spent_s = earlier_s + now - started
        if now - told >= LINE_S:
            left = max(0, round(limit_s - trainer.spent_s))
            log.info(
                "step %d, loss %.3f, rate %.1e, %.2f steps/s, %.0f s of speech a second, %d:%02d:%02d left",
                trainer.step, sum(losses) / len(losses), trainer.optimizer.param_groups[0]["lr"],
                (trainer.step - told_step) / (now - told), heard_s / (now - told),
                left // 3600, left // 60 % 60, left % 60,
            )  # fmt: skip
            trainer.curve.append({"step": trainer.step, "seconds": trainer.spent_s, "loss": sum(losses) / len(losses)})
            told, told_step, heard_s, losses = now, trainer.step, 0.0, []
        if now - saved >= CHECKPOINT_S:
            trainer.save(work / "checkpoint.pt")
            saved = now
        if now - measured >= options.measure_s:
            measure(trainer, sets)
            export(trainer, work / "tokenizer", work / "latest.nemo")
            write_curve(trainer, work)
            measured = time.monotonic()
    if distributed.is_initialized():
        distributed.destroy_process_group()  # what measures would wait for workers that are gone
    if not options.rank:
        trainer.save(work / "checkpoint.pt")
        measure(trainer, sets)
        write_curve(trainer, work)


def measure(trainer: Trainer, sets: dict[str, Utterances]) -> None:
    row = {name: trainer.word_error_rate(data, MEASURED.get(name)) for name, data in sets.items()}
    log.info("step %d, word errors: %s", trainer.step, ", ".join(f"{name} {rate:.1%}" for name, rate in row.items()))
    trainer.curve.append({"step": trainer.step, "seconds": trainer.spent_s, **row})


def write_curve(trainer: Trainer, work: Path) -> None:
    """`curve.csv`, and `curve.png` where matplotlib is installed."""
    names = list(dict.fromkeys(name for row in trainer.curve for name in row))
    with (work / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(trainer.curve)
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for name in names[2:]:
        rows = [row for row in trainer.curve if name in row]
        axes.semilogy([row["seconds"] / 60 for row in rows], [row[name] for row in rows], label=name)
    axes.set_xlabel("minutes")
    axes.legend()
    figure.savefig(str(work / "curve.png"))


def make_data(work: Path, options: argparse.Namespace) -> tuple[Utterances, dict[str, Utterances]]:
    """Sounds to train on, and to measure with."""
    preprocessor = config("ctc", work, Shape())["preprocessor"]
    wanted = {"train": utterances.tasks(options.utterances, options.copies, None, 1_000)}
    for index, (name, voice) in enumerate(SETS.items(), 1):
        wanted[name] = utterances.tasks(100, 1, voice, 10_000_000 * index)
    for name, tasks in wanted.items():
        told = time.monotonic()
        for count in utterances.make(work / name, tasks, preprocessor, options.processes):
            if time.monotonic() - told >= LINE_S:
                told = time.monotonic()
                log.info("%s: %d utterances of %d", name, count, sum(task.count * task.copies for task in tasks))
    data = Utterances(work / "train")
    log.info("%d utterances, %.1f hours", len(data.items), data.hours())
    return data, {name: Utterances(work / name) for name in SETS}


def join(work: Path, options: argparse.Namespace) -> list[subprocess.Popen[bytes]]:
    """Starts the other workers, which find the data made, and meets them."""
    meeting = work / "workers"
    others = []
    if options.rank == 0:
        meeting.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sidecars.parakeet.train_tiny", *sys.argv[1:]]
        others = [subprocess.Popen([*command, "--rank", str(rank)]) for rank in range(1, options.workers)]
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting.resolve()}", rank=options.rank, world_size=options.workers
    )
    return others


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="train_tiny", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT.nemo")
    parser.add_argument("--minutes", type=float, default=120, help="of training, the sounds not counted (default: 120)")
    parser.add_argument(
        "--work", type=Path, default=Path("var/train_tiny"), help="sounds and checkpoints (%(default)s)"
    )
    parser.add_argument("--utterances", type=int, default=60_000, help="different ones (default: 60,000, 39 hours)")
    parser.add_argument("--copies", type=int, default=2, help="telephone lines for each (default: 2)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--bf16", action="store_true", help="half precision, for processors that have it")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="default: all cores")
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at its highest (default: %(default)s)")
    parser.add_argument("--batch-s", type=float, default=48.0, help="of speech a step (default: 48)")
    parser.add_argument("--workers", type=int, default=1, help="processes that share each step (default: 1)")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=2, help="that make sounds (default: 2)")
    parser.add_argument(
        "--measure-s", type=float, default=MEASURE_S, help="between measurements (default: %(default)s)"
    )
    parser.add_argument("--short", action="store_true", help="a few utterances: do not begin with the shorter ones")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    if any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):  # it is read when a process starts
        command = [sys.executable, "-m", "sidecars.parakeet.train_tiny", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **ALLOCATOR})
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    logging.getLogger("nemo_logger").setLevel(logging.ERROR)
    if programs := voices.missing():
        log.error("train_tiny: %s not found; apt-get install %s", " and ".join(programs), " ".join(programs))
        return 2
    if options.device == "cuda" and not torch.cuda.is_available():
        log.error("train_tiny: --device cuda: this torch sees no GPU; leave it out")
        return 2
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tokenizer" / "tokenizer.model").exists():
        make_tokenizer(work / "tokenizer", islice(Corpus(1), 20_000), TOKENS)
    data, sets = make_data(work, options)
    trainer = Trainer(
        build("ctc", work / "tokenizer", Shape(), options.seed), options.device, options.bf16, options.rate
    )
    if (work / "checkpoint.pt").exists():
        trainer.load(work / "checkpoint.pt")
        log.info("going on from step %d, %.0f minutes", trainer.step, trainer.spent_s / 60)
    others = join(work, options) if options.workers > 1 else []
    run(trainer, data, sets, work, options)
    if options.rank:
        return 0
    for other in others:
        other.wait()
    export(trainer, work / "tokenizer", options.out)
    log.info("%s written", options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
