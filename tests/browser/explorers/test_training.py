"""Runs in the background without a browser, and their curves and buttons in Chromium."""

import json
import subprocess
import sys
from threading import Event

import pytest
import torch
from playwright.sync_api import expect

from eca_edu import ECACNN, Epoch, fit, make_cue_switch
from eca_edu.explorers import page
from eca_edu.explorers.training import LiveCurves, TrainingMonitor
from tests.browser.explorers.conftest import WITH_KERNEL

FIRST, SECOND = Epoch(1, 2.0, 0.3, 1.9, 0.31, 12.0), Epoch(2, 1.0, 0.6, 0.9, 0.61, 12.0)


def make_monitor(tmp_path, epochs=3, *, at=None, **options):
    """A monitor of a short run, 4 batches an epoch. at: {batch: what is done just before the monitor hears of it}."""
    torch.manual_seed(0)
    model = ECACNN(width=8, stem_stride=2)
    options = {"epochs": epochs, "batch_size": 64, "state": tmp_path / "run", **options}
    batches, at = [], at or {}

    def train(on_batch):
        def watched(done, total):
            batches.append(done)
            at.pop(done, lambda: None)()
            on_batch(done, total)

        data = make_cue_switch(256, seed=0), make_cue_switch(64, seed=1)
        return fit(model, *data, on_batch=watched, on_loss=monitor.on_loss, **options)

    monitor = TrainingMonitor(train, epochs, classes=10)
    monitor.batches, monitor.at = batches, at
    return monitor


def wait_for_status(monitor, words):
    came = Event()
    monitor.observe(lambda change: change.new.startswith(words) and came.set(), "status")
    assert monitor.status.startswith(words) or came.wait(600)


def start_and_stay_in_batch_6(monitor):
    """Start; batch 6 then waits until somebody wants the run to stop."""
    inside = Event()
    monitor.at[6] = lambda: (inside.set(), monitor.stopping.wait())
    monitor.begin()
    assert inside.wait(600)


def test_the_monitor_draws_a_run_in_the_background(tmp_path):
    monitor = make_monitor(tmp_path)
    assert (monitor.status, monitor.wait()) == ("Press Start.", [])  # nothing was started
    monitor.begin()
    records = monitor.wait()
    assert [record.epoch for record in records] == [1, 2, 3]
    assert [done["test_accuracy"] for done in monitor.epochs_done] == [record.test_accuracy for record in records]
    assert (monitor.status, monitor.phase, monitor.progress) == ("Done.", "done", 1)
    assert [place for place, _ in monitor.losses] == [batch / 4 for batch in range(1, 13)]
    mean = sum(loss for _, loss in monitor.losses[4:8]) / 4
    assert mean == pytest.approx(records[1].train_loss)  # batches of one size: the epoch's loss is their mean


def test_stop_stops_within_a_batch_and_start_goes_on(tmp_path):
    monitor = make_monitor(tmp_path, epochs=4)
    monitor.at.update({5: monitor.pause, 10: monitor.pause})
    monitor._handle_custom_msg({"asked": "start"}, [])  # as the button does
    wait_for_status(monitor, "Paused at batch 5 of 16.")
    assert (len(monitor.records), monitor.phase, len(monitor.losses)) == (1, "paused", 5)
    monitor._handle_custom_msg({"asked": "start"}, [])  # goes on where it paused
    wait_for_status(monitor, "Paused at batch 10 of 16.")
    monitor._handle_custom_msg({"asked": "stop"}, [])  # also while it pauses
    kept = monitor.wait()
    assert (monitor.status, monitor.phase) == ("Stopped. It goes on after the last whole epoch.", "stopped")
    assert (len(kept), monitor.batches) == (2, list(range(1, 11)))  # none was trained after Stop
    monitor.at[15] = monitor.end
    monitor.begin()
    assert monitor.wait()[:2] == kept
    assert (len(monitor.records), monitor.batches[10:]) == (3, list(range(9, 16)))


def test_a_run_that_pauses_at_once_says_so(tmp_path):
    monitor = make_monitor(tmp_path)
    inside, asked, heard, over = Event(), Event(), Event(), Event()
    monitor.at[6] = lambda: (inside.set(), asked.wait())
    monitor.at[7] = lambda: (heard.set(), over.wait())
    monitor.observe(lambda change: change.new.startswith("Paused") and heard.set(), "status")
    monitor.observe(lambda change: change.new == "paused" and (asked.set(), heard.wait()), "phase")
    monitor.begin()
    assert inside.wait(600)
    monitor.pause()  # while it is asked, the run goes on as far as it can
    over.set()
    wait_for_status(monitor, "Paused at batch")
    monitor.leave()


def test_an_error_of_the_run_is_shown_and_raised(tmp_path):
    monitor = make_monitor(tmp_path, peak_learning_rate=1e6)
    monitor.begin()
    with pytest.raises(FloatingPointError, match="lower peak_learning_rate"):
        monitor.wait()
    assert "lower peak_learning_rate" in monitor.error
    assert (monitor.status, monitor.phase) == ("The run has failed.", "failed")


def test_start_during_stop_goes_on(tmp_path):
    monitor = make_monitor(tmp_path)
    start_and_stay_in_batch_6(monitor)
    monitor.end()
    monitor.begin()  # while batch 6 may still be running
    assert len(monitor.wait()) == 3
    assert monitor.batches == [*range(1, 7), *range(5, 13)]


def test_the_start_of_another_monitor_ends_the_run(tmp_path):
    first, second = make_monitor(tmp_path), make_monitor(tmp_path)  # the same network and file
    start_and_stay_in_batch_6(first)
    second.begin()
    assert not first.thread.is_alive()
    assert first.status.startswith("Stopped.")
    assert len(second.wait()) == 3
    assert second.batches == list(range(5, 13))


def test_a_process_can_end_while_a_run_goes_on():
    code = """
from threading import Event
from eca_edu import ECACNN, make_cue_switch, fit
from eca_edu.explorers.training import TrainingMonitor

inside = Event()
def train(on_batch):
    model, data = ECACNN(width=8), (make_cue_switch(64, seed=0), make_cue_switch(64, seed=1))
    return fit(model, *data, epochs=100_000, on_batch=lambda *done: (inside.set(), on_batch(*done)))

TrainingMonitor(train, 100_000).begin()
inside.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_many_batches_are_drawn_as_means(tmp_path):
    def train(on_batch):
        for done in range(1, 1601):
            monitor.on_loss(torch.tensor(float(done)))
            on_batch(done, 1600)
        yield FIRST

    monitor = TrainingMonitor(train, 2)
    monitor.begin()
    monitor.wait()
    assert (len(monitor.losses), monitor.losses[0], monitor.losses[-1]) == (400, [0.005, 2.5], [2.0, 1598.5])


def test_the_page_shows_a_finished_run_without_a_kernel(show):
    monitor = TrainingMonitor(
        lambda on_batch: iter([FIRST, Epoch(2, 1.0, 0.6, float("nan"), 0.61, 12.0)]), 2, classes=10
    )
    monitor.begin()
    monitor.wait()
    shown = show(monitor, width=390)
    shown.says("Epoch 2 of 2: 61.0% of the test images are right, 60.0% of the training images. Done.")
    expect(shown.part(".eca-edu-status")).to_have_text("The buttons need a running kernel.")
    assert all(button.is_disabled() for button in shown.part(".eca-edu-controls button:visible").all())
    expect(shown.root).to_contain_text("chance 10 %")
    epoch = shown.slider("epoch, loss")
    epoch.press("Home")
    for number in ("train 2.00", "test 1.90", "train 30.0 %", "test 31.0 %"):
        expect(shown.root.get_by_text(number, exact=True)).to_be_visible()
    epoch.press("ArrowRight")
    expect(epoch).to_have_attribute("aria-valuetext", "2: train 1.00, test no number")


def test_buttons_follow_the_run_and_ask_the_kernel(show):
    monitor = TrainingMonitor(lambda on_batch: iter(()), 2)
    shown = show(monitor)
    state = {name: getattr(monitor, name) for name in ("numbers", "start", "key", "epochs_done", "losses")}
    state |= {"phase": "ready", "status": "Press Start.", "progress": 0, "error": ""}
    shown.page.evaluate(WITH_KERNEL, [page.widget_module("training"), state])
    phases = {
        "ready": ["Start"],
        "running": ["Pause", "Stop"],
        "paused": ["Go on", "Stop"],
        "stopping": ["Go on"],
        "stopped": ["Go on"],
        "done": ["Start"],
        "failed": ["Start"],
    }
    for phase, enabled in phases.items():
        shown.page.evaluate(f"change({json.dumps({'phase': phase, 'status': phase})})")
        expect(shown.part(".eca-edu-status")).to_have_text(phase)
        expect(shown.part(".eca-edu-controls button:enabled:visible")).to_have_text(enabled)
        for name in enabled:
            shown.root.get_by_role("button", name=name).click()
    assert shown.page.evaluate("asked") == ["start", "pause", "stop", "start", "stop", *["start"] * 4]
    curves = LiveCurves(2)
    curves.add(FIRST)
    shown.page.evaluate(f"change({json.dumps({'phase': 'running', 'epochs_done': curves.epochs_done})})")
    shown.says("31.0% of the test images are right, 30.0% of the training images. About 12 seconds are left.")
    shown.page.evaluate(f"change({json.dumps({'phase': 'stopped', 'error': 'KeyError: 5'})})")
    shown.refuses("KeyError: 5")
    expect(shown.part(".eca-edu-sentence")).not_to_contain_text("left")


def test_live_curves_grow(show):
    curves = LiveCurves(epochs=2)
    curves.add(FIRST)
    curves.add(SECOND)
    shown = show(curves)
    shown.says("Done.")
    expect(shown.part("button:visible")).to_have_count(0)
    curves.clear()
    assert (curves.records, curves.epochs_done) == ([], [])
    with pytest.raises(ValueError, match="classes"):
        LiveCurves(2, classes=0)
