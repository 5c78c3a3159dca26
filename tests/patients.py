"""Networks with one fault each, for the clinic, and healthy ones, made beside its code; patients_fresh.py was made without."""

import timm
import torch
import torchvision.models as tv
from torch import nn
from torch.nn import functional as F

from eca_edu import (
    ECA,
    ECAResNet8,
    ModelConfig,
    build_model,
    conv_bn_act,
    insert_attention,
    make_cue_switch,
)
from eca_edu.attention import ChannelAttention

DATA = make_cue_switch(256, seed=7)


def plain_cnn(attention=ECA):
    return nn.Sequential(
        *conv_bn_act(3, 16, 3, 2), attention(16), *conv_bn_act(16, 32, 3, 2), attention(32), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def train(model, steps=30, optimizer=None):
    optimizer = optimizer or torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    model.train()
    for step in range(steps):
        batch = DATA.take(torch.arange(32 * step, 32 * step + 32) % len(DATA))
        loss = F.cross_entropy(model(DATA.normalize(batch.images)), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def chosen(*kinds):
    return {"where": lambda name, module: isinstance(module, kinds)}


class Squeezed(nn.Module):
    """squeeze() takes the batch axis away as well."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        y = F.adaptive_avg_pool2d(x, 1).squeeze()
        return x * torch.sigmoid(self.conv(y.unsqueeze(1))).view(len(x), x.shape[1], 1, 1)


class OverTheBatch(ECA):
    """The convolution runs along the images."""

    def interact(self, y):
        return super().interact(y.T).T


class Detached(ECA):
    def interact(self, y):
        return super().interact(y.detach()).detach()


class Ignored(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.attention = ECA(channels)

    def forward(self, x):
        self.attention(x)
        return x


class Forgotten(Ignored):
    def forward(self, x):
        return x


def fresh(model):
    return lambda: (model(), {})


def squeezed():
    return plain_cnn(Squeezed), chosen(Squeezed)


def other_keys():
    model = plain_cnn()
    saved = {name.replace("conv.weight", "conv1d.weight"): tensor for name, tensor in plain_cnn().state_dict().items()}
    model.load_state_dict(saved, strict=False)
    return model, {"checkpoint": saved}


def made_before():
    model = tv.resnet18(num_classes=10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return insert_attention(model), {"optimizer": optimizer}


def after_a_block():
    model = tv.resnet18(num_classes=10)
    model.layer2[0] = nn.Sequential(model.layer2[0], ECA(128))
    model.layer4[1] = nn.Sequential(model.layer4[1], ECA(512))
    return model, {}


def after_every_conv():
    return insert_attention(tv.resnet18(num_classes=10), where=lambda name, _: name.endswith("conv2")), {}


def beside_se():
    model = timm.create_model("seresnet18", num_classes=10, zero_init_last=False)
    model.layer1[0].bn2 = nn.Sequential(model.layer1[0].bn2, ECA(64))
    return model, {}


def rates(of_the_gate):
    def make():
        model = plain_cnn()
        gates = [p for m in model.modules() if isinstance(m, ChannelAttention) for p in m.parameters()]
        others = [p for p in model.parameters() if not any(p is gate for gate in gates)]
        groups = [{"params": others, "lr": 0.05}, {"params": gates, "lr": of_the_gate}]
        optimizer = torch.optim.SGD(groups, momentum=0.9)
        return model, {"optimizer": optimizer}

    return make


def scaled_weights(scale, attention=ECA):
    def make():
        model = train(plain_cnn(attention))
        for module in model.modules():
            if isinstance(module, ChannelAttention):
                for parameter in module.parameters():
                    parameter.data.mul_(scale).abs_()
        return model, {}

    return make


class LearnedScale(ECA):
    """Its average is over the batch as well as space in a running mean: in evaluation the same for every image."""

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("mean", torch.randn(channels))

    def interact(self, y):
        return super().interact(self.mean.expand_as(y))


class Scale(nn.Module):
    """A factor for each channel that stayed at 0."""

    def __init__(self, channels):
        super().__init__()
        self.factor = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        return self.factor * x


def multiplied_by_zero():
    model = train(ECAResNet8(16))
    model.block2.attention = nn.Sequential(model.block2.attention, Scale(64))
    return model, {}


CASES = {
    "squeeze() without an axis": ("fails for one image", squeezed),
    "convolution along the batch": ("wrong axis", lambda: (train(plain_cnn(OverTheBatch)), {})),
    "forgotten in forward": ("unused", lambda: (plain_cnn(Forgotten), {})),
    "other names in the checkpoint": ("not as in the checkpoint", other_keys),
    "detach()": ("no gradient", lambda: (train(plain_cnn(Detached)), {})),
    "optimizer made before": ("not in the optimizer", made_before),
    "after a block": ("after the addition", after_a_block),
    "after every convolution": ("before the batch norm", after_every_conv),
    "ECA beside timm's SE": ("twice in a branch", beside_se),
    "learning rate 1000": ("learning rate", rates(1000)),
    "weights times 1000": ("saturated", scaled_weights(1000)),
    "weights times 0": ("never left its start", scaled_weights(1e-4)),
    "a scale": ("constant", lambda: (train(plain_cnn(LearnedScale)), {})),
    "times zero": ("no effect", multiplied_by_zero),
    "b not divided by γ": ("kernel size", fresh(lambda: plain_cnn(lambda c: ECA(c, kernel_size=7)))),
}


def with_optimizer(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return train(model, optimizer=optimizer), {"optimizer": optimizer, "checkpoint": model.state_dict()}


HEALTHY = {
    "ECAResNet8, trained": lambda: with_optimizer(ECAResNet8(16)),
    "SE, trained": lambda: with_optimizer(build_model(ModelConfig(attention="se", width=16))),
    "a plain CNN, trained": lambda: with_optimizer(plain_cnn()),
    "ResNet-18, identity start": fresh(lambda: insert_attention(tv.resnet18(num_classes=10), start="identity")),
    "torchvision's RegNet": fresh(lambda: tv.regnet_y_400mf(num_classes=10)),
    "timm's eca_resnet33ts": fresh(lambda: timm.create_model("eca_resnet33ts", num_classes=10)),
}
