__all__: list[str]

from . import (
    attention as attention,
    attribution as attribution,
    channel_weights as channel_weights,
    checkpoints as checkpoints,
    complexity as complexity,
    datasets as datasets,
    distributed as distributed,
    doctor as doctor,
    exercises as exercises,
    experiments as experiments,
    figures as figures,
    files as files,
    insertion as insertion,
    kernel_size as kernel_size,
    models as models,
    progress as progress,
    report as report,
    results as results,
    resume as resume,
    solutions as solutions,
    statistics as statistics,
    training as training,
    widgets as widgets,
)
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
    channels_for_kernel_size as channels_for_kernel_size,
    nearest_odd as nearest_odd,
)
from .models import (
    ECACNN as ECACNN,
    BasicBlock as BasicBlock,
    Bottleneck as Bottleneck,
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
