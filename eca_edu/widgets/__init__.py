"""Move it: explorers that join controls, computing and drawing."""

from eca_edu.widgets.backbones import BackboneExplorer
from eca_edu.widgets.channel_weights import ChannelWeightsExplorer
from eca_edu.widgets.kernel_size import KernelSizeExplorer
from eca_edu.widgets.training import LiveCurves

__all__ = ["BackboneExplorer", "ChannelWeightsExplorer", "KernelSizeExplorer", "LiveCurves"]
