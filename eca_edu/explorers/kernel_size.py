"""γ, b and C: the kernel size follows, for every network and by every rule in use."""

import traitlets

from eca_edu.explorers.explorer import Explorer
from eca_edu.kernel_size import adaptive_kernel_size

GAMMAS = [n / 4 for n in range(4, 17)]  # 1 to 4
BS = [n / 2 for n in range(-4, 9)]  # -2 to 4
CHOICES = [1, 4, 8, 16, 24, 32, 64, 96, 128, 160, 256, 320, 512, 1024, 1280, 2048, 4096]
LARGEST = 8192  # where the axis of the channels ends
#: The channels that reach the attention modules of each stage.
STAGES = {
    "ResNet-18": (64, 128, 256, 512),
    "ResNet-50": (256, 512, 1024, 2048),
    "MobileNetV2": (16, 24, 32, 64, 96, 160, 320),
    "our CNN": (24, 48, 96),
}


def steps(gamma: float, b: float) -> list[tuple[int, int]]:
    """Return the steps of ψ up to LARGEST channels: (C at which it begins, k), found by bisection."""
    found = [(1, adaptive_kernel_size(1, gamma, b))]
    while found[-1][1] < adaptive_kernel_size(LARGEST, gamma, b):
        below, above = found[-1][0], LARGEST  # ψ grows with C
        while above - below > 1:
            middle = (below + above) // 2
            if adaptive_kernel_size(middle, gamma, b) > found[-1][1]:
                above = middle
            else:
                below = middle
        found.append((above, adaptive_kernel_size(above, gamma, b)))
    return found


class KernelSizeExplorer(Explorer):
    """How γ, b and C set the kernel size: `gamma`, `b`, `channels`."""

    script = "kernel_size"
    gamma = traitlets.Enum(GAMMAS, 2.0).tag(sync=True, state=True)
    b = traitlets.Enum(BS, 1.0).tag(sync=True, state=True)
    channels = traitlets.Enum(CHOICES, 128).tag(sync=True, state=True)

    def __init__(self, **state):
        numbers = {
            "gammas": GAMMAS,
            "bs": BS,
            "choices": CHOICES,
            "largest": LARGEST,
            "stages": STAGES,
            "steps": {f"{gamma:g} {b:g}": steps(gamma, b) for gamma in GAMMAS for b in BS},
        }
        super().__init__(numbers, **state)
