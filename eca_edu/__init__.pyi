from .app.report import write_report
from .attention import ECA, ChannelAttention, SqueezeExcitation, interaction_matrix, make_attention
from .attribution import Attribution, gate_attribution, grad_cam, integrated_gradients, occlusion, saliency
from .channel_weights import override_channel_weights, record_channel_weights
from .clinic import examine
from .complexity import count_macs, count_parameters
from .datasets import ImageData, load_cifar10, load_image_folder, load_images, make_cue_switch
from .insertion import insert_attention
from .kernel_size import adaptive_kernel_size, nearest_odd
from .models import ECACNN, BasicBlock, Bottleneck, ECAResNet8, ModelConfig, build_model, conv_bn_act
from .training.checkpoints import load_checkpoint, save_checkpoint
from .training.loop import Epoch, best_device, evaluate, fit

# Type checkers need the names themselves, or `from eca_edu import *` would give them nothing.
__all__ = [
    "ECA",
    "ECACNN",
    "Attribution",
    "BasicBlock",
    "Bottleneck",
    "ChannelAttention",
    "ECAResNet8",
    "Epoch",
    "ImageData",
    "ModelConfig",
    "SqueezeExcitation",
    "adaptive_kernel_size",
    "best_device",
    "build_model",
    "conv_bn_act",
    "count_macs",
    "count_parameters",
    "evaluate",
    "examine",
    "fit",
    "gate_attribution",
    "grad_cam",
    "insert_attention",
    "integrated_gradients",
    "interaction_matrix",
    "load_checkpoint",
    "load_cifar10",
    "load_image_folder",
    "load_images",
    "make_attention",
    "make_cue_switch",
    "nearest_odd",
    "occlusion",
    "override_channel_weights",
    "record_channel_weights",
    "saliency",
    "save_checkpoint",
    "write_report",
]
