"""What `eca_edu.explorers` gives."""

from .attributions import AttributionExplorer as AttributionExplorer
from .backbones import BackboneExplorer as BackboneExplorer
from .conventions import ConventionsExplorer as ConventionsExplorer
from .convolution import ConvolutionStepper as ConvolutionStepper
from .interaction import InteractionExplorer as InteractionExplorer
from .kernel_size import KernelSizeExplorer as KernelSizeExplorer
from .live_network import LiveNetwork as LiveNetwork, write_page as write_page
from .pipeline import PipelineExplorer as PipelineExplorer
from .prediction import (
    Prediction as Prediction,
    PredictionSummary as PredictionSummary,
    predict as predict,
)
from .questions import Quiz as Quiz, WarmUp as WarmUp
from .training import LiveCurves as LiveCurves, TrainingMonitor as TrainingMonitor
