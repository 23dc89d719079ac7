"""Residual networks for faces (Deng et al., "ArcFace", 2019, arXiv:1801.07698), with squeeze-excitation (Hu et al.,
"Squeeze-and-Excitation Networks", 2018, arXiv:1709.01507) or without, as the published SFace code has them.

Names of parameters are those of the state dicts in circulation.
"""

from functools import partial
from typing import Any

from jittor import nn

from .network_config import NetworkConfig
from .operators.batchnorm_prelu import batchnorm_prelu
from .operators.pointwise_convolution import convolution

DEPTHS = (64, 128, 256, 512)  # channels of the four stages, each of which halves height and width
REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Each channel times a factor between 0 and 1 that depends on the means of all channels."""

    def __init__(self, channels: int) -> None:
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv(channels, channels // REDUCTION, 1, bias=False)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv(channels // REDUCTION, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def execute(self, x: Any) -> Any:
        y = self.relu(convolution(self.fc1, self.avg_pool(x)))  # (N, C / 16, 1, 1)
        return x * self.sigmoid(convolution(self.fc2, y))


class Unit(nn.Module):
    """BatchNorm → conv 3x3 → PReLU → conv 3x3 with the stride → BatchNorm (→ squeeze-excitation), plus the input.

    Where the number of channels changes, the input goes through a 1x1 convolution with the stride and BatchNorm; else
    every stride-th pixel of it is taken.
    """

    def __init__(self, in_channels: int, depth: int, stride: int, squeeze: bool) -> None:
        layers = [
            nn.BatchNorm(in_channels, eps=1e-5),
            nn.Conv(in_channels, depth, 3, 1, 1, bias=False),
            nn.PReLU(depth, init_=1.0),
            nn.Conv(depth, depth, 3, stride, 1, bias=False),
            nn.BatchNorm(depth, eps=1e-5),
        ]
        self.res_layer = nn.Sequential(*layers, *([SqueezeExcitation(depth)] if squeeze else []))
        self.shortcut_layer = None
        if in_channels != depth:
            conv = nn.Conv(in_channels, depth, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(conv, nn.BatchNorm(depth, eps=1e-5))
        elif stride > 1:
            self.shortcut_layer = nn.Pool(1, stride, op="maximum")

    def execute(self, x: Any) -> Any:
        first, conv, prelu, strided, last, *squeeze = self.res_layer
        y = prelu(convolution(conv, batchnorm_prelu(first, None, x)))
        y = batchnorm_prelu(last, None, convolution(strided, y))
        for layer in squeeze:
            y = layer(y)
        return y + self._shortcut(x)

    def _shortcut(self, x: Any) -> Any:
        if self.shortcut_layer is None:
            return x
        if isinstance(self.shortcut_layer, nn.Pool):
            return self.shortcut_layer(x)
        conv, batchnorm = self.shortcut_layer
        return batchnorm_prelu(batchnorm, None, convolution(conv, x))


class IResNet(nn.Module):
    """float32 (N, 3, S, S) RGB 0..255 → raw embedding float32 (N, D). `units` of each stage; each begins with stride 2.

    In training half of the last features are zeroed at random (networks.seed_dropout).
    """

    def __init__(self, config: NetworkConfig, units: tuple[int, int, int, int], squeeze: bool = False) -> None:
        self.input_scale = config.input_scale
        self.input_layer = nn.Sequential(
            nn.Conv(3, 64, 3, 1, 1, bias=False), nn.BatchNorm(64, eps=1e-5), nn.PReLU(64, init_=1.0)
        )
        body, channels = [], 64
        for depth, count in zip(DEPTHS, units, strict=True):
            for index in range(count):
                body.append(Unit(channels, depth, stride=1 if index else 2, squeeze=squeeze))
                channels = depth
        self.body = nn.Sequential(*body)
        edge = config.input_size // 16
        self.output_layer = nn.Sequential(
            nn.BatchNorm(512, eps=1e-5),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(512 * edge * edge, config.embedding_size),
            nn.BatchNorm(config.embedding_size, eps=1e-5),
        )

    def execute(self, x: Any) -> Any:
        x = (x - 127.5) * self.input_scale  # (N, 3, 112, 112)
        conv, batchnorm, prelu = self.input_layer
        x = batchnorm_prelu(batchnorm, prelu, convolution(conv, x))  # (N, 64, 112, 112)
        x = self.body(x)  # (N, 512, 7, 7)
        batchnorm, dropout, flatten, linear, last = self.output_layer
        x = flatten(dropout(batchnorm_prelu(batchnorm, None, x)))  # (N, 25088)
        return batchnorm_prelu(last, None, linear(x))


_UNITS = {"50": (3, 4, 14, 3), "101": (3, 13, 30, 3), "152": (3, 8, 36, 3)}
IRESNETS = {
    f"{prefix}_{depth}": partial(IResNet, units=units, squeeze=prefix == "IR_SE")
    for prefix in ("IR", "IR_SE")
    for depth, units in _UNITS.items()
}
