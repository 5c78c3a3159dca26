"""The command line: python -m eca_edu doctor | data | train | compare | results | solutions | progress."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from eca_edu.files import data_folder, printable

if TYPE_CHECKING:
    import torch

    from eca_edu.datasets import ImageData
    from eca_edu.models import ModelConfig
    from eca_edu.training import Epoch


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Tell the default of each option, but for those that say it themselves or have none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, [], False) or "(default: " in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 for success, 1 for failure, 2 for misuse, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.line = shlex.join(["python", "-m", "eca_edu", *arguments])
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"eca_edu {options.command}: {printable(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eca_edu", description="The command line of the ECA-Net course.")
    commands = parser.add_subparsers(dest="command", required=True)

    doctor = commands.add_parser("doctor", help="check this machine, one line for each thing that the course needs")
    doctor.set_defaults(run=_doctor)

    data = commands.add_parser("data", help="download a data set")
    data.add_argument("name", choices=["cifar10"])
    data.add_argument("--root", type=Path, help="where to put it (default: ECA_EDU_DATA, else data/)")
    data.set_defaults(run=_data)

    both = argparse.ArgumentParser(add_help=False)
    both.add_argument(
        "--data", default="cifar10", help="cifar10, cue-switch, or a folder with train/<class>/ and test/<class>/"
    )
    both.add_argument("--backbone", default="eca-cnn-fast", help="eca-cnn-fast or eca-cnn")
    both.add_argument("--width", type=int, default=24, help="channels of the stem")
    both.add_argument("--epochs", type=int, default=10, help="how often each training image is seen")
    mirrored = "never mirror training images left to right: for digits, letters, left and right (default: at random)"
    both.add_argument("--no-flip", dest="flip", action="store_false", help=mirrored)
    both.add_argument("--device", help="cpu, cuda or mps (default: the fastest there is)")

    goes_on = "the same command goes on after a stop"
    train = commands.add_parser(
        "train", help=f"train a network; {goes_on}", parents=[both], formatter_class=_HelpFormatter
    )
    relatives = "none, se, eca, eca-circular or another relative of chapter 01"
    train.add_argument("--attention", default="eca", help=relatives)
    train.add_argument("--gamma", type=float, default=2, help="gamma of the kernel size formula")
    train.add_argument("--b", type=float, default=1, help="b of the kernel size formula")
    train.add_argument("--kernel-size", type=int, help="a fixed odd k in place of the formula, for eca")
    train.add_argument("--seed", type=int, default=0, help="where the random numbers begin")
    train.add_argument(
        "--out", type=Path, help="checkpoint, ends in .safetensors (default: a name from the options, in data/runs/)"
    )
    train.add_argument("--overwrite", action="store_true", help="begin anew in the place of another run's files")
    train.set_defaults(run=_train)

    compare = commands.add_parser(
        "compare",
        help=f"train several configurations with the same seeds and compare them; {goes_on}",
        parents=[both],
        formatter_class=_HelpFormatter,
    )
    compare.add_argument("--attention", nargs="+", default=["none", "se", "eca"], help=f"one or more: {relatives}")
    compare.add_argument("--kernel-sizes", nargs="+", type=int, default=[], help="also eca with each of these fixed k")
    compare.add_argument("--seeds", type=int, default=5, help="how many: 0, 1, 2 …")
    compare.add_argument(
        "--out", type=Path, help="CSV of the results (default: a name from data and network, in data/runs/)"
    )
    compare.set_defaults(run=_compare)

    results = commands.add_parser("results", help="print the tables of recorded results and draw their figures")
    results.add_argument(
        "files", nargs="*", type=Path, help="CSV files made by compare (default: all in data/results/)"
    )
    results.add_argument("--figures", type=Path, help="folder for the figures (default: data/runs/figures/)")
    results.add_argument("--overwrite", action="store_true", help="replace figures that show something else")
    results.set_defaults(run=_results)

    solutions = commands.add_parser(
        "solutions", help="write a copy of the notebooks with the exercises solved, for teachers"
    )
    solutions.add_argument("folder", nargs="?", type=Path, help="a new folder beside notebooks/ (default: solutions/)")
    solutions.set_defaults(run=_solutions)

    progress = commands.add_parser("progress", help="say which exercises are solved in saved notebooks, for teachers")
    progress.add_argument("folder", type=Path, help="looked through with all folders in it")
    progress.set_defaults(run=_progress)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from eca_edu.doctor import diagnose

    failures = 0
    for check in diagnose():
        print(check, flush=True)
        failures += check.status == "FAIL"
    print(
        f"{failures} of the checks failed."
        if failures
        else "All is ready for the course: notebooks/00_start_here.ipynb."
    )
    return int(failures > 0)


def _data(options: argparse.Namespace) -> int:
    from eca_edu.datasets import load_cifar10

    train, test = load_cifar10(options.root)
    print(f"CIFAR-10 is ready: {len(train)} training and {len(test)} test images ({train.source}).")
    return 0


def _train(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from eca_edu._arguments import positive_integer
    from eca_edu.distributed import process_group
    from eca_edu.models import ModelConfig

    # What can be refused is refused before the images are read.
    if options.out and options.out.suffix != ".safetensors":
        raise ValueError(f"out must end in .safetensors; got {str(options.out)!r}")
    positive_integer("epochs", options.epochs)
    config = ModelConfig(options.backbone, options.attention, options.gamma, options.b, options.width)
    config = replace(config, kernel_size=options.kernel_size)
    with process_group():
        return _train_network(options, config)


def _train_network(options: argparse.Namespace, config: "ModelConfig") -> int:
    from contextlib import nullcontext
    from dataclasses import asdict, replace

    from eca_edu.datasets import load_images
    from eca_edu.distributed import from_first_process, rank_and_size
    from eca_edu.files import alone, file_name

    rank, processes = rank_and_size()
    device = _device(options.device)
    train, test = load_images(options.data, fallback=False)
    config = replace(config, num_classes=len(train.class_names))
    network = f"{config.backbone}{config.width}-{config.name.replace('γ', 'gamma')}" + "-no-flip" * (not options.flip)
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
        "device": device.type,
        "processes": processes,
    }
    with alone(out) if rank == 0 else nullcontext():
        finished = from_first_process(_finished(out, run, options.overwrite) if rank == 0 else None)
        if not finished:
            _train_into(out, run, config, train, test, device, options.line)
        elif rank == 0:
            accuracy = f"{finished['test_accuracy']:.2%} of the test images right"
            print(f"This run is finished: {accuracy} after epoch {finished['epoch']}, in {out}.")
    return 0


def _train_into(
    out: Path,
    run: dict,
    config: "ModelConfig",
    train: "ImageData",
    test: "ImageData",
    device: "torch.device",
    line: str,
) -> None:
    """Train, and write checkpoint and curve after each epoch, from where an earlier process left off."""
    import pandas as pd
    import torch
    from tqdm.auto import tqdm

    from eca_edu.checkpoints import save_checkpoint
    from eca_edu.distributed import rank_and_size
    from eca_edu.files import written_whole
    from eca_edu.models import build_model
    from eca_edu.resume import kept_epochs
    from eca_edu.training import fit

    first, epochs = rank_and_size()[0] == 0, run["epochs"]
    torch.manual_seed(run["seed"])
    model = build_model(config).to(device)
    state, curve = out.with_suffix(".state"), out.with_suffix(".csv")
    records: list[dict] = []
    done = kept_epochs(state)
    title = f"{train.name}, attention {config.attention}, {device.type}"
    bar = tqdm(total=epochs, unit="epoch", desc=title, disable=not first)
    try:
        for epoch in fit(model, train, test, epochs=epochs, seed=run["seed"], flip=run["flip"], state=state):
            if not first:  # all have the same network; the first process tells of it
                continue
            if epoch.epoch == done:
                bar.write(f"Going on after epoch {done} of {epochs}, which {state} has kept.")
            if epoch.epoch >= done:  # for an earlier epoch the network is already further
                reached = {"epoch": epoch.epoch, "test_accuracy": epoch.test_accuracy, "test_loss": epoch.test_loss}
                seconds = round(sum(record["seconds"] for record in [*records, vars(epoch)]), 1)
                made = {"training_seconds": seconds, "torch": torch.__version__, "command": line}
                save_checkpoint(out, model, config, {**run, **reached, **made}, overwrite=True)
            records.append(vars(epoch))
            with written_whole(curve, overwrite=True) as temporary:
                pd.DataFrame(records).to_csv(temporary, index=False)
            bar.set_postfix(loss=f"{epoch.train_loss:.3f}", test_accuracy=f"{epoch.test_accuracy:.2%}")
            bar.update()
    finally:
        bar.close()
        if records:
            print(pd.DataFrame(records).to_string(index=False, float_format="{:.4f}".format))
            print(f"Epoch {records[-1]['epoch']} of {epochs} is in {out}, its curve in {curve}.")
            if records[-1]["epoch"] < epochs:
                print(f"The same command{' without --overwrite' * ('--overwrite' in line)} goes on from there.")
    if first:
        state.unlink()


def _finished(out: Path, run: dict, overwrite: bool) -> dict | None:
    """Return the card of the checkpoint if this very run is finished, or None if it may begin or go on.

    Raises FileExistsError for files that it did not write, unless `overwrite` allows to delete those of another run.
    """
    from eca_edu.checkpoints import load_checkpoint
    from eca_edu.files import exists_already, read_whole

    curve, state = out.with_suffix(".csv"), out.with_suffix(".state")
    there = [path for path in (out, out.with_suffix(".json"), curve) if path.exists()]
    if curve in there and not read_whole(curve).startswith(b"epoch,train_loss,"):
        raise exists_already(curve, "it is no curve of a training run")
    if overwrite:
        for path in [*there, state]:
            path.unlink(missing_ok=True)
    elif there and not state.exists():
        if out not in there:
            raise exists_already(there[0], "there is no checkpoint beside it")
        card = load_checkpoint(out)[1]
        for name, value in run.items():
            if card.get(name) != value:
                difference = f"its {name} is {card.get(name)!r}, not {value!r} as in this run"
                raise exists_already(out, f"{difference}; --overwrite begins anew in its place")
        if card["epoch"] == run["epochs"]:
            return card
        raise exists_already(out, "the state from which it could go on is gone; --overwrite begins anew")
    return None


def _compare(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from tqdm.auto import tqdm

    from eca_edu.datasets import load_images
    from eca_edu.experiments import Study, describe, pending_runs, run_study
    from eca_edu.models import ModelConfig
    from eca_edu.results import read_results

    # What can be refused is refused before the images are read.
    network = {"backbone": options.backbone, "width": options.width}
    configs = [ModelConfig(attention=attention, **network) for attention in options.attention]
    configs += [ModelConfig(attention="eca", kernel_size=k, **network) for k in options.kernel_sizes]
    device = _device(options.device)
    study = Study("", configs, options.seeds, options.epochs)
    train, test = load_images(options.data, fallback=False)
    out = options.out or data_folder() / "runs" / f"compare-{train.name}-{options.backbone}{options.width}.csv"
    configs = [replace(config, num_classes=len(train.class_names)) for config in configs]
    study = replace(study, name=out.stem, configs=configs)

    left = len(pending_runs(out, study, train, test, flip=options.flip))
    runs = options.seeds * len(set(configs))
    to_do = f"{left} of {runs} runs are to be done; finished runs go to {out}."
    print(to_do if left else f"All {runs} runs are finished, in {out}.", flush=True)
    with tqdm(total=left * options.epochs, unit="epoch", desc=f"{train.name}, {device.type}") as bar:

        def show(config: ModelConfig, seed: int, epoch: "Epoch") -> None:
            bar.set_postfix(run=f"{config.name}, seed {seed}", test_accuracy=f"{epoch.test_accuracy:.2%}")
            bar.update()

        try:
            run_study(out, study, train, test, flip=options.flip, device=device, command=options.line, on_epoch=show)
        except KeyboardInterrupt:
            bar.write("The same command goes on from here.")
            raise
    print(describe(read_results(out)))
    return 0


def _results(options: argparse.Namespace) -> int:
    from eca_edu.experiments import describe
    from eca_edu.figures.experiments import save_figures
    from eca_edu.results import read_results

    folder = data_folder()
    recorded = [path for path in sorted((folder / "results").glob("*.csv")) if path.name != "paper_table_3.csv"]
    if not (options.files or recorded):
        raise FileNotFoundError(f"there are no results in {folder / 'results'}; `python -m eca_edu compare` makes some")
    for path in options.files or recorded:
        results = read_results(path)
        print(describe(results))
        figures = options.figures or folder / "runs" / "figures"
        for figure in save_figures(results, figures, overwrite=options.overwrite):
            print(f"Drawn: {figure}")
    return 0


def _device(name: str | None) -> "torch.device":
    import torch

    from eca_edu.training import best_device

    try:
        device = torch.empty(0, device=name or best_device()).device
        if device.type == "meta":  # it has no numbers
            raise RuntimeError("meta")
        return device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be one that this machine has, such as {best_device()}; got {name!r}") from error


def _solutions(options: argparse.Namespace) -> int:
    from eca_edu.solutions import write_solutions

    files = write_solutions(options.folder)
    print(f"{len(files)} notebooks with solved exercises are in {files[0].parent}.")
    return 0


def _progress(options: argparse.Namespace) -> int:
    from eca_edu.progress import notebooks_below, progress

    for path in notebooks_below(options.folder):
        name = path.relative_to(options.folder)
        try:
            found = progress(path)
        except (OSError, ValueError) as error:
            print(printable(f"{name}: {error}"))
        else:
            solved = sum(state == "OK" for state in found.values())
            states = ", ".join(f"{exercise} {state}" for exercise, state in found.items())
            print(printable(f"{name}: {solved} of {len(found)}" + f" ({states})" * bool(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
