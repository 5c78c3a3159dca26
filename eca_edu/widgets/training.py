"""Curves that grow while a network trains."""

import time

from eca_edu.plots.training import draw_curves, update_curves
from eca_edu.training import Epoch
from eca_edu.widgets.panel import Panel

__all__ = ["LiveCurves"]


class LiveCurves(Panel):
    """Loss and accuracy of a run; call `add` with each record that `fit` yields.

    epochs: how many there will be.
    """

    def __init__(self, epochs: int):
        super().__init__(760, 300)
        self.epochs = epochs
        self.started = time.monotonic()
        self.records: list[Epoch] = []
        axes = self.figure.subplots(1, 2)
        self.figure.subplots_adjust(left=0.06, right=0.98, top=0.9, bottom=0.17, wspace=0.2)
        self.artists = draw_curves(axes, epochs)
        self.show("The first epoch is running.")

    def add(self, epoch: Epoch) -> None:
        """Draw one more epoch."""
        with self.lock:
            self.records.append(epoch)
            update_curves(self.artists, [vars(record) for record in self.records])
            left = (self.epochs - epoch.epoch) * (time.monotonic() - self.started) / len(self.records)
            self.show(
                f"Epoch {epoch.epoch} of {self.epochs}: {epoch.test_accuracy:.1%} of the test images are right, "
                f"{epoch.train_accuracy:.1%} of the training images. "
                + (f"About {left:.0f} seconds are left." if epoch.epoch < self.epochs else "Done.")
            )
