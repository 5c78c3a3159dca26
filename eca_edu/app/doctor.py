"""Does my machine work? Each check is one line: OK, NOTE or FAIL, and for a failure how to mend it."""

import json
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from eca_edu._files import data_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement


WIDGET_MANAGER_MAJOR = {"8": "5"}  # major version of ipywidgets -> of JupyterLab's widget manager
Found = str | tuple[str, str, str]  # what is well, or status, what is not, and how to mend it
REINSTALL = "run `make lab`, or `python -m pip install -e .` in the environment that runs this command"


@dataclass(frozen=True)
class Check:
    """What one check found; status is "OK", "NOTE" (works, with less) or "FAIL", how_to_fix is empty when all is well."""

    status: str
    name: str
    finding: str
    how_to_fix: str = ""

    def __str__(self) -> str:
        fix = f" -> {self.how_to_fix}" if self.how_to_fix else ""
        return f"[{self.status}] {self.name}: {self.finding}{fix}"


def diagnose() -> Iterator[Check]:
    """Run all checks, one after another."""
    for name, check, how_to_fix in CHECKS:
        try:
            found = check()
            yield Check("OK", name, found) if isinstance(found, str) else Check(found[0], name, *found[1:])
        except Exception as error:  # whatever is broken on this machine is the answer
            yield Check("FAIL", name, f"{type(error).__name__}: {' '.join(str(error).split())}", how_to_fix)


def _python() -> Found:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"


def _packages() -> Found:
    from packaging.requirements import Requirement

    everything = map(Requirement, metadata.requires("eca-edu") or [])
    needed = [r for r in everything if not r.marker or r.marker.evaluate({"extra": ""})]
    if wrong := [*filter(None, map(_problem, needed))]:
        return "FAIL", "; ".join(wrong), REINSTALL
    return ", ".join(f"{r.name} {metadata.version(r.name)}" for r in needed)


def _problem(requirement: "Requirement") -> str:
    """Return in words how the installed packages miss a requirement, or an empty string."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed, needed is {requirement}"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} {version} is installed, needed is {requirement.specifier}"
    return ""


def _torch_pair() -> Found:
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, torch.ones(1), 0.5)  # fails when the two were built for different versions
    return f"torch {torch.__version__} and torchvision {torchvision.__version__} work together"


def _device() -> Found:
    import torch

    from eca_edu.training.loop import best_device

    device = best_device()
    torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device=device), torch.ones(1, 1, 3, 3, device=device)).item()
    detail = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    return f"{device.type} ({detail})"


def _widgets() -> Found:
    """The kernel sends its widgets to an extension of JupyterLab; both must speak the same protocol."""
    import ipywidgets  # noqa: F401, it must be there and whole
    from jupyter_core.paths import jupyter_path
    from packaging.requirements import Requirement

    wrong = [p for r in metadata.requires("ipywidgets") or [] if "extra" not in r if (p := _problem(Requirement(r)))]
    if wrong:
        return "FAIL", "; ".join(wrong), REINSTALL
    for folder in jupyter_path("labextensions"):
        manifest = Path(folder, "@jupyter-widgets", "jupyterlab-manager", "package.json")
        if manifest.is_file():
            manager = json.loads(manifest.read_text(encoding="utf-8"))["version"]
            kernel = metadata.version("ipywidgets")
            if WIDGET_MANAGER_MAJOR.get(kernel.split(".")[0]) != manager.split(".")[0]:
                return "FAIL", f"JupyterLab's widget manager {manager} does not fit ipywidgets {kernel}", REINSTALL
            return f"ipywidgets {kernel} in the kernel fits widget manager {manager} in JupyterLab"
    return "FAIL", "JupyterLab has no widget manager, so that no slider would appear", REINSTALL


def _kernel() -> Found:
    from jupyter_client.kernelspec import KernelSpecManager

    command = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    if command.is_absolute() and not command.is_file():
        return "FAIL", f"the kernel python3 points to {command}, which does not exist", REINSTALL
    if command.is_absolute() and command.parent != Path(sys.executable).parent:
        elsewhere = f"notebooks run in {command}, not in {sys.executable}"
        return "NOTE", elsewhere, "pick the kernel of this environment in JupyterLab"
    return "notebooks run in the environment of this command"


def _data() -> Found:
    from eca_edu.datasets import find_cifar10

    folder = find_cifar10()
    if folder is None:
        instead = "not found; the chapters use the generated cue-switch images"
        return "NOTE", instead, "run `python -m eca_edu data cifar10`"
    return f"found in {folder}"


def _networks() -> Found:
    folder = data_folder() / "checkpoints"
    networks = [path.stem for path in sorted(folder.glob("*.safetensors"))]
    if not networks:
        missing = f"none in {folder}; chapters 00, 01, 03, 06 and 07 look into some"
        return "NOTE", missing, "put the folder data/ of the repository beside notebooks/"
    return ", ".join(networks)


def _writable() -> Found:
    folder = data_folder()
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())  # nothing is left behind
    with TemporaryFile(dir=existing):
        return f"{folder} can be written to"


CHECKS: list[tuple[str, Callable[[], Found], str]] = [
    ("Python", _python, REINSTALL),
    ("packages", _packages, REINSTALL),
    ("torch and torchvision", _torch_pair, "run: pip install --force-reinstall torch torchvision, from one index"),
    ("device", _device, REINSTALL),
    ("widgets", _widgets, REINSTALL),
    ("kernel", _kernel, REINSTALL),
    ("trained networks", _networks, REINSTALL),
    ("CIFAR-10", _data, "set ECA_EDU_DATA to a folder that can be read"),
    ("data folder", _writable, "make the folder writable, or work in a copy of the repository that is your own"),
]
