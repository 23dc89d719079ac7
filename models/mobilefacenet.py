"""MobileFaceNet (Chen et al., "MobileFaceNets", 2018, arXiv:1804.07573) as the published SFace code has it.

Names of parameters are those of the state dicts in circulation.
"""

from typing import Any

from jittor import nn

from .network_config import NetworkConfig
from .operators.batchnorm_prelu import batchnorm_prelu
from .operators.pointwise_convolution import convolution


class ConvBlock(nn.Module):
    """Convolution without bias → BatchNorm → PReLU (left out where `linear`)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        self.conv2d = nn.Conv(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)
        self.batchnorm = nn.BatchNorm(out_channels, eps=1e-3)
        self.relu = None if linear else nn.PReLU(out_channels, init_=1.0)

    def execute(self, x: Any) -> Any:
        return batchnorm_prelu(self.batchnorm, self.relu, convolution(self.conv2d, x))


class Bottleneck(nn.Module):
    """1x1 to `width` → depthwise 3x3 → 1x1 linear; the input is added where `shortcut`."""

    def __init__(self, in_channels: int, out_channels: int, width: int, stride: int, shortcut: bool = False) -> None:
        self.shortcut = shortcut
        self.conv_sep = ConvBlock(in_channels, width)
        self.conv_dw = ConvBlock(width, width, kernel=3, stride=stride, padding=1, groups=width)
        self.conv_proj = ConvBlock(width, out_channels, linear=True)

    def execute(self, x: Any) -> Any:
        y = self.conv_proj(self.conv_dw(self.conv_sep(x)))
        return x + y if self.shortcut else y


class Blocks(nn.Module):
    """Bottlenecks with shortcut, one after the other."""

    def __init__(self, count: int, channels: int, width: int) -> None:
        self.names = [f"block{index}" for index in range(count)]
        for name in self.names:
            setattr(self, name, Bottleneck(channels, channels, width, stride=1, shortcut=True))

    def execute(self, x: Any) -> Any:
        for name in self.names:
            x = getattr(self, name)(x)
        return x


class Residual(nn.Module):
    """Holds Blocks under the name `model`, for the parameters' names alone."""

    def __init__(self, count: int, channels: int, width: int) -> None:
        self.model = Blocks(count, channels, width)

    def execute(self, x: Any) -> Any:
        return self.model(x)


class MobileFaceNet(nn.Module):
    """float32 (N, 3, S, S) RGB 0..255 → raw embedding float32 (N, D)."""

    def __init__(self, config: NetworkConfig) -> None:
        self.input_scale = config.input_scale
        self.conv_1 = ConvBlock(3, 64, kernel=3, stride=2, padding=1)
        self.conv_2_dw = ConvBlock(64, 64, kernel=3, padding=1, groups=64)
        self.dconv_23 = Bottleneck(64, 64, 128, stride=2)
        self.res_3 = Residual(4, 64, 128)
        self.dconv_34 = Bottleneck(64, 128, 256, stride=2)
        self.res_4 = Residual(6, 128, 256)
        self.dconv_45 = Bottleneck(128, 128, 512, stride=2)
        self.res_5 = Residual(2, 128, 256)
        self.conv_6sep = ConvBlock(128, 512)
        self.conv_6dw7_7 = ConvBlock(512, 512, kernel=config.input_size // 16, groups=512, linear=True)
        self.pre_fc1 = nn.Linear(512, config.embedding_size)
        self.fc1 = nn.BatchNorm(config.embedding_size, eps=2e-5)

    def execute(self, x: Any) -> Any:
        x = (x - 127.5) * self.input_scale  # (N, 3, 112, 112)
        x = self.conv_2_dw(self.conv_1(x))  # (N, 64, 56, 56)
        x = self.res_3(self.dconv_23(x))  # (N, 64, 28, 28)
        x = self.res_4(self.dconv_34(x))  # (N, 128, 14, 14)
        x = self.res_5(self.dconv_45(x))  # (N, 128, 7, 7)
        x = self.conv_6dw7_7(self.conv_6sep(x))  # (N, 512, 1, 1)
        x = self.pre_fc1(x.reshape((x.shape[0], 512)))  # (N, D)
        return batchnorm_prelu(self.fc1, None, x)
