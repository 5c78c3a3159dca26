"""Curves that grow while a network trains, and buttons that start, pause and stop it."""

import atexit
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from statistics import mean
from threading import Event, Lock, Thread
from typing import Any, ClassVar

import torch
import traitlets

from eca_edu._arguments import positive_integer
from eca_edu.explorers.explorer import Explorer
from eca_edu.training.loop import Epoch, one_cycle

OnBatch = Callable[[int, int], None]
SECONDS_BETWEEN_STATUS = 0.5
SCHEDULE_STEPS = 120  # of the drawn learning rate
MOST_POINTS = 400  # of the drawn loss of the batches; where there are more, each point is a mean of neighbours


class LiveCurves(Explorer):
    """Loss and accuracy of a run; call `add` with each record that `fit` yields.

    epochs: how many there will be. classes: of the data, for a line at the accuracy of chance.
    Raises TypeError or ValueError if one of them is no positive whole number.
    """

    script = "training"
    epochs_done: traitlets.List = traitlets.List().tag(sync=True)  # dicts, None where no finite number is
    losses: traitlets.List = traitlets.List().tag(sync=True)  # [place in epochs, loss] of the batches

    def __init__(self, epochs: int, *, classes: int | None = None, **traits):
        positive_integer("epochs", epochs)
        if classes is not None:
            positive_integer("classes", classes)
        self.epochs = epochs
        self.records: list[Epoch] = []
        schedule = [one_cycle(step, SCHEDULE_STEPS) for step in range(SCHEDULE_STEPS)]
        super().__init__({"epochs": epochs, "classes": classes, "schedule": schedule}, **traits)

    def clear(self) -> None:
        """Forget all epochs, for a run that starts again."""
        self.records.clear()
        self._draw()

    def add(self, epoch: Epoch) -> None:
        """Draw one more epoch."""
        self.records.append(epoch)
        self._draw()

    def _draw(self) -> None:
        self.epochs_done = [
            {name: value if math.isfinite(value) else None for name, value in asdict(record).items()}
            for record in self.records
        ]


class Stopped(Exception):
    """Raised inside a run by its Stop button."""


class TrainingMonitor(LiveCurves):
    """Live curves of a run in the background, with buttons for `begin`, `pause` and `end`; the kernel stays free.

    train: called with a function `on_batch` that it passes on to `fit`; returns what `fit` returns. A call after a stop
    goes on from the last whole epoch if it names the same `state` file. It may also pass on `on_loss` of this monitor.
    epochs: how many there will be. classes: of the data, for a line at the accuracy of chance.
    An error of the run is shown below the curves and kept in `last_error`; `wait` raises it.
    """

    _running: ClassVar["TrainingMonitor | None"] = None
    phase = traitlets.Enum(["ready", "running", "paused", "stopping", "stopped", "done", "failed"], "ready").tag(
        sync=True
    )
    status = traitlets.Unicode("Press Start.").tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)  # the share of the batches that is done

    def __init__(self, train: Callable[[OnBatch], Iterator[Epoch]], epochs: int, *, classes: int | None = None):
        super().__init__(epochs, classes=classes)
        self.train = train
        self.thread: Thread | None = None
        self.last_error: Exception | None = None
        self.going, self.stopping = Event(), Event()
        self.since: float | None = None
        self._change = Lock()  # of the phase: buttons and the run live in several threads
        self._loss: torch.Tensor | None = None  # of the batch that `on_batch` will tell of
        self._fresh: dict[int, torch.Tensor] = {}  # batch -> its loss, not read from the device yet
        self._known: dict[int, float] = {}
        self._asks = {"start": self.begin, "pause": self.pause, "stop": self.end}
        self.on_msg(self._hear)
        atexit.register(self.leave)  # a process that ends while torch computes in a thread would be aborted

    def begin(self) -> None:
        """Start the run, or go on after a pause or a stop. Another monitor's run ends first: one network at a time."""
        running, TrainingMonitor._running = TrainingMonitor._running, self
        if running is not None and running is not self:
            running.leave()
        if self.stopping.is_set():
            self.leave()
        with self._change:
            self.going.set()
            if self.phase not in ("running", "paused"):
                self.stopping.clear()
                self.last_error, self.error, self.status = None, "", "Starting."
                self.thread = Thread(target=self._run, daemon=True)
                self.thread.start()
            self.phase = "running"

    def pause(self) -> None:
        """Hold the run after the batch that it is at."""
        with self._change:
            if self.phase == "running":
                self.phase, self.status = "paused", "Pausing."
                self.going.clear()  # last: the run may answer at once, and its answer stays

    def end(self) -> None:
        """Stop the run after the batch that it is at; a paused run, too."""
        with self._change:
            if self.phase in ("running", "paused"):
                self.phase, self.status = "stopping", "Stopping."
        self.stopping.set()
        self.going.set()

    def leave(self) -> None:
        """End the run, and wait until it has ended."""
        self.end()
        if self.thread is not None:
            self.thread.join()

    def wait(self) -> list[Epoch]:
        """Wait until the run is over, and return its records; an interrupt of the kernel (■) stops it.

        Raises the error that ended the run, if one did.
        """
        try:
            while self.thread is not None and self.thread.is_alive():
                self.thread.join(0.1)
        except KeyboardInterrupt:
            self.leave()
        if self.last_error is not None:
            raise self.last_error
        return list(self.records)

    def on_loss(self, loss: torch.Tensor) -> None:
        """Take the loss of a batch, for the thin line: `train` may give this to `fit`."""
        self._loss = loss

    def _hear(self, widget: Any, content: dict[str, str], buffers: Any) -> None:
        self._asks[content["asked"]]()

    def _run(self) -> None:
        self.since, self.shown = None, time.monotonic()
        self.clear()
        try:
            for record in self.train(self._on_batch):
                self.records.append(record)
                self._draw_if_due()
            over, words, self.progress = "done", "Done.", 1.0
        except Stopped:
            goes_on = (
                "It goes on after the last whole epoch." if self.records else "It begins anew: no epoch was whole."
            )
            over, words = "stopped", f"Stopped. {goes_on}"
        except Exception as error:  # an error of this thread would vanish
            self.last_error, self.error = error, f"{type(error).__name__}: {error}"
            over, words = "failed", "The run has failed."
        self._draw()
        with self._change:
            self.phase, self.status = over, words

    def _on_batch(self, done: int, total: int) -> None:
        self.batch, self.total = done, total
        if self._loss is not None:
            self._fresh[done], self._loss = self._loss, None
        if not self.going.is_set():
            self._draw()
            self.status = f"Paused at batch {done} of {total}."
            self.going.wait()
            self.since, self.status = None, "Going on."
        if self.stopping.is_set():
            raise Stopped
        if self.since is None:  # the clock starts with the first batch of this call, or after a pause
            self.since, self.first = time.monotonic(), done
        elif self._draw_if_due():
            left = (self.shown - self.since) / (done - self.first) * (total - done)
            self.progress, self.status = done / total, f"Batch {done} of {total}, about {left:.0f} s left."

    def _draw_if_due(self) -> bool:
        """Draw unless the last drawing was a moment ago: a message to the page for every batch would drown it."""
        due = time.monotonic() - self.shown > SECONDS_BETWEEN_STATUS
        if due:
            self._draw()
        return due

    def _draw(self) -> None:
        super()._draw()
        self.shown = time.monotonic()
        if not self._fresh:
            return
        known = {**self._known, **{batch: float(loss) for batch, loss in self._fresh.items()}}
        self._fresh.clear()
        # After a stop a run goes on at an earlier batch; what was beyond it will be trained anew.
        self._known = {batch: loss for batch, loss in known.items() if batch <= self.batch and math.isfinite(loss)}
        size = math.ceil(self.total / MOST_POINTS)
        groups = defaultdict(list)
        for batch, loss in self._known.items():
            groups[(batch - 1) // size].append(loss)
        place = self.epochs * size / self.total
        self.losses = [[place * (group + 1), mean(losses)] for group, losses in groups.items()]
