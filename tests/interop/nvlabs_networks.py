"""The networks of MUNIT, UNIT and FUNIT as their authors laid them out, of any shape.

Written from the published description with plain PyTorch layers, apart from our own networks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PADS = {"reflect": nn.ReflectionPad2d, "replicate": nn.ReplicationPad2d, "zero": nn.ZeroPad2d}


def activation(name: str) -> nn.Module:
    return {
        "relu": nn.ReLU,
        "lrelu": lambda: nn.LeakyReLU(0.2),
        "prelu": nn.PReLU,
        "selu": nn.SELU,
        "tanh": nn.Tanh,
        "none": nn.Identity,
    }[name]()


class LayerNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.randn(channels))

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        mean, std = (s[:, None, None, None] for s in (flat.mean(1), flat.std(1)))
        return (x - mean) / (std + 1e-5) * self.gamma[:, None, None] + self.beta[:, None, None]


class AdaIN(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x) * self.scale[..., None, None] + self.shift[..., None, None]


class Spectral(nn.Module):
    """A convolution whose kernel is divided by its largest singular value."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.data
        del conv.weight
        conv.weight_bar = nn.Parameter(weight)
        conv.weight_u = nn.Parameter(F.normalize(torch.randn(len(weight)), dim=0))
        conv.weight_v = nn.Parameter(F.normalize(torch.randn(weight[0].numel()), dim=0))
        self.module = conv

    def forward(self, x: Tensor) -> Tensor:
        conv = self.module
        matrix = conv.weight_bar.flatten(1)
        conv.weight_v.data = F.normalize(matrix.T @ conv.weight_u, dim=0)
        conv.weight_u.data = F.normalize(matrix @ conv.weight_v, dim=0)
        weight = conv.weight_bar / (conv.weight_u @ matrix @ conv.weight_v)
        return F.conv2d(x, weight, conv.bias, conv.stride)


class Block(nn.Module):
    def __init__(self, i: int, o: int, kernel: int, stride: int, margin: int, **how: Any) -> None:
        super().__init__()
        norms = {"bn": nn.BatchNorm2d, "in": nn.InstanceNorm2d, "ln": LayerNorm, "adain": AdaIN}
        norm = how["norm"]
        self.pad = PADS[how["pad"]](margin)
        self.norm = norms[norm](o) if norm in norms else nn.Identity()
        self.activation = activation(how["activ"])
        conv = nn.Conv2d(i, o, kernel, stride)
        self.conv = Spectral(conv) if norm == "sn" else conv

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(self.pad(x))))


class Layers(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Residual(Layers):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.model(x)


def residuals(count: int, size: int, **how: Any) -> Layers:
    def block() -> Residual:
        last = how | {"activ": "none"}
        return Residual(Block(size, size, 3, 1, 1, **how), Block(size, size, 3, 1, 1, **last))

    return Layers(*(block() for _ in range(count)))


def encoder(channels: int, gen: dict[str, Any]) -> Layers:
    how = {"norm": "in", "activ": gen["activ"], "pad": gen["pad_type"]}
    sizes = [gen["dim"] * 2**i for i in range(gen["n_downsample"] + 1)]
    halvings = (Block(i, o, 4, 2, 1, **how) for i, o in zip(sizes, sizes[1:], strict=False))
    first = Block(channels, sizes[0], 7, 1, 3, **how)
    return Layers(first, *halvings, residuals(gen["n_res"], sizes[-1], **how))


def decoder(channels: int, gen: dict[str, Any], norm: str, doubling: str = "ln") -> Layers:
    how = {"norm": doubling, "activ": gen["activ"], "pad": gen["pad_type"]}
    sizes = [gen["dim"] * 2**i for i in range(gen["n_downsample"], -1, -1)]
    layers: list[nn.Module] = [residuals(gen["n_res"], sizes[0], **how | {"norm": norm})]
    for i, o in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Upsample(scale_factor=2), Block(i, o, 5, 1, 2, **how)]
    last = how | {"norm": "none", "activ": "tanh"}
    return Layers(*layers, Block(sizes[-1], channels, 7, 1, 3, **last))


class Linear(nn.Module):
    def __init__(self, i: int, o: int, name: str) -> None:
        super().__init__()
        self.fc, self.activation = nn.Linear(i, o), activation(name)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.fc(x))


class MUNITGenerator(nn.Module):
    def __init__(self, channels: int, gen: dict[str, Any]) -> None:
        super().__init__()
        how = {"norm": "none", "activ": gen["activ"], "pad": gen["pad_type"]}
        width, hidden = gen["dim"], gen["mlp_dim"]
        self.enc_style = Layers(
            Block(channels, width, 7, 1, 3, **how),
            Block(width, 2 * width, 4, 2, 1, **how),
            Block(2 * width, 4 * width, 4, 2, 1, **how),
            Block(4 * width, 4 * width, 4, 2, 1, **how),
            Block(4 * width, 4 * width, 4, 2, 1, **how),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(4 * width, gen["style_dim"], 1),
        )
        self.enc_content = encoder(channels, gen)
        self.dec = decoder(channels, gen, "adain")
        numbers = gen["n_res"] * 4 * width * 2 ** gen["n_downsample"]
        self.mlp = Layers(
            Linear(gen["style_dim"], hidden, gen["activ"]),
            Linear(hidden, hidden, gen["activ"]),
            Linear(hidden, numbers, "none"),
        )

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        return styled(self.dec, content, self.mlp(style))


def styled(dec: nn.Module, content: Tensor, parameters: Tensor) -> Tensor:
    norms = [m for m in dec.modules() if isinstance(m, AdaIN)]
    for norm, part in zip(norms, parameters.chunk(len(norms), 1), strict=True):
        norm.shift, norm.scale = part.chunk(2, 1)
    return dec(content)


class UNITGenerator(nn.Module):
    def __init__(self, channels: int, gen: dict[str, Any]) -> None:
        super().__init__()
        self.enc, self.dec = encoder(channels, gen), decoder(channels, gen, "in")


class Discriminator(nn.Module):
    def __init__(self, channels: int, dis: dict[str, Any]) -> None:
        super().__init__()
        how = {"norm": dis["norm"], "activ": dis["activ"], "pad": dis["pad_type"]}
        sizes = [dis["dim"] * 2**i for i in range(dis["n_layer"])]
        self.cnns = nn.ModuleList(
            nn.Sequential(
                Block(channels, sizes[0], 4, 2, 1, **how | {"norm": "none"}),
                *(Block(i, o, 4, 2, 1, **how) for i, o in zip(sizes, sizes[1:], strict=False)),
                nn.Conv2d(sizes[-1], 1, 1),
            )
            for _ in range(dis["num_scales"])
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        scores = []
        for network in self.cnns:
            scores.append(network(x))
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return scores


class FUNITGenerator(nn.Module):
    def __init__(self, channels: int, gen: dict[str, Any]) -> None:
        super().__init__()
        how = {"norm": "none", "activ": "relu", "pad": "reflect"}
        shape = {"activ": "relu", "pad_type": "reflect", "dim": gen["nf"]}
        shape |= {"n_downsample": gen["n_downs_content"], "n_res": gen["n_res_blks"]}
        width, hidden, code = gen["nf"], gen["nf_mlp"], gen["latent_dim"]
        sizes = [width, 2 * width, *[4 * width] * (gen["n_downs_class"] - 1)]
        self.enc_class_model = Layers(
            Block(channels, width, 7, 1, 3, **how),
            *(Block(i, o, 4, 2, 1, **how) for i, o in zip(sizes, sizes[1:], strict=False)),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(sizes[-1], code, 1),
        )
        self.enc_content = encoder(channels, shape)
        self.dec = decoder(channels, shape, "adain", "in")
        numbers = gen["n_res_blks"] * 4 * width * 2 ** gen["n_downs_content"]
        widths = [code, *[hidden] * (gen["n_mlp_blks"] - 1)]
        layers = [Linear(i, o, "relu") for i, o in zip(widths, widths[1:], strict=False)]
        self.mlp = Layers(*layers, Linear(hidden, numbers, "none"))

    def forward(self, x: Tensor, references: Tensor) -> Tensor:
        code = self.enc_class_model(references).flatten(1).mean(0, keepdim=True)
        return styled(self.dec, self.enc_content(x), self.mlp(code).expand(len(x), -1))


class ActivatedConv(nn.Module):
    def __init__(self, i: int, o: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        margin = self.conv.kernel_size[0] // 2
        x = F.leaky_relu_(x, 0.2)
        return self.conv(F.pad(x, [margin] * 4, "reflect"))


class InPlaceResidual(nn.Module):
    """Its first activation overwrites the input, which the shortcut sees unless it is a layer."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.conv_0, self.conv_1 = ActivatedConv(i, min(i, o), 3), ActivatedConv(min(i, o), o, 3)
        if i != o:
            self.conv_s = Block(i, o, 1, 1, 0, norm="none", activ="none", pad="reflect")
            self.conv_s.conv.bias = None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.conv_s(x) if hasattr(self, "conv_s") else x
        return shortcut + self.conv_1(self.conv_0(x))


class FUNITDiscriminator(nn.Module):
    def __init__(self, channels: int, dis: dict[str, Any]) -> None:
        super().__init__()
        size, plain = dis["nf"], {"norm": "none", "activ": "none", "pad": "reflect"}
        layers: list[nn.Module] = [Block(channels, size, 7, 1, 3, **plain)]
        for pair in range(dis["n_res_blks"] // 2):
            if pair:
                layers += [nn.ReflectionPad2d(1), nn.AvgPool2d(3, 2)]
            grown = min(2 * size, 1024)
            layers += [InPlaceResidual(size, size), InPlaceResidual(size, grown)]
            size = grown
        self.cnn_f = nn.Sequential(*layers)
        self.cnn_c = nn.Sequential(ActivatedConv(size, dis["num_classes"], 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.cnn_f(x)
        return self.cnn_c(features), features
