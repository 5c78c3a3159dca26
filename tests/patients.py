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
    SqueezeExcitation,
    build_model,
    conv_bn_act,
    insert_attention,
    make_cue_switch,
)
from eca_edu.attention import ChannelAttention

DATA = make_cue_switch(256, seed=7)
REPARAMETERISED = ["mobileone_s4", "repghostnet_050", "fastvit_t8", "regnetz_005"]


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


def with_optimizer(model, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return train(model, optimizer=optimizer), {"optimizer": optimizer, "checkpoint": model.state_dict(), **options}


def linear_probe():
    model = train(plain_cnn()).requires_grad_(False)
    model[-1].requires_grad_(True)
    return model, {}


def schedule_at_its_end():
    model, options = with_optimizer(plain_cnn())
    for group in options["optimizer"].param_groups:
        group["lr"] = 0.0
    return model, options


def behind_group_norm_at_its_start():
    layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.ReLU(), SqueezeExcitation(16, 2)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    model[3].start_as_identity()
    model[3].requires_grad_(False)
    train(model)[3].requires_grad_(True)
    return model, {}


class InPlace(ECA):
    def forward(self, x):
        return x.mul_(self.weights(x))

    def weights(self, x):
        return torch.sigmoid(self.interact(x.mean((2, 3))))[:, :, None, None]


class WithWeights(InPlace):
    """It returns the weights beside the map, and keeps them, which copy.deepcopy would refuse."""

    def forward(self, x):
        self.last = self.weights(x)
        return x * self.last, self.last


class WeightsAlone(InPlace):
    """It leaves the multiplication to the network, as in CBAM."""

    def forward(self, x):
        return self.weights(x)


class StartsAtOne(InPlace):
    def __init__(self, channels):
        super().__init__(channels)
        nn.init.zeros_(self.conv.weight)

    def forward(self, x):
        return x * (1 + torch.tanh(self.interact(x.mean((2, 3)))))[:, :, None, None]


class Softmax(InPlace):
    """Its weights are small, since they sum to 1."""

    def forward(self, x):
        return x * torch.softmax(self.interact(x.mean((2, 3))), 1)[:, :, None, None]


class LastAxis(nn.Module):
    """(N, …, C) -> (N, …, C), as for tokens."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, channels // 4), nn.Linear(channels // 4, channels)

    def forward(self, x):
        y = x.mean(tuple(range(1, x.ndim - 1)), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(y))))


class AverageOverChannels(ECA):
    """mean(1) of a sequence (N, C, L): a weight for each place."""

    def forward(self, x):
        return x * torch.sigmoid(self.interact(x.mean(1)))[:, None]


class Residual(nn.Module):
    """conv-bn-relu-conv-bn and a shortcut; `use` calls the attention with what the branch has made."""

    def __init__(self, attention, use=lambda attention, x: attention(x), channels=16, start=1.0):
        super().__init__()
        branch = nn.Sequential(conv_bn_act(channels, channels), conv_bn_act(channels, channels, activation=None))
        self.branch, self.attention, self.use = branch, attention(channels), use
        nn.init.constant_(branch[1][1].weight, start)

    def forward(self, x):
        return torch.relu(x + self.use(self.attention, self.branch(x)))


def two_blocks(attention=InPlace, **options):
    blocks = [Residual(attention, **options) for _ in range(2)]
    channels = options.get("channels", 16)
    return nn.Sequential(
        *conv_bn_act(3, channels, 3, 2), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    )


class Tokens(nn.Module):
    """Patches as tokens (N, L, C), an MLP with a gate over C."""

    def __init__(self, attention=LastAxis):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 32, 4, 4), nn.LayerNorm(32)
        self.mlp, self.attention, self.head = (
            nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)),
            attention(32),
            nn.Linear(32, 10),
        )

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head((x + self.attention(self.mlp(self.norm(x)))).mean(1))


class Sequence(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.convolution, self.norm = nn.Conv1d(3, 32, 5, 4, 2), nn.BatchNorm1d(32)
        self.attention, self.head = attention(32), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.attention(torch.relu(self.norm(self.convolution(x.flatten(2))))).mean(2))


class Reparameterised(nn.Module):
    """As in RepVGG: convolutions and the identity, which are one layer in truth, then attention."""

    def __init__(self):
        super().__init__()
        self.three, self.one = (conv_bn_act(16, 16, k, activation=None) for k in (3, 1))
        self.norm, self.attention = nn.BatchNorm2d(16), ECA(16)

    def forward(self, x):
        return torch.relu(self.attention(self.three(x) + self.one(x) + self.norm(x)))


class Decoder(nn.Module):
    """A U-Net that adds; attention comes behind each sum."""

    def __init__(self, enlarge):
        super().__init__()
        self.first, self.down = conv_bn_act(3, 16), conv_bn_act(16, 16, stride=2)
        self.up, self.attention, self.head = enlarge, ECA(16), nn.Linear(16, 10)

    def forward(self, x):
        x = self.first(x)
        return self.head(self.attention(x + self.up(self.down(x))).mean((2, 3)))


class NoShortcut(nn.Module):
    """A stage of two convolutions with a gate each, in a class of its own."""

    def __init__(self, shortcut=False):
        super().__init__()
        self.first, self.one, self.second, self.two = conv_bn_act(16, 16), ECA(16), conv_bn_act(16, 16), ECA(16)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.two(self.second(self.one(self.first(x))))
        return x + y if self.shortcut else y


class OneBlock(NoShortcut):
    """The same with a shortcut around both gates, and no class for the block."""

    def __init__(self):
        super().__init__(shortcut=True)
        self.stem, self.head = conv_bn_act(3, 16, 3, 2), nn.Linear(16, 10)

    def forward(self, x):
        return self.head(super().forward(self.stem(x)).mean((2, 3)))


def after_stem(*layers):
    return nn.Sequential(*conv_bn_act(3, 16, 3, 2), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def linear(attention=ECA):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), attention(64), nn.ReLU(), nn.Linear(64, 10))


def in_type(dtype):
    model, _ = with_optimizer(plain_cnn())
    return model.to(dtype), {"optimizer": torch.optim.SGD(model.parameters(), lr=0.05)}


def diverged(part=""):
    model = train(plain_cnn())
    for name, parameter in model.named_parameters():
        if part in name:
            parameter.data.fill_(torch.nan)
    return model, {}


class Summand(nn.Module):
    """The attention's result is added, though it returns its weights alone."""

    def __init__(self):
        super().__init__()
        self.convolution, self.attention, self.head = nn.Conv2d(3, 16, 3), WeightsAlone(16), nn.Linear(16, 10)

    def forward(self, x):
        x = self.convolution(x)
        return self.head((x + self.attention(x)).mean((2, 3)))


def lbfgs():
    model = plain_cnn()
    return model, {"optimizer": torch.optim.LBFGS(model.parameters())}


def data_parallel():
    model = train(plain_cnn())
    return model, {"checkpoint": nn.DataParallel(model).state_dict()}


CASES |= {
    "NaN everywhere": ("NaN", diverged),
    "at its start, behind a group norm": ("never left its start", behind_group_norm_at_its_start),
    "NaN in the head": ("NaN", lambda: diverged("10.")),
    "in place behind a ReLU": ("no gradient", fresh(lambda: plain_cnn(InPlace))),
    "returns its weights": ("wrong shape", fresh(Summand)),
    "makes the map smaller": ("wrong shape", lambda: (plain_cnn(), {"where": lambda name, _: name == "4"})),
    "average over channels of a sequence": ("wrong axis", lambda: (train(Sequence(AverageOverChannels)), {})),
    "two gates around which a shortcut leads": ("twice in a branch", fresh(OneBlock)),
}

HEALTHY = {
    "behind a linear layer": fresh(linear),
    "in place": lambda: with_optimizer(two_blocks()),
    "in place, and the result ignored": lambda: with_optimizer(
        two_blocks(use=lambda attention, x: (attention(x), x)[1])
    ),
    "called by keyword": lambda: with_optimizer(two_blocks(ECA, use=lambda attention, x: attention(x=x))),
    "returns its weights as well": lambda: with_optimizer(two_blocks(WithWeights, use=lambda a, x: a(x)[0])),
    "its weights are multiplied outside": lambda: with_optimizer(two_blocks(WeightsAlone, use=lambda a, x: x * a(x))),
    "softmax over 64 channels": fresh(lambda: two_blocks(Softmax, channels=64)),
    "starts at 1": fresh(lambda: two_blocks(StartsAtOne)),
    "tokens": lambda: with_optimizer(Tokens(), **chosen(LastAxis)),
    "a batch norm that began at 0": lambda: with_optimizer(two_blocks(ECA, start=0.0)),
    "timm's batch norms that began at 0": lambda: with_optimizer(timm.create_model("seresnet18", num_classes=10)),
    "re-parameterised, with identity": fresh(lambda: after_stem(Reparameterised(), Reparameterised())),
    "added in a decoder": fresh(lambda: Decoder(nn.Upsample(scale_factor=2))),
    "added after a transposed convolution": fresh(lambda: Decoder(nn.ConvTranspose2d(16, 16, 2, 2))),
    "a stage without a shortcut": fresh(lambda: after_stem(NoShortcut())),
    "chosen by a name that its layers have, too": lambda: (
        plain_cnn(),
        {"where": lambda name, _: name.startswith("3")},
    ),
    "LBFGS": lbfgs,
    "saved by DataParallel": data_parallel,
    **{f"timm's {name}": fresh(lambda name=name: timm.create_model(name, num_classes=10)) for name in REPARAMETERISED},
    **{f"in {dtype}": lambda dtype=dtype: in_type(dtype) for dtype in (torch.bfloat16, torch.float16, torch.float64)},
    "ECAResNet8, trained": lambda: with_optimizer(ECAResNet8(16)),
    "SE, trained": lambda: with_optimizer(build_model(ModelConfig(attention="se", width=16))),
    "a plain CNN, trained": lambda: with_optimizer(plain_cnn()),
    "a linear probe": linear_probe,
    "a schedule at its end": schedule_at_its_end,
    "a compiled CNN": fresh(lambda: torch.compile(plain_cnn(), backend="eager")),
    "ResNet-18, identity start": fresh(lambda: insert_attention(tv.resnet18(num_classes=10), start="identity")),
    "torchvision's RegNet": fresh(lambda: tv.regnet_y_400mf(num_classes=10)),
    "timm's eca_resnet33ts": fresh(lambda: timm.create_model("eca_resnet33ts", num_classes=10)),
}
