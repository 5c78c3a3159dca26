from .attention import (
    ECA as ECA,
    ChannelAttention as ChannelAttention,
    SqueezeExcitation as SqueezeExcitation,
    interaction_matrix as interaction_matrix,
    make_attention as make_attention,
)
from .attribution import (
    Attribution as Attribution,
    gate_attribution as gate_attribution,
    grad_cam as grad_cam,
    integrated_gradients as integrated_gradients,
    occlusion as occlusion,
    saliency as saliency,
)
from .channel_weights import (
    override_channel_weights as override_channel_weights,
    record_channel_weights as record_channel_weights,
)
from .checkpoints import (
    load_checkpoint as load_checkpoint,
    save_checkpoint as save_checkpoint,
)
from .clinic import (
    examine as examine,
)
from .complexity import (
    count_macs as count_macs,
    count_parameters as count_parameters,
)
from .datasets import (
    ImageData as ImageData,
    load_cifar10 as load_cifar10,
    load_image_folder as load_image_folder,
    load_images as load_images,
    make_cue_switch as make_cue_switch,
)
from .insertion import (
    insert_attention as insert_attention,
)
from .kernel_size import (
    adaptive_kernel_size as adaptive_kernel_size,
    nearest_odd as nearest_odd,
)
from .models import (
    ECACNN as ECACNN,
    BasicBlock as BasicBlock,
    Bottleneck as Bottleneck,
    ECAResNet8 as ECAResNet8,
    ModelConfig as ModelConfig,
    build_model as build_model,
    conv_bn_act as conv_bn_act,
)
from .report import (
    write_report as write_report,
)
from .training import (
    Epoch as Epoch,
    best_device as best_device,
    evaluate as evaluate,
    fit as fit,
)

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
