"""What other rules make of γ, b and C than the paper's: the kernel size of each, and how it gets there."""

import traitlets

from eca_edu.explorers.explorer import Explorer
from eca_edu.explorers.kernel_size import GAMMAS
from eca_edu.kernel_size import CONVENTIONS

BS = [n / 2 for n in range(9)]  # 0 to 4
CHANNELS = [1, 4, 8, 12, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 1280, 2048, 4096]


class ConventionsExplorer(Explorer):
    """What the rules in use make of γ, b and C: `gamma`, `b`, `channels`."""

    script = "conventions"
    gamma = traitlets.Enum(GAMMAS, 2.0).tag(sync=True, state=True)
    b = traitlets.Enum(BS, 1.0).tag(sync=True, state=True)
    channels = traitlets.Enum(CHANNELS, 64).tag(sync=True, state=True)

    def __init__(self, **state):
        sizes = {
            f"{gamma:g} {b:g}": [[rule(c, gamma, b) for c in CHANNELS] for rule in CONVENTIONS.values()]
            for gamma in GAMMAS
            for b in BS
        }
        super().__init__({"rules": list(CONVENTIONS), "channels": CHANNELS, "sizes": sizes}, **state)
