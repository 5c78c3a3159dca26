"""Efficient Channel Attention (ECA-Net, Wang et al., CVPR 2020), as a course builds it and as a network uses it.

Public names load on first use, so that ``import eca_edu.kernel_size`` imports neither torch nor numpy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "attention",
        "attribution",
        "checkpoints",
        "complexity",
        "datasets",
        "distributed",
        "doctor",
        "exercises",
        "experiments",
        "inspection",
        "kernel_size",
        "models",
        "plots",
        "report",
        "solutions",
        "training",
        "widgets",
    ],
    submod_attrs={
        "attention": ["ECA", "ChannelAttention", "SqueezeExcitation", "interaction_matrix", "make_attention"],
        "attribution": ["Attribution", "gate_attribution", "grad_cam", "integrated_gradients", "occlusion", "saliency"],
        "checkpoints": ["load_checkpoint", "save_checkpoint"],
        "complexity": ["count_macs", "count_parameters"],
        "datasets": ["ImageData", "cue_switch", "load_cifar10", "load_image_folder", "load_images"],
        "inspection": ["override_channel_weights", "record_channel_weights"],
        "kernel_size": ["adaptive_kernel_size", "channels_for_kernel_size", "nearest_odd"],
        "models": [
            "ECACNN",
            "BasicBlock",
            "Bottleneck",
            "ModelConfig",
            "build_model",
            "conv_bn_act",
            "insert_attention",
        ],
        "report": ["write_report"],
        "training": ["Epoch", "best_device", "evaluate", "fit"],
    },
)
