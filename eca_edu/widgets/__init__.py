"""Move it: explorers that join controls, computing and drawing."""

from eca_edu.widgets.attributions import AttributionExplorer
from eca_edu.widgets.backbones import BackboneExplorer
from eca_edu.widgets.channel_weights import ChannelWeightsExplorer, InterventionExplorer
from eca_edu.widgets.convolution import ConvolutionStepper
from eca_edu.widgets.gates import InteractionExplorer
from eca_edu.widgets.kernel_size import ConventionsExplorer, KernelSizeExplorer
from eca_edu.widgets.prediction import Prediction
from eca_edu.widgets.training import LiveCurves, TrainingMonitor
