"""The benchmarks run and print what they compare; what they print is no matter of a test."""

import re
import runpy
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_training_benchmark(cifar10_folder, monkeypatch, capsys):
    monkeypatch.setenv("ECA_EDU_DATA", str(cifar10_folder))
    runpy.run_path(str(BENCHMARKS / "training.py"))["main"](["--seconds", "1", "--images", "300"])
    printed = capsys.readouterr().out
    assert re.search(r"times as fast as the better DataLoader", printed)
    for words in (r"ours +\d+\.\d s +\d+\.\d\d%", r"ResNet-20 +2\.0 s +\d+\.\d\d%", r"After \d+ s of training: ours"):
        assert re.search(words, printed), printed
