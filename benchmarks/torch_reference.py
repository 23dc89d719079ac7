# mypy: disable-error-code="import-not-found, misc"
"""The peer of benchmarks/train_step.py: the networks, the SFace loss and a training step in plain PyTorch.

Written from the description of the published networks, with the layers that anyone would take. It needs torch and numpy
alone, so that it runs in an environment of its own.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

# Units of the four stages of IR networks, of 64, 128, 256 and 512 channels.
IR_UNITS = {"IR_50": (3, 4, 14, 3), "IR_101": (3, 13, 30, 3), "IR_152": (3, 8, 36, 3)}


def conv_block(
    channels_in: int,
    channels: int,
    kernel: int = 1,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    prelu: bool = True,
) -> nn.Sequential:
    """Convolution without bias, BatchNorm, and a PReLU with one slope a channel."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(channels, eps=1e-3),
    ]
    return nn.Sequential(*layers, *([nn.PReLU(channels, init=1.0)] if prelu else []))


class Bottleneck(nn.Module):
    """1x1 to `width`, depthwise 3x3, 1x1; with the input added where shapes stay."""

    def __init__(self, channels_in: int, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.shortcut = stride == 1
        self.layers = nn.Sequential(
            conv_block(channels_in, width),
            conv_block(width, width, 3, stride, 1, groups=width),
            conv_block(width, channels, prelu=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class MobileFaceNet(nn.Module):
    """float32 (N, 3, 112, 112), 0..255 → embedding float32 (N, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_block(3, 64, 3, 2, 1),
            conv_block(64, 64, 3, 1, 1, groups=64),
            Bottleneck(64, 64, 128, 2),
            *(Bottleneck(64, 64, 128, 1) for _ in range(4)),
            Bottleneck(64, 128, 256, 2),
            *(Bottleneck(128, 128, 256, 1) for _ in range(6)),
            Bottleneck(128, 128, 512, 2),
            *(Bottleneck(128, 128, 256, 1) for _ in range(2)),
            conv_block(128, 512),
            conv_block(512, 512, 7, groups=512, prelu=False),
            nn.Flatten(),
            nn.Linear(512, 512),
            nn.BatchNorm1d(512, eps=2e-5),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedding: Tensor = self.layers((x - 127.5) * 0.078125)
        return embedding


class Unit(nn.Module):
    """BN, 3x3, PReLU, 3x3 with the stride, BN; beside it the input, subsampled or through a 1x1 convolution."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels, init=1.0),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.MaxPool2d(1, stride)
        if channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.residual(x) + self.shortcut(x)
        return y


class IR(nn.Module):
    """float32 (N, 3, 112, 112), 0..255 → embedding float32 (N, 512)."""

    def __init__(self, units: tuple[int, ...]) -> None:
        super().__init__()
        body: list[nn.Module] = []
        channels_in = 64
        for channels, count in zip((64, 128, 256, 512), units, strict=True):
            for index in range(count):
                body.append(Unit(channels_in, channels, 2 if index == 0 else 1))
                channels_in = channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.PReLU(64, init=1.0),
            *body,
            nn.BatchNorm2d(512),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 512),
            nn.BatchNorm1d(512),
        )

    def forward(self, x: Tensor) -> Tensor:
        embedding: Tensor = self.layers((x - 127.5) * 0.078125)
        return embedding


class SFace(nn.Module):
    """The SFace loss (arXiv:2205.12010): the own class is picked and replaced by its index, no one-hot matrix."""

    def __init__(self, classes: int, s: float = 64.0, k: float = 80.0, a: float = 0.87, b: float = 1.20) -> None:
        super().__init__()
        self.s, self.k, self.a, self.b = s, k, a, b
        self.weight = nn.Parameter(torch.randn(classes, 512) * 2 * math.sqrt(2 / classes))

    def forward(self, embedding: Tensor, labels: Tensor) -> Tensor:
        cos = functional.linear(functional.normalize(embedding), functional.normalize(self.weight))  # (B, C)
        rows = torch.arange(len(labels), device=labels.device)
        with torch.no_grad():
            theta = cos.clamp(-1, 1).acos()
            factor = self.s * torch.sigmoid(self.k * (self.b - theta))
            factor[rows, labels] = -self.s * torch.sigmoid(self.k * (theta[rows, labels] - self.a))
        return (factor * cos).sum() / len(labels)


def build(net: str) -> nn.Module:
    """The network `net` with the published initialisation."""
    network: nn.Module = MobileFaceNet() if net == "MobileFaceNet" else IR(IR_UNITS[net])
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_out = layer.weight.shape[0] * math.prod(layer.weight.shape[2:])
            nn.init.normal_(layer.weight, std=2 * math.sqrt(2 / fan_out))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def prepare(
    net: str,
    classes: int,
    device: str,
    threads: int,
    layout: str,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int32],
) -> Callable[[], float]:
    """A function that does one training step, forward, backward and update, and returns its seconds.

    device: "cpu" or "cuda". images: (B, 112, 112, 3) RGB. layout: "nchw", or "nhwc" for PyTorch's channels_last.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    form = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    network, head = build(net).to(device, memory_format=form), SFace(classes).to(device)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    plain = [parameter for layer in norms for parameter in layer.parameters()]
    known = {id(parameter) for parameter in plain}
    decayed = [p for module in (network, head) for p in module.parameters() if id(p) not in known]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": 5e-4}, {"params": plain, "weight_decay": 0.0}], lr=1e-3, momentum=0.9
    )

    def step() -> float:
        start = time.perf_counter()
        x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().contiguous(memory_format=form)
        optimizer.zero_grad()
        loss = head(network(x), torch.from_numpy(labels).to(device).long())
        loss.backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return step
