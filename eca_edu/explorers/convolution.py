"""The 1-D convolution of ECA, touched: drag the averages, the weights of the kernel, and the kernel itself."""

from collections.abc import Sequence

import torch
import traitlets

from eca_edu.explorers.explorer import Explorer

LARGEST = 10  # channels whose numbers can be read side by side


class ConvolutionStepper(Explorer):
    """The 1-D convolution of ECA one channel at a time: `y`, `kernel`, `channel`, `padding` and `loop`.

    y: (C,), the averages of at most 10 channels. kernel: (k,), its weights; k is odd and at most C.
    Raises ValueError for a y or a kernel of another shape.
    """

    script = "convolution"
    y = traitlets.List(traitlets.Float()).tag(sync=True, state=True)
    kernel = traitlets.List(traitlets.Float()).tag(sync=True, state=True)
    channel = traitlets.Int(0, min=0).tag(sync=True, state=True)
    padding = traitlets.Enum(["zeros", "circular"], "zeros").tag(sync=True, state=True)
    loop = traitlets.Bool(False).tag(sync=True, state=True)

    def __init__(self, y: Sequence[float] | torch.Tensor, kernel: Sequence[float] | torch.Tensor, **state):
        averages, weights = (torch.as_tensor(values, dtype=torch.float64).detach() for values in (y, kernel))
        if averages.ndim != 1 or not 1 <= len(averages) <= LARGEST:
            raise ValueError(f"y must be a row of 1 to {LARGEST} averages; got shape {tuple(averages.shape)}")
        if weights.ndim != 1 or len(weights) % 2 == 0 or len(weights) > len(averages):
            allowed = f"an odd number of weights, at most {len(averages)}"
            raise ValueError(f"kernel must be a row of {allowed}; got {weights.tolist()}")
        reaches = [max(1.0, float(values.abs().max())) for values in (averages, weights)]
        numbers = {"reach": reaches[0], "kernel_reach": reaches[1]}  # of the two scales
        super().__init__(numbers, y=averages.tolist(), kernel=weights.tolist(), **state)
