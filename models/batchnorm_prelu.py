"""BatchNorm in training mode, with or without a PReLU after it, as one operator on the CPU.

Jittor compiles BatchNorm and PReLU to a dozen element-wise and reduction operators that each read the whole activation
again; they are half of a training step of MobileFaceNet. Here every pass over the data does all that it can: three
passes forward (mean, variance, output), two backward (the three sums, the gradient).

With x the input, m and v its mean and (biased) variance over all but the channel axis, per channel:

    z = (x - m) / sqrt(v + eps) * weight + bias          y = z if z > 0 else slope * z

Statistics are not shared between MPI ranks here, and CUDA has its own way: both use Jittor's layers.
"""

from typing import Any

import jittor as jt
from jittor import nn

_HEADER = "#include <cmath>\n#include <omp.h>\n"

# Channels are independent, so threads share out the channels. Sums run over S values in float and over N in double.
_FORWARD = r"""
@alias(x, in0) @alias(w, in1) @alias(b, in2) @alias(a, in3)
@alias(y, out0) @alias(m, out1) @alias(v, out2)
const int64 N = x_shape0, C = x_shape1, S = x_shape2;
const double inv = 1.0 / (double(N) * S);
#pragma omp parallel for schedule(static)
for (int64 c = 0; c < C; c++) {
    double sum = 0;
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        float t = 0;
        #pragma omp simd reduction(+:t)
        for (int64 i = 0; i < S; i++) t += p[i];
        sum += t;
    }
    const float mean = sum * inv;
    double squares = 0;
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        float t = 0;
        #pragma omp simd reduction(+:t)
        for (int64 i = 0; i < S; i++) { float d = p[i] - mean; t += d * d; }
        squares += t;
    }
    const float var = squares * inv;
    m_p[c] = mean; v_p[c] = var;
    const float k = w_p[c] / std::sqrt(var + float(EPS)), h = b_p[c] - mean * k, slope = a_p[c];
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        float* o = y_p + (n * C + c) * S;
        #pragma omp simd
        for (int64 i = 0; i < S; i++) { float z = p[i] * k + h; o[i] = ACTIVATION(z); }
    }
}
"""

_BACKWARD = r"""
@alias(g, in0) @alias(x, in1) @alias(w, in2) @alias(b, in3) @alias(a, in4) @alias(m, in5) @alias(v, in6)
@alias(dx, out0) @alias(dw, out1) @alias(db, out2) @alias(da, out3)
const int64 N = x_shape0, C = x_shape1, S = x_shape2;
const double inv = 1.0 / (double(N) * S);
#pragma omp parallel for schedule(static)
for (int64 c = 0; c < C; c++) {
    const float mean = m_p[c], invstd = 1.0f / std::sqrt(v_p[c] + float(EPS));
    const float k = w_p[c] * invstd, h = b_p[c] - mean * k, slope = a_p[c];
    double sum_b = 0, sum_w = 0, sum_a = 0;
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        const float* q = g_p + (n * C + c) * S;
        float tb = 0, tw = 0, ta = 0;
        #pragma omp simd reduction(+:tb, tw, ta)
        for (int64 i = 0; i < S; i++) {
            float z = p[i] * k + h;
            float d = GRADIENT(z, q[i]);
            ta += z > 0 ? 0.0f : q[i] * z;
            tb += d;
            tw += d * (p[i] - mean);
        }
        sum_b += tb; sum_w += tw; sum_a += ta;
    }
    sum_w *= invstd;
    db_p[c] = sum_b; dw_p[c] = sum_w; da_p[c] = sum_a;
    const float mean_b = sum_b * inv, mean_w = sum_w * inv * invstd;
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        const float* q = g_p + (n * C + c) * S;
        float* o = dx_p + (n * C + c) * S;
        #pragma omp simd
        for (int64 i = 0; i < S; i++) {
            float z = p[i] * k + h;
            o[i] = k * (GRADIENT(z, q[i]) - mean_b - (p[i] - mean) * mean_w);
        }
    }
}
"""

_PRELU = "#define ACTIVATION(z) ((z) > 0 ? (z) : slope * (z))\n#define GRADIENT(z, g) ((z) > 0 ? (g) : slope * (g))\n"
_PLAIN = "#define ACTIVATION(z) (z)\n#define GRADIENT(z, g) (g)\n"


class _BatchNormPReLU(jt.Function):
    """(x (N, C, S), weight (C,), bias (C,), slope (C,) or (1,), eps) → (y (N, C, S), mean (C,), variance (C,))."""

    def execute(self, x: Any, weight: Any, bias: Any, slope: Any, eps: float, has_prelu: bool) -> Any:
        channels = (x.shape[1],)
        header = _HEADER + f"#define EPS {eps!r}\n" + (_PRELU if has_prelu else _PLAIN)
        y, mean, var = jt.code(
            [x.shape, channels, channels],
            ["float32"] * 3,
            [x, weight, bias, slope],
            cpu_header=header,
            cpu_src=_FORWARD,
        )
        self.saved = x, weight, bias, slope, mean, var
        self.header = header
        return y, mean, var

    def grad(self, dy: Any, _mean: Any, _var: Any) -> Any:
        x, weight = self.saved[:2]
        dx, dw, db, da = jt.code(
            [x.shape, weight.shape, weight.shape, weight.shape],
            ["float32"] * 4,
            [dy, *self.saved],
            cpu_header=self.header,
            cpu_src=_BACKWARD,
        )
        return dx, dw, db, da, None, None


def batchnorm_prelu(batchnorm: nn.BatchNorm, prelu: nn.PReLU | None, x: Any) -> Any:
    """What `prelu(batchnorm(x))` gives, and the running statistics' update, faster where it can be.

    x: float32 (N, C) or (N, C, H, W). A PReLU must have one slope for each channel.
    """
    if not batchnorm.is_train or jt.flags.use_cuda or jt.in_mpi:
        y = batchnorm(x)
        return y if prelu is None else prelu(y)
    # Without a PReLU the operator reads no slope; a Var of the right shape, of its own, has to stand there.
    slope = batchnorm.weight.detach() if prelu is None else prelu.weight
    y, mean, var = _BatchNormPReLU.apply(
        x.reshape((x.shape[0], x.shape[1], -1)),
        batchnorm.weight,
        batchnorm.bias,
        slope,
        batchnorm.eps,
        prelu is not None,
    )
    mean, var = mean.stop_grad(), var.stop_grad()
    momentum = batchnorm.momentum
    batchnorm.running_mean.update(batchnorm.running_mean + (mean - batchnorm.running_mean) * momentum)
    batchnorm.running_var.update(batchnorm.running_var + (var - batchnorm.running_var) * momentum)
    return y.reshape(x.shape)
