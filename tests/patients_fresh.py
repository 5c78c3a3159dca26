"""Networks with one fault each, and healthy ones, written by someone who had not seen how `examine` works.

Every function does what a user would have done, by mistake or rightly, and returns the network with the keyword
arguments for `examine`. `CASES` tells the fault that should be named; of those in `HEALTHY` nothing should be named.
"""

import functools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import timm
import torch
import torchvision
from timm.layers import EcaModule
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, ResNet

from eca_edu.attention import ECA, SEVar1, SqueezeExcitation
from eca_edu.datasets import make_cue_switch
from eca_edu.insertion import insert_attention
from eca_edu.models import ECACNN, ECAResNet8, ResidualBlock, conv_bn_act

Patient = tuple[nn.Module, dict]

FOLDER = tempfile.TemporaryDirectory()  # of the checkpoints; goes when Python ends


# What users bring: a training loop, attention layers as they stand in public repositories, and networks around them.


@functools.cache
def images_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    data = make_cue_switch(1024, seed=11)
    return data.normalize(data.images), data.labels


def sgd(parameters, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4)


def train(model: nn.Module, optimizer: torch.optim.Optimizer | None = None, steps: int = 50) -> nn.Module:
    """A few steps of 32 images, after which batch norms have seen data and all that learns has moved."""
    optimizer = optimizer or sgd([p for p in model.parameters() if p.requires_grad])
    x, y = images_and_labels()
    model.train()
    for step in range(steps):
        batch = (torch.arange(32) + 32 * step) % len(x)
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model


def of(*kinds: type) -> Callable[[str, nn.Module], bool]:
    return lambda name, module: isinstance(module, kinds)


class EcaLayer(nn.Module):
    """The layer as the authors' code has it, with its k_size=3 for whoever does not choose."""

    def __init__(self, channel, k_size=3):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel_size=k_size, padding=(k_size - 1) // 2, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        y = self.avg_pool(x)
        y = self.conv(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        return x * self.sigmoid(y).expand_as(x)


class SELayer(nn.Module):
    """The layer of countless repositories."""

    def __init__(self, channel, reduction=4):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channel // reduction, channel),
            nn.Sigmoid(),
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        return x * self.fc(y).view(b, c, 1, 1)


class PlainCNN(nn.Module):
    """Three times convolution, batch norm, ReLU, attention and pooling; no shortcut."""

    def __init__(self, attention=SELayer, widths=(16, 32, 64), num_classes=10):
        super().__init__()
        layers, c_in = [], 3
        for c in widths:
            layers += [nn.Conv2d(c_in, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True)]
            layers += [attention(c), nn.MaxPool2d(2)]
            c_in = c
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(c_in, num_classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class UserBlock(nn.Module):
    """A basic block as in torchvision, with attention in the branch."""

    def __init__(self, c_in, c_out, stride=1, attention=SELayer):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.att = attention(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.att(self.bn2(self.conv2(out)))
        out += identity
        return self.relu(out)


class UserResNet(nn.Module):
    def __init__(self, block=UserBlock, attention=SELayer, width=16, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = block(width, width, 1, attention)
        self.layer2 = block(width, 2 * width, 2, attention)
        self.layer3 = block(2 * width, 4 * width, 2, attention)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def resnet10() -> ResNet:
    """torchvision's ResNet with one block in each stage: 64, 128, 256 and 512 channels."""
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)


# fails for one image


class EcaSqueezed(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.pool(x).squeeze()  # (N, C), but (C,) for one image
        y = self.conv(y.unsqueeze(1)).squeeze(1)
        return x * torch.sigmoid(y)[..., None, None]


def squeeze_without_axis() -> Patient:
    """squeeze() takes the batch away, too, when it is one image: Conv1d sees C channels and raises."""
    torch.manual_seed(101)
    return ECAResNet8(width=16, attention=EcaSqueezed), {"where": of(EcaSqueezed)}


class SEImageByImage(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.fc1 = nn.Linear(channel, channel // 4)
        self.fc2 = nn.Linear(channel // 4, channel)

    def forward(self, x):
        y = F.adaptive_avg_pool2d(x, 1).squeeze()
        y = torch.sigmoid(self.fc2(F.relu(self.fc1(y))))
        return torch.stack([image * w.view(-1, 1, 1) for image, w in zip(x, y)])  # noqa: B905


def zip_over_squeezed_weights() -> Patient:
    """No error: for one image zip takes the first channel's weight as that of the whole image."""
    torch.manual_seed(102)
    return train(PlainCNN(SEImageByImage)).eval(), {"where": of(SEImageByImage)}


# wrong axis


class EcaOverTheBatch(nn.Module):
    def __init__(self, channel, k_size=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, k_size, padding=k_size // 2, bias=False)

    def forward(self, x):
        y = x.mean((2, 3))  # (N, C)
        y = self.conv(y.t().unsqueeze(1))  # (C, 1, N): the neighbours are other images
        return x * torch.sigmoid(y).squeeze(1).t()[:, :, None, None]


def conv_slides_over_the_batch() -> Patient:
    """A transposition too many before the 1-D convolution."""
    torch.manual_seed(103)
    return PlainCNN(EcaOverTheBatch), {"where": of(EcaOverTheBatch)}


class SESoftmax(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // 4), nn.ReLU(), nn.Linear(channel // 4, channel), nn.Softmax(dim=0)
        )

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


def softmax_over_the_batch() -> Patient:
    """Softmax(dim=0), which was meant to be that of the channels, lets the images of a batch compete."""
    torch.manual_seed(104)
    return train(UserResNet(attention=SESoftmax)), {"where": of(SESoftmax)}


class EcaOverPlaces(nn.Module):
    def __init__(self, channel, k_size=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, k_size, padding=k_size // 2, bias=False)

    def forward(self, x):
        b, _, h, w = x.size()
        y = x.mean(1).view(b, 1, h * w)  # the average over the channels
        return x * torch.sigmoid(self.conv(y)).view(b, 1, h, w)


def average_over_channels() -> Patient:
    """mean(1) where mean((2, 3)) was meant: a weight for every place, the same for all channels."""
    torch.manual_seed(105)
    return train(ECACNN(width=16, attention=EcaOverPlaces, stem_stride=2)), {"where": of(EcaOverPlaces)}


class SEBatchMean(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.fc1 = nn.Linear(channel, max(channel // 4, 4))
        self.fc2 = nn.Linear(max(channel // 4, 4), channel)

    def forward(self, x):
        y = x.mean((0, 2, 3))  # as a batch norm averages
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(y)))).view(1, -1, 1, 1)


def average_over_the_batch_too() -> Patient:
    """timm's MobileNetV3 with squeeze-and-excitation of one's own, one descriptor for the whole batch."""
    torch.manual_seed(106)
    model = timm.create_model("mobilenetv3_small_050", num_classes=10)
    for module in [*model.modules()]:
        if isinstance(getattr(module, "se", None), timm.models._efficientnet_blocks.SqueezeExcite):
            module.se = SEBatchMean(module.se.conv_reduce.in_channels)
    return model, {"where": of(SEBatchMean)}


class EcaAlongWidth(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        b, c, _, _ = x.size()
        y = torch.sigmoid(self.conv(x.mean((2, 3)).unsqueeze(1)))
        return x * y.view(b, 1, 1, c)  # no error where the map is as wide as it has channels


def weights_along_the_width() -> Patient:
    """view(b, 1, 1, c) as for channels last, on 32 channels of 32 x 32 places and 16 of 16 x 16."""
    torch.manual_seed(107)
    model = nn.Sequential(
        *conv_bn_act(3, 32),
        EcaAlongWidth(32),
        *conv_bn_act(32, 16, stride=2),
        EcaAlongWidth(16),
        *conv_bn_act(16, 64, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    return model, {"where": of(EcaAlongWidth)}


# unused


def added_but_never_called() -> Patient:
    """add_module puts ECA into every block of torchvision's ResNet-18, whose forward knows nothing of it."""
    torch.manual_seed(108)
    model = torchvision.models.resnet18(num_classes=10)
    for block in model.modules():
        if isinstance(block, BasicBlock):
            block.add_module("eca", ECA(block.bn2.num_features))
    return model, {"optimizer": sgd(model.parameters())}


class ForgetfulBlock(UserBlock):
    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        self.att(out)  # and the result goes nowhere
        out += identity
        return self.relu(out)


def result_thrown_away() -> Patient:
    """self.att(out) in place of out = self.att(out)."""
    torch.manual_seed(109)
    return train(UserResNet(ForgetfulBlock)), {"where": of(SELayer)}


class OneForgotten(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.eca1 = conv_bn_act(3, 16, stride=2), ECA(16)
        self.conv2, self.eca2 = conv_bn_act(16, 32, stride=2), ECA(32)
        self.conv3, self.eca3 = conv_bn_act(32, 64, stride=2), ECA(64)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.eca1(self.conv1(x))
        x = self.eca2(self.conv2(x))
        x = self.conv3(x)
        return self.fc(x.mean((2, 3)))


def last_one_forgotten() -> Patient:
    """Three gates are made, two are called."""
    torch.manual_seed(110)
    return train(OneForgotten()), {}


# not as in the checkpoint


def loaded_after_the_insertion() -> Patient:
    """Insertion renames bn2 to bn2.0, so that strict=False passes over all batch norms of the plain checkpoint."""
    torch.manual_seed(111)
    plain = resnet10()
    plain = train(plain, sgd(plain.parameters(), lr=0.02), steps=15).state_dict()
    model = insert_attention(resnet10())
    model.load_state_dict(plain, strict=False)
    return model, {"checkpoint": plain}


def other_kernel_sizes_in_the_file() -> Patient:
    """The checkpoint had k = 3 in every block; keys of another shape were left out before loading."""
    torch.manual_seed(112)
    old = ECACNN(width=32, attention=functools.partial(ECA, kernel_size=3), stem_stride=2)
    path = Path(FOLDER.name) / "eca_k3.pt"
    torch.save(train(old, steps=30).state_dict(), path)
    model = ECACNN(width=32, stem_stride=2)  # ψ(128) = 5
    own = model.state_dict()
    state = {name: value for name, value in torch.load(path).items() if own[name].shape == value.shape}
    model.load_state_dict(state, strict=False)
    return model.eval(), {"checkpoint": path}


def attribute_was_renamed() -> Patient:
    """The attribute was called se when the checkpoint was written, and is called att now."""
    torch.manual_seed(113)
    state = train(UserResNet()).state_dict()
    state = {name.replace(".att.", ".se."): value for name, value in state.items()}
    torch.manual_seed(1113)
    model = UserResNet()
    model.load_state_dict(state, strict=False)
    return model.eval(), {"checkpoint": state, "where": of(SELayer)}


# no gradient


def frozen_by_name() -> Patient:
    """Batch norms are frozen by "bn" in their names, and "layer1.0.bn2.1.conv.weight" is the gate's."""
    torch.manual_seed(114)
    model = insert_attention(torchvision.models.resnet18(num_classes=10), start="identity")
    for name, parameter in model.named_parameters():
        if "bn" in name:
            parameter.requires_grad = False
    return model, {"optimizer": sgd([p for p in model.parameters() if p.requires_grad])}


class SENoGrad(SELayer):
    def forward(self, x):
        b, c, _, _ = x.size()
        with torch.no_grad():  # "saves memory"
            y = self.fc(self.avg_pool(x).view(b, c)).view(b, c, 1, 1)
        return x * y


def weights_under_no_grad() -> Patient:
    """The weights are computed under no_grad, so that only the features learn."""
    torch.manual_seed(115)
    model = PlainCNN(SENoGrad)
    return train(model), {"where": of(SENoGrad), "optimizer": sgd(model.parameters())}


class EcaWrongVariable(nn.Module):
    def __init__(self, channel, k_size=3):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel_size=k_size, padding=k_size // 2, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        b, c, _, _ = x.size()
        avg = self.avg_pool(x).view(b, 1, c)
        out = self.conv(avg)
        out = self.sigmoid(avg).view(b, c, 1, 1)  # of avg, not of out
        return out * x


def sigmoid_of_the_average() -> Patient:
    """One wrong variable: the result of the convolution is thrown away."""
    torch.manual_seed(116)
    model = UserResNet(attention=EcaWrongVariable)
    return train(model), {"where": of(EcaWrongVariable)}


# not in the optimizer


def optimizer_before_the_insertion() -> Patient:
    """The optimizer was made of the network without attention."""
    torch.manual_seed(117)
    model = resnet10()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    insert_attention(model, "se")
    return model, {"optimizer": optimizer}


def groups_by_number_of_axes() -> Patient:
    """Weight decay for kernels and matrices, none for vectors: ECA's kernel has three axes and is in neither group."""
    torch.manual_seed(118)
    model = ECAResNet8(width=16)
    decay = [p for p in model.parameters() if p.ndim in (2, 4)]
    no_decay = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decay, "weight_decay": 5e-4}, {"params": no_decay, "weight_decay": 0.0}]
    return model, {"optimizer": torch.optim.SGD(groups, lr=0.1, momentum=0.9)}


def replaced_after_the_optimizer() -> Patient:
    """The gates were exchanged for others with another reduction when the optimizer held the old ones."""
    torch.manual_seed(119)
    model = UserResNet(attention=lambda c: SELayer(c, 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for block in (model.layer1, model.layer2, model.layer3):
        block.att = SELayer(block.bn2.num_features, 4)
    return model, {"optimizer": optimizer, "where": of(SELayer)}


# after the addition


def after_each_stage() -> Patient:
    """The quick way into torchvision's ResNet-18: ECA behind each stage."""
    torch.manual_seed(120)
    model = torchvision.models.resnet18(num_classes=10)
    for stage, channels in [("layer1", 64), ("layer2", 128), ("layer3", 256), ("layer4", 512)]:
        setattr(model, stage, nn.Sequential(getattr(model, stage), ECA(channels)))
    return model, {}


class LateBlock(UserBlock):
    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        out = self.relu(out)
        return self.att(out)


def at_the_end_of_the_block() -> Patient:
    """Attention is the last line of the block's forward."""
    torch.manual_seed(121)
    return train(UserResNet(LateBlock)), {"where": of(SELayer)}


class SumThenAttention(ResidualBlock):
    def __init__(self, channels):
        branch = nn.Sequential(conv_bn_act(channels, channels), conv_bn_act(channels, channels, activation=None))
        super().__init__(branch, channels, channels, attention=ECA)

    def forward(self, x):
        return self.act(self.attention(self.branch(x) + self.shortcut(x)))


def around_the_sum() -> Patient:
    """Brackets in the wrong place: attention(branch + shortcut)."""
    torch.manual_seed(122)
    model = nn.Sequential(
        conv_bn_act(3, 16, stride=2),
        SumThenAttention(16),
        conv_bn_act(16, 32, stride=2),
        SumThenAttention(32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
    return train(model), {"optimizer": sgd(model.parameters())}


# before the batch norm


def inserted_after_the_convolution() -> Patient:
    """where= chooses the last convolution of each block in place of its batch norm."""
    torch.manual_seed(123)
    return insert_attention(resnet10(), where=lambda name, _: name.endswith("conv2")), {}


class ConvAttentionNorm(nn.Module):
    def __init__(self, attention=SELayer):
        super().__init__()
        layers, c_in = [], 3
        for c in (16, 32, 64):
            layers += [nn.Conv2d(c_in, c, 3, 2, 1, bias=False), attention(c), nn.BatchNorm2d(c), nn.ReLU(inplace=True)]
            c_in = c
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(c_in, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def between_convolution_and_norm() -> Patient:
    """A plain network: convolution, SE, batch norm, ReLU."""
    torch.manual_seed(124)
    return train(ConvAttentionNorm()), {"where": of(SELayer)}


def before_the_norm_of_the_projection() -> Patient:
    """timm's MobileNetV2 with ECA after the projection conv_pwl, whose batch norm comes after it."""
    torch.manual_seed(125)
    model = timm.create_model("mobilenetv2_050", num_classes=10)
    return insert_attention(model, where=lambda name, _: name.endswith("conv_pwl")), {}


# twice in a branch


def timm_se_and_eca() -> Patient:
    """timm's ResNet with SE in its blocks, and ECA after bn2 of the same blocks."""
    torch.manual_seed(126)
    model = timm.create_model("resnet10t", num_classes=10, block_args={"attn_layer": "se"})
    return insert_attention(model, where=lambda name, _: name.endswith("bn2")), {}


def after_both_norms() -> Patient:
    """One gate after each batch norm of torchvision's blocks, "the more the better"."""
    torch.manual_seed(127)
    model = resnet10()
    insert_attention(model, where=lambda name, _: "layer" in name and name.endswith(("bn1", "bn2")))
    return model, {"optimizer": torch.optim.AdamW(model.parameters(), lr=1e-3)}


def eca_on_top_of_mobilenetv3() -> Patient:
    """torchvision's MobileNetV3, which has squeeze-and-excitation, gets ECA after each projection."""
    torch.manual_seed(128)
    model = torchvision.models.mobilenet_v3_small(num_classes=10)
    kind = torchvision.models.mobilenetv3.InvertedResidual
    last = [f"{name}.block.{len(m.block) - 1}.1" for name, m in model.named_modules() if isinstance(m, kind)]
    return insert_attention(model, where=lambda name, _: name in last), {}


# learning rate


def warm_up_that_never_begins() -> Patient:
    """The warm-up starts at 0 and scheduler.step() is nowhere called, so the learning rate stays 0."""
    torch.manual_seed(129)
    model = ECAResNet8(width=16)
    optimizer = sgd(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: min(1, epoch / 5))
    return model, {"optimizer": optimizer}


def learning_rate_of_another_optimizer() -> Patient:
    """The 1.0 of a recipe with LARS and large batches, given to Adam, which moves every weight by about 1."""
    torch.manual_seed(130)
    model = insert_attention(resnet10())
    return model, {"optimizer": torch.optim.Adam(model.parameters(), lr=1.0)}


def a_thousand_times_for_new_layers() -> Patient:
    """ "New layers need more": SGD at 0.05, and 1000 times as much for the gates."""
    torch.manual_seed(131)
    model = train(UserResNet())
    new = [p for name, p in model.named_parameters() if ".att." in name]
    old = [p for name, p in model.named_parameters() if ".att." not in name]
    optimizer = torch.optim.SGD([{"params": old}, {"params": new, "lr": 0.05 * 1000}], lr=0.05, momentum=0.9)
    return model, {"optimizer": optimizer, "where": of(SELayer)}


def gates_among_the_pretrained() -> Patient:
    """All but the head is "pretrained" and gets 1e-8, as good as frozen; the new gates lie among it."""
    torch.manual_seed(132)
    model = insert_attention(resnet10(), "se", start="identity")
    head = [p for name, p in model.named_parameters() if name.startswith("fc.")]
    pretrained = [p for name, p in model.named_parameters() if not name.startswith("fc.")]
    return model, {"optimizer": sgd([{"params": pretrained, "lr": 1e-8}, {"params": head}])}


# saturated


class EcaOfSums(nn.Module):
    def __init__(self, channel, k_size=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, k_size, padding=k_size // 2, bias=False)

    def forward(self, x):
        y = x.sum((2, 3)).unsqueeze(1)  # a sum over all places, hundreds of times the average
        return x * torch.sigmoid(self.conv(y)).squeeze(1)[:, :, None, None]


def sum_instead_of_average() -> Patient:
    """sum((2, 3)) for the squeeze: logits of some hundreds."""
    torch.manual_seed(133)
    return train(PlainCNN(EcaOfSums)), {"where": of(EcaOfSums)}


class SEOpen(SELayer):
    bias = 10.0

    def __init__(self, channel):
        super().__init__(channel)
        nn.init.constant_(self.fc[2].bias, self.bias)


def bias_of_ten() -> Patient:
    """ "Let the gates start open": the last bias is 10, and σ(10) has no slope to come back from."""
    torch.manual_seed(134)
    model = PlainCNN(SEOpen)
    return train(model), {"where": of(SEOpen), "optimizer": sgd(model.parameters())}


class SEClosed(SEOpen):
    bias = -10.0


def bias_of_minus_ten() -> Patient:
    """ "Let every residual block start as its shortcut": the last bias is -10, and the branches stay shut."""
    torch.manual_seed(135)
    return train(UserResNet(attention=SEClosed)), {"where": of(SEClosed)}


# never left its start


def fine_tuned_with_the_old_optimizer() -> Patient:
    """Identity gates in a trained network, fine-tuned with the optimizer of before; only the network was kept."""
    torch.manual_seed(136)
    model = UserResNet(attention=nn.Identity)
    optimizer = sgd(model.parameters())
    train(model, optimizer)
    insert_attention(model, where=lambda name, _: name.endswith("bn2"), start="identity")
    return train(model, optimizer, steps=20).eval(), {}


class SEZero(SELayer):
    def __init__(self, channel):
        super().__init__(channel)
        nn.init.zeros_(self.fc[2].weight)
        nn.init.zeros_(self.fc[2].bias)


def zero_start_and_left_out() -> Patient:
    """The last layer starts at 0, and the training took "conv", "bn" and "fc." only: "att.fc" starts with none."""
    torch.manual_seed(137)
    model = UserResNet(attention=SEZero)
    taken = [p for name, p in model.named_parameters() if ".att." not in name]
    return train(model, sgd(taken)), {"where": of(SEZero)}


def mobilenetv3_without_its_gates() -> Patient:
    """timm's MobileNetV3 trained without the parameters of its SE, whose biases are still exactly 0."""
    torch.manual_seed(138)
    model = timm.create_model("mobilenetv3_small_050", num_classes=10)
    taken = [p for name, p in model.named_parameters() if ".se." not in name]
    return train(model, torch.optim.AdamW(taken, lr=3e-3)).eval(), {}


# constant


class InstanceNormNet(nn.Module):
    """As in style transfer: convolutions, and what comes after each of them."""

    def __init__(self, after):
        super().__init__()
        layers, c_in = [], 3
        for c in (16, 32, 64):
            layers += [nn.Conv2d(c_in, c, 3, 2, 1, bias=False), *after(c)]
            c_in = c
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(c_in * 4, 10)

    def forward(self, x):
        return self.classifier(F.adaptive_max_pool2d(self.features(x), 2).flatten(1))


def after_an_instance_norm() -> Patient:
    """After an instance norm every channel has the same average in every image: its bias."""
    torch.manual_seed(139)
    model = insert_attention(
        InstanceNormNet(lambda c: [nn.InstanceNorm2d(c, affine=True), nn.ReLU()]), where=of(nn.InstanceNorm2d)
    )
    return train(model, sgd(model.parameters(), lr=0.1), steps=60), {"optimizer": sgd(model.parameters(), lr=0.1)}


def decayed_to_its_biases() -> Patient:
    """weight_decay=5 where 5e-4 was meant, for the gates' matrices: nothing is left of them but the biases."""
    torch.manual_seed(140)
    model = UserResNet()
    named = [*model.named_parameters()]
    matrices = [p for name, p in named if ".att." in name and p.ndim == 2]
    rest = [p for name, p in named if not (".att." in name and p.ndim == 2)]
    optimizer = torch.optim.SGD([{"params": matrices, "weight_decay": 5.0}, {"params": rest}], lr=0.05)
    return train(model, optimizer, steps=60), {"where": of(SELayer)}


class LearnedScale(nn.Module):
    def __init__(self, channel):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(channel))

    def forward(self, x):
        return x * torch.sigmoid(self.logits).view(1, -1, 1, 1)


def scale_without_squeeze() -> Patient:
    """ "Channel attention" of learned weights that never look at the image."""
    torch.manual_seed(141)
    model = PlainCNN(LearnedScale)
    return train(model), {"where": of(LearnedScale), "optimizer": sgd(model.parameters())}


# no effect


def undone_by_an_instance_norm() -> Patient:
    """Convolution, ReLU, SE, instance norm, which divides by what the gate has multiplied with."""
    torch.manual_seed(142)
    model = InstanceNormNet(lambda c: [nn.ReLU(), SELayer(c), nn.InstanceNorm2d(c, affine=True)])
    return train(model), {"where": of(SELayer), "optimizer": sgd(model.parameters())}


class ScaledBlock(UserBlock):
    def __init__(self, c_in, c_out, stride=1, attention=SELayer):
        super().__init__(c_in, c_out, stride, attention)
        self.gamma = nn.Parameter(1e-6 * torch.ones(c_out, 1, 1))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.gamma * self.att(self.bn2(self.conv2(out)))
        return self.relu(out + identity)


def branches_scaled_to_nothing() -> Patient:
    """A layer scale of 1e-6, as in very deep networks, that the training left out: the branches say nothing."""
    torch.manual_seed(143)
    model = UserResNet(ScaledBlock)
    for name, parameter in model.named_parameters():
        if name.endswith("gamma"):
            parameter.requires_grad = False
    return train(model), {"where": of(SELayer)}


# kernel size


def default_k_everywhere() -> Patient:
    """The authors' layer with its default k_size=3 in torchvision's ResNet-18; ψ of 256 and 512 channels is 5."""
    torch.manual_seed(144)
    model = torchvision.models.resnet18(num_classes=10)
    for block in model.modules():
        if isinstance(block, BasicBlock):
            block.bn2 = nn.Sequential(block.bn2, EcaLayer(block.bn2.num_features))
    return model, {"where": of(EcaLayer)}


class EcaBrackets(EcaLayer):
    def __init__(self, channel, gamma=2, b=1):
        k_size = int(abs(math.log2(channel) + b / gamma))  # (log2(channel) + b) / gamma was meant
        super().__init__(channel, k_size if k_size % 2 else k_size + 1)


def brackets_of_psi() -> Patient:
    """Brackets are missing in ψ: k = 7 for 64 channels."""
    torch.manual_seed(145)
    return train(UserResNet(attention=EcaBrackets, width=32), steps=30), {"where": of(EcaBrackets)}


def kernel_sizes_by_the_size_of_the_map() -> Patient:
    """The larger the map, the larger the kernel: 9 for 64 channels down to 3 for 512."""
    torch.manual_seed(146)
    model = insert_attention(resnet10(), kernel_sizes=[9, 7, 3, 3])
    return model, {"optimizer": sgd(model.parameters())}


CASES: dict[str, tuple[str, Callable[[], Patient]]] = {
    make.__name__: (fault, make)
    for fault, makes in {
        "fails for one image": [squeeze_without_axis, zip_over_squeezed_weights],
        "wrong axis": [
            conv_slides_over_the_batch,
            softmax_over_the_batch,
            average_over_channels,
            average_over_the_batch_too,
            weights_along_the_width,
        ],
        "unused": [added_but_never_called, result_thrown_away, last_one_forgotten],
        "not as in the checkpoint": [
            loaded_after_the_insertion,
            other_kernel_sizes_in_the_file,
            attribute_was_renamed,
        ],
        "no gradient": [frozen_by_name, weights_under_no_grad, sigmoid_of_the_average],
        "not in the optimizer": [
            optimizer_before_the_insertion,
            groups_by_number_of_axes,
            replaced_after_the_optimizer,
        ],
        "after the addition": [after_each_stage, at_the_end_of_the_block, around_the_sum],
        "before the batch norm": [
            inserted_after_the_convolution,
            between_convolution_and_norm,
            before_the_norm_of_the_projection,
        ],
        "twice in a branch": [timm_se_and_eca, after_both_norms, eca_on_top_of_mobilenetv3],
        "learning rate": [
            warm_up_that_never_begins,
            learning_rate_of_another_optimizer,
            a_thousand_times_for_new_layers,
            gates_among_the_pretrained,
        ],
        "saturated": [sum_instead_of_average, bias_of_ten, bias_of_minus_ten],
        "never left its start": [
            fine_tuned_with_the_old_optimizer,
            zero_start_and_left_out,
            mobilenetv3_without_its_gates,
        ],
        "constant": [after_an_instance_norm, decayed_to_its_biases, scale_without_squeeze],
        "no effect": [undone_by_an_instance_norm, branches_scaled_to_nothing],
        "kernel size": [default_k_everywhere, brackets_of_psi, kernel_sizes_by_the_size_of_the_map],
    }.items()
    for make in makes
}


# Healthy


def ours_fresh() -> Patient:
    """The course's network before its training."""
    torch.manual_seed(201)
    model = ECAResNet8(width=16)
    return model, {"optimizer": torch.optim.AdamW(model.parameters(), lr=1e-3)}


def ours_trained() -> Patient:
    """The course's network after some steps, with its optimizer and its own checkpoint."""
    torch.manual_seed(202)
    model = ECAResNet8(width=16)
    optimizer = sgd(model.parameters())
    train(model, optimizer, steps=60)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return model, {"optimizer": optimizer, "checkpoint": state}


def se_trained_and_reloaded() -> Patient:
    """Trained, written to a file as training scripts do, and read back into a new network."""
    torch.manual_seed(203)
    attention = functools.partial(SqueezeExcitation, reduction=4)
    path = Path(FOLDER.name) / "se.pt"
    model = ECAResNet8(width=16, attention=attention)
    train(model, torch.optim.AdamW(model.parameters(), lr=5e-3), steps=90)
    torch.save(model.state_dict(), path)
    model = ECAResNet8(width=16, attention=attention)
    model.load_state_dict(torch.load(path))
    return model.eval(), {"checkpoint": path}


def last_of_a_training_script() -> Patient:
    """The file holds more than the weights: {"epoch", "state_dict", "optimizer"}."""
    torch.manual_seed(204)
    model = UserResNet(attention=EcaLayer)
    optimizer = sgd(model.parameters())
    train(model, optimizer, steps=60)
    path = Path(FOLDER.name) / "last.pt"
    torch.save({"epoch": 1, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    return model, {"where": of(EcaLayer), "optimizer": optimizer, "checkpoint": path}


def torchvision_with_identity_gates() -> Patient:
    """torchvision's ResNet-18 with gates that start at 1, before the fine-tuning; the gates learn a little faster."""
    torch.manual_seed(205)
    model = insert_attention(torchvision.models.resnet18(num_classes=10), start="identity")
    new = [p for name, p in model.named_parameters() if ".bn2.1." in name]
    old = [p for name, p in model.named_parameters() if ".bn2.1." not in name]
    return model, {"optimizer": torch.optim.AdamW([{"params": old}, {"params": new, "lr": 3e-3}], lr=3e-4)}


def only_gates_and_head_learn() -> Patient:
    """A trained network is frozen but for its head and new gates, which have learned."""
    torch.manual_seed(206)
    model = train(UserResNet(attention=nn.Identity), steps=60)
    for parameter in model.parameters():
        parameter.requires_grad = False
    insert_attention(model, "se", where=lambda name, _: name.endswith("bn2"), start="identity", reduction=4)
    model.fc.requires_grad_(True)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    return train(model, optimizer, steps=40), {"optimizer": optimizer}


def timm_se_fresh() -> Patient:
    """timm's SE-ResNet, whose last batch norms start at 0, so that its gates see nothing in the first step."""
    torch.manual_seed(207)
    model = timm.create_model("seresnet18", num_classes=10)
    return model, {"optimizer": sgd(model.parameters(), lr=0.1)}


def timm_eca_trained() -> Patient:
    """timm's ResNet with timm's ECA after some steps."""
    torch.manual_seed(208)
    model = timm.create_model("resnet10t", num_classes=10, block_args={"attn_layer": EcaModule}, zero_init_last=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    return train(model, optimizer, steps=30), {"optimizer": optimizer}


def timm_mobilenetv3_fresh() -> Patient:
    """timm's MobileNetV3 as it comes, with SE of hard sigmoids."""
    torch.manual_seed(209)
    return timm.create_model("mobilenetv3_small_050", num_classes=10).eval(), {}


def torchvision_mobilenetv3_fresh() -> Patient:
    """torchvision's MobileNetV3 as it comes."""
    torch.manual_seed(210)
    model = torchvision.models.mobilenet_v3_small(num_classes=10)
    return model, {"optimizer": torch.optim.AdamW(model.parameters(), lr=1e-3)}


def torchvision_mobilenetv2_with_se() -> Patient:
    """torchvision's MobileNetV2 with squeeze-and-excitation at the paper's places, and a checkpoint of the same."""
    torch.manual_seed(211)
    model = insert_attention(torchvision.models.mobilenet_v2(num_classes=10), "se")
    return model, {"checkpoint": model.state_dict()}


def custom_in_a_plain_network() -> Patient:
    """The authors' layer in a network without shortcuts, trained; k = 3 is right for 16 to 64 channels."""
    torch.manual_seed(212)
    model = PlainCNN(EcaLayer)
    optimizer = sgd(model.parameters())
    return train(model, optimizer, steps=60), {"where": of(EcaLayer), "optimizer": optimizer}


def gate_without_weights() -> Patient:
    """σ of the descriptor, with nothing to learn, and therefore nothing for the optimizer."""
    torch.manual_seed(213)
    model = ECACNN(width=16, attention=SEVar1, stem_stride=2)
    optimizer = sgd(model.parameters())
    return train(model, optimizer, steps=60), {"optimizer": optimizer}


HEALTHY: dict[str, Callable[[], Patient]] = {
    make.__name__: make
    for make in [
        ours_fresh,
        ours_trained,
        se_trained_and_reloaded,
        last_of_a_training_script,
        torchvision_with_identity_gates,
        only_gates_and_head_learn,
        timm_se_fresh,
        timm_eca_trained,
        timm_mobilenetv3_fresh,
        torchvision_mobilenetv3_fresh,
        torchvision_mobilenetv2_with_se,
        custom_in_a_plain_network,
        gate_without_weights,
    ]
}
