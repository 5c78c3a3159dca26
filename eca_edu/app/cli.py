"""The command line: python -m eca_edu doctor | data | train | compare | results | page | examine | solutions | progress."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from eca_edu._files import data_folder, printable


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
        return options.run(options) or 0
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
    images = "cifar10, cue-switch, or a folder with train/<class>/ and test/<class>/"
    both.add_argument("--data", default="cifar10", help=images)
    both.add_argument("--backbone", default="eca-resnet8", help="eca-resnet8, eca-cnn-fast or eca-cnn")
    both.add_argument("--width", type=int, default=32, help="channels of the stem")
    both.add_argument("--epochs", type=int, default=9, help="how often each training image is seen")
    mirrored = "never mirror training images left to right: for digits, letters, left and right (default: at random)"
    both.add_argument("--no-flip", dest="flip", action="store_false", help=mirrored)
    precision = "bfloat16, float32, or auto: what a short trial finds faster; a run that was stopped keeps its own"
    both.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help=precision)
    steps = "muon for the kernels of convolutions, or sgd for all weights"
    both.add_argument("--optimizer", choices=["muon", "sgd"], default="muon", help=steps)
    both.add_argument("--device", help="cpu, cuda or mps (default: the fastest there is)")

    goes_on = "the same command goes on after a stop"
    shared: dict[str, Any] = {"parents": [both], "formatter_class": _HelpFormatter}
    train = commands.add_parser("train", help=f"train a network; {goes_on}", **shared)
    relatives = "none, se, eca, eca-circular or another relative of chapter 01"
    train.add_argument("--attention", default="eca", help=relatives)
    train.add_argument("--gamma", type=float, default=2, help="gamma of the kernel size formula")
    train.add_argument("--b", type=float, default=1, help="b of the kernel size formula")
    train.add_argument("--kernel-size", type=int, help="a fixed odd k in place of the formula, for eca")
    drawn = "number from which initial weights, order and crops of the images are drawn; compare uses 0, 1, 2 … in the same way"
    train.add_argument("--seed", type=int, default=0, help=drawn)
    checkpoint = "checkpoint, ends in .safetensors (default: a name from the options, in data/runs/)"
    train.add_argument("--out", type=Path, help=checkpoint)
    anew = "start anew and replace the files of another run, epoch by epoch; a file that train did not write is never replaced"
    train.add_argument("--overwrite", action="store_true", help=anew)
    train.set_defaults(run=_train_or_compare)

    several = "train several configurations with the same seeds and compare them"
    compare = commands.add_parser("compare", help=f"{several}; {goes_on}", **shared)
    compare.add_argument("--attention", nargs="+", default=["none", "se", "eca"], help=f"one or more: {relatives}")
    compare.add_argument("--kernel-sizes", nargs="+", type=int, default=[], help="also eca with each of these fixed k")
    compare.add_argument("--seeds", type=int, default=5, help="how many: 0, 1, 2 …")
    table = "table of the results, ends in .csv (default: a name from data and network, in data/runs/)"
    compare.add_argument("--out", type=Path, help=table)
    compare.set_defaults(run=_train_or_compare)

    results = commands.add_parser("results", help="print the tables of recorded results")
    results.add_argument("files", nargs="*", type=Path, help="CSVs made by compare (default: all in data/results/)")
    results.set_defaults(run=_results)

    page = commands.add_parser("page", help="write a page in which a trained network can be touched, offline")
    page.add_argument("checkpoint", type=Path, help="of a network that train made, ends in .safetensors")
    page.add_argument(
        "--data", help=f"images to show it: {images} (default: those it was trained on, if it is not a folder)"
    )
    page.add_argument("--out", "--output", type=Path, help="ends in .html (default: beside the checkpoint)")
    page.add_argument("--overwrite", action="store_true", help="replace another file that is there")
    page.set_defaults(run=_page)

    examine = commands.add_parser("examine", help="look for what keeps the gates of a trained network from helping")
    examine.add_argument("checkpoint", type=Path, help="of a network that train made, ends in .safetensors")
    examine.add_argument("--data", help=f"images to show it: {images} (default: as for page)")
    examine.set_defaults(run=_examine)

    solutions = commands.add_parser("solutions", help="copy the notebooks with their exercises solved, for teachers")
    solutions.add_argument("folder", nargs="?", type=Path, help="a new folder beside notebooks/ (default: solutions/)")
    solutions.set_defaults(run=_solutions)

    progress = commands.add_parser("progress", help="say what is solved in saved notebooks, and add up answers")
    progress.add_argument("folder", nargs="?", type=Path, default=Path(), help="looked through with all folders in it")
    progress.add_argument("--forget", action="store_true", help="delete your own answers, in notebooks/progress.json")
    progress.set_defaults(run=_progress)
    for command in commands.choices.values():
        command.allow_abbrev = False  # `compare --seed 3` is not --seeds 3
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from eca_edu.app.doctor import diagnose

    failures = 0
    for check in diagnose():
        print(check, flush=True)
        failures += check.status == "FAIL"
    start = data_folder().parent / "notebooks" / "00_start_here.ipynb"
    ready = f"All checks passed, but {start} is missing: the notebooks come with a clone of the repository."
    if start.is_file():
        ready = f"All is ready for the course: {start}."
    print(f"{failures} of the checks failed." if failures else ready)
    return int(failures > 0)


def _data(options: argparse.Namespace) -> None:
    from eca_edu.datasets import load_cifar10

    train, test = load_cifar10(options.root)
    print(f"CIFAR-10 is ready: {len(train)} training and {len(test)} test images ({train.source}).")


def _train_or_compare(options: argparse.Namespace) -> None:
    from eca_edu.app import commands  # slow to import

    try:
        options.line.encode()
    except UnicodeEncodeError as error:  # the checkpoint and the results, which hold it, could not be written
        raise ValueError(f"the command line must be UTF-8, since it is stored; got {options.line}") from error
    getattr(commands, options.command)(options)


def _results(options: argparse.Namespace) -> None:
    from eca_edu.studies.results import read_results
    from eca_edu.studies.runs import describe

    folder = data_folder()
    recorded = [path for path in sorted((folder / "results").glob("*.csv")) if path.name != "paper_table_3.csv"]
    if not (options.files or recorded):
        raise FileNotFoundError(f"there are no results in {folder / 'results'}; `python -m eca_edu compare` makes some")
    for path in options.files or recorded:
        print(describe(read_results(path)) or f"There are no runs in {path}.")


def _page(options: argparse.Namespace) -> None:
    from eca_edu.datasets.cue_switch import TEST_SEED, make_cue_switch
    from eca_edu.explorers.live_network import write_page

    model, test = _network_and_images(options)
    turned = None if test.context is None else make_cue_switch(len(test), TEST_SEED, turned=True)
    out = options.out or options.checkpoint.with_suffix(".html")
    title = f"{options.checkpoint.stem} on {test.name}"
    page = write_page(out, model, test, title=title, turned=turned, overwrite=options.overwrite)
    print(f"Open {page} in any browser.")


def _examine(options: argparse.Namespace) -> None:
    from eca_edu.clinic import examine

    model, test = _network_and_images(options)
    findings = examine(model, test)
    for finding in findings:
        print(finding)
    if not findings:
        print("No finding: nothing of what the clinic looks for is there.")


def _network_and_images(options: argparse.Namespace):
    from eca_edu.datasets import load_images
    from eca_edu.training.checkpoints import load_checkpoint

    model, card = load_checkpoint(options.checkpoint)
    data = options.data or card.get("data", "")
    if options.data is None and data not in ("cifar10", "cue-switch"):
        on = f"was trained on {data!r}" if data else "does not say on what images it was trained"
        raise ValueError(f"--data must be cifar10, cue-switch or a folder of images; {options.checkpoint} {on}")
    return model, load_images(data, fallback=False)[1]


def _solutions(options: argparse.Namespace) -> None:
    from eca_edu.practice.solutions import write_solutions

    files = write_solutions(options.folder)
    print(f"{len(files)} notebooks with solved exercises are in {files[0].parent}.")


def _progress(options: argparse.Namespace) -> None:
    from eca_edu.practice.answers import FILE, load_answers
    from eca_edu.practice.progress import answers_below, class_summary, notebooks_below, progress

    if options.forget:
        deleted = []
        for path in filter(Path.exists, [options.folder / FILE, options.folder / "notebooks" / FILE]):
            try:
                load_answers(path)
            except ValueError as error:  # the file of another program
                print(printable(error))
            else:
                path.unlink()
                deleted.append(str(path))
        print(printable(f"Deleted: {', '.join(deleted) or 'nothing, no answers are kept here'}."))
        return
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
    readers = []
    for path in answers_below(options.folder):
        try:
            readers.append(load_answers(path))
        except (OSError, ValueError) as error:
            print(printable(str(error)))
    for line in class_summary(readers) if readers else ():
        print(printable(line))


if __name__ == "__main__":
    sys.exit(main())
