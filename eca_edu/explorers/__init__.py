"""Touch it: explorers that are drawn in the page and answer to the hand there, with or without a kernel."""

from eca_edu.explorers.attributions import AttributionExplorer
from eca_edu.explorers.backbones import BackboneExplorer
from eca_edu.explorers.conventions import ConventionsExplorer
from eca_edu.explorers.convolution import ConvolutionStepper
from eca_edu.explorers.interaction import InteractionExplorer
from eca_edu.explorers.kernel_size import KernelSizeExplorer
from eca_edu.explorers.live_network import LiveNetwork, write_page
from eca_edu.explorers.pipeline import PipelineExplorer
from eca_edu.explorers.prediction import Prediction, PredictionSummary, predict
from eca_edu.explorers.questions import Quiz, WarmUp
from eca_edu.explorers.training import LiveCurves, TrainingMonitor
