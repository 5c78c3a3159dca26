"""The benchmarks run and print what they compare; what they print is no matter of a test.

The one of the explorers is run by browser/test_notebooks.py, in the JupyterLab that is there.
"""

import re
import runpy
import sys
from pathlib import Path

from eca_edu import ModelConfig, build_model

BENCHMARKS = Path(__file__).parent.parent / "tools" / "benchmarks"


def benchmark(name, **smaller):
    """The main of a benchmark, with smaller numbers in the place of its own."""
    main = runpy.run_path(str(BENCHMARKS / name))["main"]
    assert smaller.keys() <= main.__globals__.keys()
    main.__globals__.update(smaller)
    return main


def test_attention_benchmark(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["attention.py", "--quick"])
    benchmark("attention.py", SHAPES=[(2, 16, 8, 8)])()
    printed = capsys.readouterr().out
    assert len(re.findall(r"^ *2x16x8x8 +(?:contiguous|channels_last) +forward", printed, re.MULTILINE)) == 4
    for way in ("forward", r"forward\+backward", "both"):
        assert re.search(rf"^{way} +geometric mean of timm/ours \d", printed, re.MULTILINE)


def test_training_benchmark(cifar10_folder, monkeypatch, capsys):
    monkeypatch.setenv("ECA_EDU_DATA", str(cifar10_folder))

    def narrow(train, attention="eca"):
        return build_model(ModelConfig(width=8, attention=attention, num_classes=len(train.class_names)))

    benchmark("training.py", ROUNDS=1, our_network=narrow)(["--seconds", "0.4", "--images", "300"])
    printed = capsys.readouterr().out
    assert re.search(r"times as fast as the better DataLoader", printed)
    assert re.search(r"^eca +\d+\.\d s an epoch in b?float", printed, re.MULTILINE)
    for words in (r"ours +\d+\.\d s +\d+\.\d\d%", r"ResNet-20 +1\.2 s +\d+\.\d\d%", r"After \d+ s of training: ours"):
        assert re.search(words, printed), printed
