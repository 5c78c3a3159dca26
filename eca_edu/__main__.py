"""The command line: python -m eca_edu doctor | data | train."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from eca_edu._files import data_folder

if TYPE_CHECKING:
    import torch

    from eca_edu.datasets import ImageData
    from eca_edu.models import ModelConfig

__all__ = ["main"]


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
        print(f"eca_edu {options.command}: {error}", file=sys.stderr)
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

    train = commands.add_parser(
        "train",
        help="train a network; checkpoint and curve are written after each epoch, and the same command goes on after a stop",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.add_argument(
        "--data", default="cifar10", help="cifar10, cue-switch, or a folder with train/<class>/ and test/<class>/"
    )
    train.add_argument("--backbone", default="eca-cnn-fast", help="eca-cnn-fast or eca-cnn")
    train.add_argument("--attention", default="eca", help="none, se, eca or eca-circular")
    train.add_argument("--gamma", type=float, default=2, help="gamma of the kernel size formula")
    train.add_argument("--b", type=float, default=1, help="b of the kernel size formula")
    train.add_argument("--width", type=int, default=24, help="channels of the stem")
    train.add_argument("--epochs", type=int, default=10)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--device", help="cpu, cuda or mps (default: the fastest there is)")
    train.add_argument(
        "--out", type=Path, help="checkpoint, ends in .safetensors (default: a name from the options, in data/runs/)"
    )
    train.set_defaults(run=_train)
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from eca_edu.doctor import diagnose

    failures = 0
    for check in diagnose():
        print(check, flush=True)
        failures += check.status == "FAIL"
    print(f"{failures} of the checks failed." if failures else "All is ready: `make lab` opens the course.")
    return int(failures > 0)


def _data(options: argparse.Namespace) -> int:
    from eca_edu.datasets import load_cifar10

    train, test = load_cifar10(options.root)
    print(f"CIFAR-10 is ready: {len(train)} training and {len(test)} test images ({train.source}).")
    return 0


def _train(options: argparse.Namespace) -> int:
    from eca_edu._checks import positive_integer
    from eca_edu.distributed import process_group
    from eca_edu.models import ModelConfig

    # What can be refused is refused before the images are read.
    if options.out and options.out.suffix != ".safetensors":
        raise ValueError(f"out must end in .safetensors; got {str(options.out)!r}")
    positive_integer("epochs", options.epochs)
    config = ModelConfig(options.backbone, options.attention, options.gamma, options.b, options.width)
    with process_group():
        return _train_network(options, config)


def _train_network(options: argparse.Namespace, config: "ModelConfig") -> int:
    from dataclasses import replace

    import pandas as pd
    import torch
    from tqdm.auto import tqdm

    from eca_edu._files import written_whole
    from eca_edu._run_state import kept_epochs
    from eca_edu.checkpoints import save_checkpoint
    from eca_edu.distributed import rank_and_size
    from eca_edu.models import build_model
    from eca_edu.training import fit

    rank, processes = rank_and_size()
    device = _device(options.device)
    train, test = _images(options.data)
    config = replace(config, num_classes=len(train.class_names))
    torch.manual_seed(options.seed)
    model = build_model(config).to(device)
    formula = "" if (config.gamma, config.b) == (2, 1) else f"-gamma{config.gamma:g}-b{config.b:g}"
    name = f"{train.name}-{config.backbone}{config.width}-{config.attention}{formula}-seed{options.seed}"
    out = options.out or data_folder() / "runs" / f"{name}.safetensors"
    state = out.with_suffix(".state")
    card = {
        "data": train.name,
        "source": train.source,
        "train_images": len(train),
        "test_images": len(test),
        "epochs": options.epochs,
        "seed": options.seed,
        "device": device.type,
        "processes": processes,
        "torch": torch.__version__,
        "command": options.line,
    }
    records: list[dict] = []
    done = kept_epochs(state)
    title = f"{train.name}, attention {options.attention}, {device.type}"
    bar = tqdm(total=options.epochs, unit="epoch", desc=title, disable=rank > 0)
    try:
        for epoch in fit(model, train, test, epochs=options.epochs, seed=options.seed, state=state):
            if rank > 0:  # all have the same network; the first process tells of it
                continue
            if epoch.epoch == done:
                bar.write(f"Going on after epoch {done} of {options.epochs}, which {state} has kept.")
            if epoch.epoch >= done:  # for an earlier epoch the network is already further
                reached = {"epoch": epoch.epoch, "test_accuracy": epoch.test_accuracy, "test_loss": epoch.test_loss}
                seconds = round(sum(record["seconds"] for record in [*records, vars(epoch)]), 1)
                save_checkpoint(out, model, config, {**card, **reached, "training_seconds": seconds})
            records.append(vars(epoch))
            with written_whole(out.with_suffix(".csv")) as temporary:
                pd.DataFrame(records).to_csv(temporary, index=False)
            bar.set_postfix(loss=f"{epoch.train_loss:.3f}", test_accuracy=f"{epoch.test_accuracy:.2%}")
            bar.update()
    finally:
        bar.close()
        if records:
            print(pd.DataFrame(records).to_string(index=False, float_format="{:.4f}".format))
            print(
                f"Epoch {records[-1]['epoch']} of {options.epochs} is in {out}, its curve in {out.with_suffix('.csv')}."
            )
            if records[-1]["epoch"] < options.epochs:
                print("The same command goes on from there.")
    if rank == 0:
        state.unlink()
    return 0


def _device(name: str | None) -> "torch.device":
    import torch

    from eca_edu.training import best_device

    try:
        return torch.empty(0, device=name or best_device()).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be one that this machine has, such as {best_device()}; got {name!r}") from error


def _images(name: str) -> tuple["ImageData", "ImageData"]:
    from eca_edu.datasets import load_cifar10, load_cue_switch, load_image_folder

    if name == "cifar10":
        return load_cifar10()
    if Path(name).is_dir():
        return load_image_folder(name)
    if name == "cue-switch":
        return load_cue_switch()
    raise ValueError(f"data must be 'cifar10', 'cue-switch' or a folder that exists; got {name!r}")


if __name__ == "__main__":
    sys.exit(main())
