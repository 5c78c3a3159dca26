"""The commands that train and compare: what they write is whole at any time, and the same command goes on after a stop."""

import argparse
import json
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm.auto import tqdm

from eca_edu._arguments import positive_integer
from eca_edu._files import atomic_write, data_folder, exclusive_lock, file_name, read_file, refuse_to_replace
from eca_edu.datasets import ImageData, load_images
from eca_edu.models import ModelConfig, build_model
from eca_edu.studies.results import read_results
from eca_edu.training.checkpoints import load_checkpoint, save_checkpoint
from eca_edu.training.distributed import from_first_process, process_group, rank_and_size
from eca_edu.training.loop import Epoch, best_device, check_seed, fit
from eca_edu.training.precision import trial_times
from eca_edu.training.resume import kept_epochs, kept_precision


def train(options: argparse.Namespace) -> None:
    """Train one network, alone or with the other processes that torchrun started."""
    # What can be refused is refused before the images are read.
    if options.out and options.out.suffix != ".safetensors":
        raise ValueError(f"out must end in .safetensors; got {str(options.out)!r}")
    positive_integer("epochs", options.epochs)
    check_seed(options.seed)
    names = ("backbone", "attention", "gamma", "b", "width", "kernel_size")
    config = ModelConfig(**{name: getattr(options, name) for name in names})
    with process_group():
        _train_network(options, config)


def _train_network(options: argparse.Namespace, config: ModelConfig) -> None:
    rank, processes = rank_and_size()
    device = _device(options.device)
    train, test = load_images(options.data, fallback=False)
    config = replace(config, num_classes=len(train.class_names))
    network = f"{config.backbone}{config.width}-{config.name.replace('γ', 'gamma')}"
    network += "-sgd" * (options.optimizer == "sgd") + "-no-flip" * (not options.flip)
    name = file_name(f"{train.name}-{network}-epochs{options.epochs}-seed{options.seed}")
    out = options.out or data_folder() / "runs" / f"{name}.safetensors"
    run = {
        "config": asdict(config),
        "data": train.name,
        "source": train.source,
        "checksum": f"{train.checksum}-{test.checksum}",
        "train_images": len(train),
        "test_images": len(test),
        "epochs": options.epochs,
        "seed": options.seed,
        "flip": options.flip,
        "optimizer": options.optimizer,
        "device": device.type,
        "processes": processes,
    }
    if options.precision != "auto":
        run["precision"] = options.precision
    with exclusive_lock(out) if rank == 0 else nullcontext():
        finished = from_first_process(_finished(out, run, options.overwrite) if rank == 0 else None)
        if not finished:
            _train_into(out, run, train, test, device, options)
        elif rank == 0:
            accuracy = f"{finished['test_accuracy']:.2%} of the test images right"
            print(f"This run is finished: {accuracy} after epoch {finished['epoch']}, in {out}.")


def _train_into(
    out: Path, run: dict, train: ImageData, test: ImageData, device: torch.device, options: argparse.Namespace
) -> None:
    """Train, and write checkpoint and curve after each epoch, from where an earlier process left off."""
    first, epochs, config = rank_and_size()[0] == 0, run["epochs"], ModelConfig(**run["config"])
    model = build_model(config, run["seed"]).to(device)
    state, curve = out.with_suffix(".state"), out.with_suffix(".csv")
    records: list[dict] = []
    goes_on = first and state.exists() and not options.overwrite
    done = kept_epochs(state) if goes_on else 0
    if "precision" not in run:
        precision = kept_precision(state) if goes_on else _faster_precision(model, train) if first else None
        run["precision"] = from_first_process(precision)
    if first and not goes_on:  # `fit` writes the state of the new run; its first epoch replaces the other files
        state.unlink(missing_ok=True)
    settings = {name: run[name] for name in ("epochs", "seed", "flip", "optimizer", "precision")}
    title = f"{train.name}, attention {config.attention}, {device.type}"
    bar = tqdm(total=epochs, unit="epoch", desc=title, disable=not first)
    try:
        for epoch in fit(model, train, test, **settings, state=state):
            if not first:  # all have the same network; the first process tells of it
                continue
            if epoch.epoch == done:
                bar.write(f"Going on after epoch {done} of {epochs}, which {state} has kept.")
            if epoch.epoch >= done:  # for an earlier epoch the network is already further
                reached = {"epoch": epoch.epoch, "test_accuracy": epoch.test_accuracy, "test_loss": epoch.test_loss}
                seconds = round(sum(record["seconds"] for record in [*records, vars(epoch)]), 1)
                made = {"training_seconds": seconds, "torch": torch.__version__, "command": options.line}
                made["note"] = "Trained on one machine; another processor gives a different network of the same kind."
                save_checkpoint(out, model, config, {**run, **reached, **made}, overwrite=True)
            records.append(vars(epoch))
            with atomic_write(curve, overwrite=True) as temporary:
                pd.DataFrame(records).to_csv(temporary, index=False)
            bar.set_postfix(loss=f"{epoch.train_loss:.3f}", test_accuracy=f"{epoch.test_accuracy:.2%}")
            bar.update()
    finally:
        bar.close()
        if records:
            print(pd.DataFrame(records).to_string(index=False, float_format="{:.4f}".format))
            print(f"Epoch {records[-1]['epoch']} of {epochs} is in {out}, its curve in {curve}.")
            if records[-1]["epoch"] < epochs:
                print(f"The same command{' without --overwrite' * options.overwrite} goes on from there.")
    if first:
        state.unlink()


def _finished(out: Path, run: dict, overwrite: bool) -> dict | None:
    """Return the card of the checkpoint if this very run is finished, or None if it may begin or go on.

    Raises FileExistsError for files that are not those of a training run, and without `overwrite` for those of another run.
    """
    curve, state = out.with_suffix(".csv"), out.with_suffix(".state")
    there = [path for path in (out, out.with_suffix(".json"), curve, state) if path.exists()]
    for path in there:
        _check_own(path)
    if overwrite or state in there or not there:
        return None
    if out not in there:
        raise refuse_to_replace(there[0], "there is no checkpoint beside it")
    card = load_checkpoint(out)[1]
    for name, value in run.items():
        if card.get(name) != value:
            difference = f"its {name} is {card.get(name)!r}, not {value!r} as in this run"
            raise refuse_to_replace(out, f"{difference}; --overwrite starts anew in its place")
    if card["epoch"] == run["epochs"]:
        return card
    raise refuse_to_replace(out, "the state from which it could go on is gone; --overwrite starts anew")


def _check_own(path: Path) -> None:
    """Raise FileExistsError for a file that no training run wrote, by its content."""
    try:
        if path.suffix == ".safetensors":
            load_checkpoint(path)
        elif path.suffix == ".state":
            kept_epochs(path)
        elif path.suffix == ".json":
            ModelConfig(**json.loads(read_file(path))["config"])
        elif not read_file(path).startswith(b"epoch,train_loss,"):
            raise ValueError("other columns")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refuse_to_replace(path, "it was not written by a training run") from error


def compare(options: argparse.Namespace) -> None:
    """Train what a study lacks, and print what it shows."""
    from eca_edu.studies.runs import (  # slow to import, and needed only here
        Study,
        describe,
        pending_runs,
        precision_begun_with,
        run_study,
    )

    # What can be refused is refused before the images are read.
    network = {"backbone": options.backbone, "width": options.width}
    configs = [ModelConfig(attention=attention, **network) for attention in options.attention]
    configs += [ModelConfig(attention="eca", kernel_size=k, **network) for k in options.kernel_sizes]
    if options.out and options.out.suffix != ".csv":
        raise ValueError(f"out must end in .csv; got {str(options.out)!r}")
    device = _device(options.device)
    study = Study("", configs, options.seeds, options.epochs, options.optimizer)
    train, test = load_images(options.data, fallback=False)
    out = options.out or data_folder() / "runs" / f"compare-{train.name}-{options.backbone}{options.width}.csv"
    configs = [replace(config, num_classes=len(train.class_names)) for config in configs]
    precision = options.precision
    if precision == "auto":
        precision = precision_begun_with(out) or _faster_precision(build_model(configs[0]).to(device), train)
    study = replace(study, name=out.stem, configs=configs, precision=precision)

    left = len(pending_runs(out, study, train, test, flip=options.flip))
    runs = options.seeds * len(set(configs))
    to_do = f"{left} of {runs} runs are to be done; finished runs go to {out}."
    print(to_do if left else f"All {runs} runs are finished, in {out}.", flush=True)
    with tqdm(total=left * options.epochs, unit="epoch", desc=f"{train.name}, {device.type}") as bar:

        def show(config: ModelConfig, seed: int, epoch: Epoch) -> None:
            bar.set_postfix(run=f"{config.name}, seed {seed}", test_accuracy=f"{epoch.test_accuracy:.2%}")
            bar.update()

        try:
            run_study(out, study, train, test, flip=options.flip, device=device, command=options.line, on_epoch=show)
        except KeyboardInterrupt:
            bar.write("The same command goes on from here.")
            raise
    print(describe(read_results(out)))


def _faster_precision(model: nn.Module, train: ImageData) -> str:
    times = trial_times(model, train)
    fastest = min(times, key=times.__getitem__)
    ms = {precision: f"{1000 * seconds:.0f} ms" for precision, seconds in times.items()}
    others = "; ".join(f"{other} takes {ms[other]}" for other in times if other != fastest)
    print(f"Using {fastest} ({ms[fastest]} per step; {others}).", flush=True)
    return fastest


def _device(name: str | None) -> torch.device:
    try:
        device = torch.empty(0, device=name or best_device()).device
        if device.type == "meta":  # it has no numbers
            raise RuntimeError("meta")
        return device
    except (RuntimeError, AssertionError, ImportError) as error:
        raise ValueError(f"device must be one that this machine has, such as {best_device()}; got {name!r}") from error
