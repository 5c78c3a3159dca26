"""Does attention help? Several seeds for each configuration, the same seeds for all, and what their results can show.

Two runs of one seed are a pair: the same initial weights outside the attention, the same order of images, the same crops.
As far as this shared luck moves both accuracies the same way, their difference varies less than each of them does, and fewer
seeds are enough. What is left of it in the difference is shown by the spread over the seeds.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch
from filelock import Timeout
from scipy import special
from torch import nn

from eca_edu._arguments import one_of, positive_integer
from eca_edu._files import exclusive_lock, file_name
from eca_edu.datasets import ImageData
from eca_edu.models import ModelConfig, build_model
from eca_edu.statistics import CONFIDENCE, interval
from eca_edu.studies.results import CONDITIONS, RUN, add_rows, finished_runs, read_results, read_rows, run_key
from eca_edu.training.loop import Epoch, fit
from eca_edu.training.optimizers import OPTIMIZERS
from eca_edu.training.precision import PRECISIONS
from eca_edu.training.resume import kept_precision

POWER = 0.8
MOST_SEEDS = 10_000  # of a study; each costs a training of every configuration
WORTH_KNOWING = 0.005  # a difference of half a percentage point, for which `difference_table` counts the seeds


@dataclass(frozen=True)
class Study:
    """Configurations × seeds, each trained once for the same number of epochs; a run is one of each.

    name: stands in the results. The seeds are 0 … seeds - 1, so that a study can be given more of them later.
    optimizer, precision: as in `fit`, the same for all runs.
    Raises TypeError or ValueError if seeds or epochs is not a positive whole number, for more than 10,000 seeds, and for an
    unknown optimizer or precision.
    """

    name: str
    configs: Sequence[ModelConfig]
    seeds: int
    epochs: int
    optimizer: str = "muon"
    precision: str = "float32"

    def __post_init__(self):
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("precision", self.precision, PRECISIONS)
        positive_integer("seeds", self.seeds, MOST_SEEDS)
        positive_integer("epochs", self.epochs)

    def runs(self) -> Iterator[tuple[ModelConfig, int]]:
        """Yield each configuration with each seed, all configurations of a seed after one another."""
        return ((config, seed) for seed in range(self.seeds) for config in dict.fromkeys(self.configs))


def run_study(
    path: str | Path,
    study: Study,
    train: ImageData,
    test: ImageData,
    *,
    flip: bool = True,
    device: torch.device | str = "cpu",
    command: str = "",
    on_epoch: Callable[[ModelConfig, int, Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Train what the results do not have yet, and return the results as `read_results` does.

    path: the CSV of the results, one row for each epoch of each finished run. A run that was stopped goes on after its last
    whole epoch; what is needed for it lies in a hidden folder beside the results. Several processes may share a study: each
    takes runs that no other is at.
    flip: as in `fit`; without it the data are "…, not mirrored" in the results, and never compared with mirrored ones.
    command: stands in the results, so that a reader can repeat them.
    on_epoch: called with configuration, seed and record after each epoch, also for those done before a stop.
    on_batch: as in `fit`; what it raises stops the study at once.
    Raises ValueError for a CSV that holds something else, OSError where nothing can be written, and what `fit` raises.
    """
    path = Path(path)
    for wait in (False, True):  # first what no other process works on, then what the others left undone
        for config, seed in pending_runs(path, study, train, test, flip=flip):
            run = _run_columns(study, config, seed, train, test, flip)
            named = "-".join(str(value) for value in run_key(run) if value not in ("", None))
            state = _run_folder(path) / f"{file_name(named)}.state"
            with suppress(Timeout), exclusive_lock(state, wait=wait):
                if run_key(run) in finished_runs(path):
                    continue  # another process was faster
                model = build_model(config, seed).to(device)
                records = []
                try:
                    for record in fit(
                        model,
                        train,
                        test,
                        epochs=study.epochs,
                        seed=seed,
                        flip=flip,
                        optimizer=study.optimizer,
                        precision=study.precision,
                        state=state,
                        on_batch=on_batch,
                    ):
                        records.append(record)
                        if on_epoch:
                            on_epoch(config, seed, record)
                except FloatingPointError as error:
                    raise FloatingPointError(f"{config.name}, seed {seed}: {error}") from error
                made_by = {"device": _device_name(model), "torch": torch.__version__, "command": command}
                rows = [{**run, **asdict(record), **made_by} for record in records]
                add_rows(path, rows, _run_folder(path) / "results")
                state.unlink()
    return read_results(path)


def pending_runs(
    path: str | Path, study: Study, train: ImageData, test: ImageData, *, flip: bool = True
) -> list[tuple[ModelConfig, int]]:
    """Return configuration and seed of each run of the study that the results do not have yet.

    Raises ValueError for a CSV that holds something else.
    """
    finished = finished_runs(Path(path))
    return [run for run in study.runs() if run_key(_run_columns(study, *run, train, test, flip)) not in finished]


def precision_begun_with(path: Path) -> str | None:
    """Return the precision of the last run in the results, or of one that was stopped before any was finished; else None."""
    if rows := read_rows(path):
        return rows[-1]["precision"]
    return next(filter(None, map(kept_precision, _run_folder(path).glob("*.state"))), None)


def final_accuracies(results: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Return {configuration: {seed: test accuracy after the last epoch, a share of 1}}.

    Raises ValueError for runs under different conditions (data, backbone, width, epochs), which are no pairs.
    """
    differing = [name for name in CONDITIONS if results[name].nunique() > 1]
    if differing:
        raise ValueError(f"only runs under the same conditions can be compared; these differ in {', '.join(differing)}")
    last = results[results["epoch"] == results["epochs"]]
    return {
        name: dict(zip(rows["seed"], rows["test_accuracy"], strict=True))
        for name, rows in last.groupby("configuration", sort=False)
    }


def summarize(results: pd.DataFrame) -> pd.DataFrame:
    """Return for each configuration the final test accuracy in percent: mean, std, interval of the mean, number of seeds."""
    rows = {}
    for name, by_seed in final_accuracies(results).items():
        mean, std, low, high = interval([*by_seed.values()])
        rows[name] = {"seeds": len(by_seed), "mean": 100 * mean, "std": 100 * std, "low": 100 * low, "high": 100 * high}
    return pd.DataFrame.from_dict(rows, orient="index")


@dataclass(frozen=True)
class Difference:
    """What pairs of runs show: accuracy of one configuration minus that of the other, in shares of 1.

    by_seed: the difference for each seed that both have. mean, std: over the seeds. low, high: the 95 % interval of the
    mean after Student's t, without bounds for a single seed.
    """

    by_seed: Mapping[int, float]
    mean: float
    std: float
    low: float
    high: float

    def verdict(self, name: str, baseline: str) -> str:
        """Return in a sentence what the interval allows to say about `name` against `baseline`."""
        n = len(self.by_seed)
        seeds = "1 seed" if n == 1 else f"{n} seeds"
        conclusion = "1 seed cannot show a difference" if n == 1 else f"these {n} seeds do not show a difference"
        if self.low > 0:
            conclusion = f"{name} was better than {baseline} here"
        elif self.high < 0:
            conclusion = f"{name} was worse than {baseline} here"
        mean, low, high = (f"{100 * share:+.2f}" for share in (self.mean, self.low, self.high))
        return f"{name} - {baseline}: {mean} points, 95 % interval {low} to {high}, {seeds}: {conclusion}."


def paired_difference(accuracies: Mapping[int, float], baseline: Mapping[int, float]) -> Difference:
    """Return the difference of two configurations over the seeds that both have; each is {seed: accuracy}.

    Raises ValueError if they have no seed in common.
    """
    by_seed = {seed: accuracies[seed] - baseline[seed] for seed in sorted({*accuracies} & {*baseline})}
    if not by_seed:
        raise ValueError("two configurations must have a seed in common to be compared; these have none")
    return Difference(by_seed, *interval([*by_seed.values()]))


def differences_to(results: pd.DataFrame, baseline: str) -> dict[str, Difference]:
    """Return {configuration: its difference to the baseline} for each other configuration that shares a seed with it.

    Raises ValueError if the results do not have the baseline.
    """
    accuracies = final_accuracies(results)
    if baseline not in accuracies:
        raise ValueError(f"baseline must be one of {', '.join(accuracies)}; got {baseline!r}")
    return {
        name: paired_difference(by_seed, accuracies[baseline])
        for name, by_seed in accuracies.items()
        if name != baseline and {*by_seed} & {*accuracies[baseline]}
    }


def difference_table(results: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return for each other configuration its difference to the baseline in percentage points, and what may be said of it.

    seeds_for_half_a_point: how many seeds it would take to show a difference of 0.5 points, as far as the spread of these
    tells.
    Raises ValueError if the results do not have the baseline.
    """
    rows = {}
    for name, difference in differences_to(results, baseline).items():
        enough = len(difference.by_seed) > 1
        rows[name] = {
            "seeds": len(difference.by_seed),
            **{key: 100 * getattr(difference, key) for key in ("mean", "std", "low", "high")},
            "seeds_for_half_a_point": seeds_needed(WORTH_KNOWING, difference.std) if enough else None,
            "verdict": difference.verdict(name, baseline),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def baseline_of(results: pd.DataFrame) -> str:
    """Return the configuration that the others are compared to: the one without attention, or else the first."""
    names = [*dict.fromkeys(results["configuration"])]
    return "none" if "none" in names else names[0]


def describe(results: pd.DataFrame) -> str:
    """Return means and paired differences as text, for each set of conditions by itself."""
    parts = []
    for conditions, group in results.groupby([*CONDITIONS], sort=False):
        named = zip(CONDITIONS, conditions, strict=True)
        parts.append("\n" + ", ".join(f"{name} {value}" for name, value in named if name != "checksum"))
        parts.append("\nTest accuracy in percent, with the 95 % interval of the mean:")
        parts.append(summarize(group).to_string(float_format="{:.2f}".format))
        baseline = baseline_of(group)
        differences = difference_table(group, baseline)
        n = len(differences)
        if n:
            parts.append(f"\nPaired difference to {baseline} in percentage points, with its 95 % interval:")
            parts.append(differences.drop(columns="verdict").to_string(float_format="{:.2f}".format))
            parts += ["", *differences["verdict"]]
        if n > 1:
            chance = f"in up to {1 - 0.95**n:.0%} of such studies one or more miss 0 by chance alone"
            parts.append(f"({n} intervals of 95 %: {chance}.)")
    return "\n".join(parts)


def seeds_needed(difference: float, std: float) -> int:
    """Return how many pairs a two-sided paired t-test at 5 % needs to find a true difference in 80 % of the studies.

    difference: the true difference; std: the standard deviation of the paired differences, in the same unit.
    Raises ValueError for a difference that is not positive or a std that is negative.
    """
    if not difference > 0:
        raise ValueError(f"difference must be greater than 0; got {difference}")
    if not 0 <= std < math.inf:
        raise ValueError(f"std must be at least 0; got {std}")
    effect = difference / std if std else math.inf
    # The normal distribution gives a number that is a little too small: the t-test pays for not knowing the std.
    n = max(2, math.floor((special.ndtri((1 + CONFIDENCE) / 2) + special.ndtri(POWER)) ** 2 / effect**2))
    while math.isfinite(effect) and _power(effect, n) < POWER:
        n += 1
    return n


def _power(effect: float, n: int) -> float:
    """Return how often the t-test finds an effect (difference / std) with n pairs."""
    critical = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)
    # A study that finds the effect with the wrong sign is left out; where 80 % find it, that is one in a million.
    return 1 - special.nctdtr(n - 1, effect * math.sqrt(n), critical)


def _run_columns(study: Study, config: ModelConfig, seed: int, train: ImageData, test: ImageData, flip: bool) -> dict:
    """Return the columns that identify a run."""
    known = {**asdict(config), "study": study.name, "epochs": study.epochs, "seed": seed}
    known |= {
        "optimizer": study.optimizer,
        "precision": study.precision,
        "data": train.name if flip else f"{train.name}, not mirrored",
        "source": train.source,
        "checksum": f"{train.checksum}-{test.checksum}",
        "train_images": len(train),
        "test_images": len(test),
    }
    return {name: known[name] for name in RUN}


def _run_folder(path: Path) -> Path:
    """Return the hidden folder in which runs that are not finished lie; make it where it is not there."""
    folder = path.with_name(f".{path.stem}.runs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}") from error
    return folder


def _device_name(model: nn.Module) -> str:
    device = next(model.parameters()).device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
