"""Curves that grow while a network trains, and buttons that start, pause and stop it."""

import atexit
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import ClassVar

import ipywidgets as W

from eca_edu.figures.training import draw_curves, update_curves
from eca_edu.training import Epoch
from eca_edu.widgets.explorer import Panel

OnBatch = Callable[[int, int], None]
SECONDS_BETWEEN_STATUS = 0.5


class LiveCurves(Panel):
    """Loss and accuracy of a run; call `add` with each record that `fit` yields.

    epochs: how many there will be.
    """

    def __init__(self, epochs: int):
        super().__init__(760, 300)
        self.epochs = epochs
        self.records: list[Epoch] = []
        axes = self.figure.subplots(1, 2)
        self.figure.subplots_adjust(left=0.06, right=0.98, top=0.9, bottom=0.17, wspace=0.2)
        self.artists = draw_curves(axes, epochs)
        self.show("No epoch is done yet.")

    def clear(self) -> None:
        """Forget all epochs, for a run that starts again."""
        with self.lock:
            self.records.clear()
            update_curves(self.artists, [])

    def add(self, epoch: Epoch) -> None:
        """Draw one more epoch."""
        with self.lock:
            self.records.append(epoch)
            update_curves(self.artists, [vars(record) for record in self.records])
            left = self.epochs - epoch.epoch
            outlook = f"About {left * epoch.seconds:.0f} seconds are left." if left else "Done."
            self.show(
                f"Epoch {epoch.epoch} of {self.epochs}: {epoch.test_accuracy:.1%} of the test images are right, "
                f"{epoch.train_accuracy:.1%} of the training images. {outlook}"
            )


class Stopped(Exception):
    """Raised inside a run by its Stop button."""


class TrainingMonitor(LiveCurves):
    """Live curves of a run in the background, with the buttons `start`, `pause` and `stop`; the kernel stays free.

    train: called with a function `on_batch` that it passes on to `fit`; returns what `fit` returns. A call after a stop
    goes on from the last whole epoch if it names the same `state` file.
    epochs: how many there will be.
    An error of the run is shown below the curves and kept in `last_error`; `wait` raises it.
    """

    _running: ClassVar["TrainingMonitor | None"] = None

    def __init__(self, train: Callable[[OnBatch], Iterator[Epoch]], epochs: int):
        super().__init__(epochs)
        self.train = train
        self.thread: Thread | None = None
        self.going, self.stopping = Event(), Event()
        self.since: float | None = None
        atexit.register(self.leave)  # a process that ends while torch computes in a thread would be aborted
        self.progress = W.FloatProgress(0, min=0, max=1, layout=W.Layout(width="260px"))
        self.status = W.Label("Press Start.")
        self.status.add_class("eca-edu-status")
        self.start, self.pause, self.stop = (
            W.Button(description=name, icon=icon, layout=W.Layout(width="100px"))
            for name, icon in (("Start", "play"), ("Pause", "pause"), ("Stop", "stop"))
        )
        self.start.on_click(lambda _: self.begin())
        self.pause.on_click(lambda _: self.going.clear())
        self.stop.on_click(lambda _: self.end())
        self.children = (W.HBox([self.start, self.pause, self.stop, self.progress, self.status]), *self.children)

    def begin(self) -> None:
        """Start the run, or go on after a pause or a stop. Another monitor's run ends first: one network at a time."""
        running, TrainingMonitor._running = TrainingMonitor._running, self
        if running is not None and running is not self:
            running.leave()
        if self.stopping.is_set():
            self.leave()
        with self.lock:
            self.status.value = "Going on." if self.thread else "Starting."
            self.going.set()
            if self.thread is None or not self.thread.is_alive():
                self.stopping.clear()
                self.clear_error()
                self.thread = Thread(target=self._run, daemon=True)
                self.thread.start()

    def end(self) -> None:
        """Stop the run after the batch that it is at; a paused run, too."""
        if self.thread is not None and self.thread.is_alive():
            self.status.value = "Stopping."
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

    def _run(self) -> None:
        self.clear()
        self.since = None
        try:
            for record in self.train(self._on_batch):
                self.add(record)
            self.progress.value, self.status.value = 1, "Done."
        except Stopped:
            goes_on = "goes on after the last whole epoch" if self.records else "begins anew: no epoch was whole"
            self.status.value = f"Stopped. Start {goes_on}."
        except Exception as error:  # an error of this thread would vanish
            self.show_error(error)
            self.status.value = "The run has failed."

    def _on_batch(self, done: int, total: int) -> None:
        if not self.going.is_set():
            self.status.value = f"Paused at batch {done} of {total}. Start goes on."
            self.going.wait()
            self.since = None
        if self.stopping.is_set():
            raise Stopped
        now = time.monotonic()
        if self.since is None:  # the clock starts with the first batch of this call, or after a pause
            self.since, self.first, self.shown = now, done, now
        elif now - self.shown > SECONDS_BETWEEN_STATUS:
            self.shown = now
            left = (now - self.since) / (done - self.first) * (total - done)
            self.progress.value, self.status.value = done / total, f"Batch {done} of {total}, about {left:.0f} s left."
