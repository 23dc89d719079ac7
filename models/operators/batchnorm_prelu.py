"""BatchNorm in training mode, with or without a PReLU after it, as one operator on the CPU.

Jittor compiles BatchNorm and PReLU to a dozen element-wise and reduction operators that each read the whole activation
again; they are half of a training step of MobileFaceNet. Here every pass over the data does all that it can: two
passes forward (mean and variance, output), two backward (the three sums, the gradient).

With x the input, m and v its mean and (biased) variance over all but the channel axis, per channel:

    z = (x - m) / sqrt(v + eps) * weight + bias          y = z if z > 0 else slope * z

Under MPI m and v are those of the batches of all ranks together, and so are the sums that the input's gradient needs:
both passes become operators of their own, with one all-reduce between them. A GPU has an operator of its own
(batchnorm_prelu_cuda.py); several GPUs keep Jittor's layers.
"""

from typing import Any

import jittor as jt
from jittor import nn

from .batchnorm_prelu_cuda import BatchNormPReLUCuda

# Channels are independent, so threads share out the channels. p, q and o are a plane: one channel of one image.
_HEADER = "#include <cmath>\n#include <omp.h>\n"
_PRELU = "#define ACTIVATION(z) ((z) > 0 ? (z) : slope * (z))\n#define GRADIENT(z, g) ((z) > 0 ? (g) : slope * (g))\n"
_PLAIN = "#define ACTIVATION(z) (z)\n#define GRADIENT(z, g) (g)\n"
_SIZES = "const int64 N = x_shape0, C = x_shape1, S = x_shape2;\n"
_CHANNELS = "#pragma omp parallel for schedule(static)\nfor (int64 c = 0; c < C; c++)"
_FORWARD_INPUTS = "@alias(x, in0) @alias(w, in1) @alias(b, in2) @alias(a, in3)\n"
_BACKWARD_INPUTS = (
    "@alias(g, in0) @alias(x, in1) @alias(w, in2) @alias(b, in3) @alias(a, in4) @alias(m, in5) @alias(v, in6)\n"
)

# A plane is read twice, the second time from the cache: mean first, then squares of what is left, since
# mean(x²) - mean(x)² would lose the variance where the mean is large. Planes are merged by the formula of Chan, Golub
# and LeVeque ("Updating formulae and a pairwise algorithm for computing sample variances", 1979).
_MOMENTS = r"""
    double mean_d = 0, squares = 0;
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        float t = 0, u = 0;
        #pragma omp simd reduction(+:t)
        for (int64 i = 0; i < S; i++) t += p[i];
        const float plane_mean = t / S;
        #pragma omp simd reduction(+:u)
        for (int64 i = 0; i < S; i++) { float d = p[i] - plane_mean; u += d * d; }
        const double step = plane_mean - mean_d;
        mean_d += step / (n + 1);
        squares += u + step * step * S * n / (n + 1);
    }
"""

_NORMALISE = r"""
    m_p[c] = mean_d; v_p[c] = var_d;
    const float mean = mean_d, k = w_p[c] / std::sqrt(v_p[c] + float(EPS)), h = b_p[c] - mean * k, slope = a_p[c];
    for (int64 n = 0; n < N; n++) {
        const float* p = x_p + (n * C + c) * S;
        float* o = y_p + (n * C + c) * S;
        #pragma omp simd
        for (int64 i = 0; i < S; i++) { float z = p[i] * k + h; o[i] = ACTIVATION(z); }
    }
"""

_COEFFICIENTS = r"""
    const float mean = m_p[c], invstd = 1.0f / std::sqrt(v_p[c] + float(EPS));
    const float k = w_p[c] * invstd, h = b_p[c] - mean * k, slope = a_p[c];
"""

_SUMS = r"""
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
"""

_INPUT_GRADIENT = r"""
    const float mean_b = sum_b / count, mean_w = sum_w / count * invstd;
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
"""

_FORWARD = f"""
{_FORWARD_INPUTS} @alias(y, out0) @alias(m, out1) @alias(v, out2)
{_SIZES}
{_CHANNELS} {{ {_MOMENTS} const double var_d = squares / (N * S); {_NORMALISE} }}
"""

_BACKWARD = f"""
{_BACKWARD_INPUTS} @alias(dx, out0) @alias(dw, out1) @alias(db, out2) @alias(da, out3)
{_SIZES}
const double count = N * S;
{_CHANNELS} {{ {_COEFFICIENTS} {_SUMS} {_INPUT_GRADIENT} }}
"""

# Over ranks. `t` holds what they add up, in double precision, in which sums of squares lose nothing that matters:
# forward the sum and the sum of squares of each channel and the number of elements, backward the two sums.
_RANK_MOMENTS = f"""
@alias(x, in0) @alias(t, out0)
{_SIZES}
t_p[2 * C] = N * S;
{_CHANNELS} {{ {_MOMENTS} t_p[c] = mean_d * N * S; t_p[C + c] = squares + mean_d * mean_d * N * S; }}
"""

_RANK_NORMALISE = f"""
{_FORWARD_INPUTS} @alias(t, in4) @alias(y, out0) @alias(m, out1) @alias(v, out2)
{_SIZES}
{_CHANNELS} {{
    const double mean_d = t_p[c] / t_p[2 * C], var_d = std::max(0.0, t_p[C + c] / t_p[2 * C] - mean_d * mean_d);
    {_NORMALISE}
}}
"""

_RANK_SUMS = f"""
{_BACKWARD_INPUTS} @alias(t, out0) @alias(dw, out1) @alias(db, out2) @alias(da, out3)
{_SIZES}
{_CHANNELS} {{ {_COEFFICIENTS} {_SUMS} t_p[c] = sum_b; t_p[C + c] = sum_w; }}
"""

_RANK_INPUT_GRADIENT = f"""
{_BACKWARD_INPUTS} @alias(t, in7) @alias(moments, in8) @alias(dx, out0)
{_SIZES}
const double count = moments_p[2 * C];
{_CHANNELS} {{ {_COEFFICIENTS} const double sum_b = t_p[c], sum_w = t_p[C + c]; {_INPUT_GRADIENT} }}
"""


class _BatchNormPReLU(jt.Function):
    """(x (N, C, S), weight, bias, slope (C,), eps, has_prelu, over_ranks) → (y (N, C, S), mean (C,), variance (C,)).

    All float32. The gradients of weight, bias and slope are those of this rank's part of the batch.
    """

    def execute(self, x: Any, weight: Any, bias: Any, slope: Any, eps: float, has_prelu: bool, over_ranks: bool) -> Any:
        self.header = _HEADER + f"#define EPS {eps!r}\n" + (_PRELU if has_prelu else _PLAIN)
        channels = x.shape[1]
        shapes = [x.shape, (channels,), (channels,)]
        inputs = [x, weight, bias, slope]
        self.moments = None
        if over_ranks:
            own = jt.code([2 * channels + 1], "float64", [x], cpu_header=self.header, cpu_src=_RANK_MOMENTS)
            self.moments = own.mpi_all_reduce("add")
            inputs.append(self.moments)
        source = _RANK_NORMALISE if over_ranks else _FORWARD
        y, mean, var = jt.code(shapes, ["float32"] * 3, inputs, cpu_header=self.header, cpu_src=source)
        self.saved = x, weight, bias, slope, mean, var
        return y, mean, var

    def grad(self, dy: Any, _mean: Any, _var: Any) -> Any:
        x, weight = self.saved[:2]
        inputs, of_channels = [dy, *self.saved], [weight.shape] * 3
        if self.moments is None:
            dx, dw, db, da = jt.code(
                [x.shape, *of_channels], ["float32"] * 4, inputs, cpu_header=self.header, cpu_src=_BACKWARD
            )
        else:
            shapes, types = [[2 * weight.shape[0]], *of_channels], ["float64", *["float32"] * 3]
            own, dw, db, da = jt.code(shapes, types, inputs, cpu_header=self.header, cpu_src=_RANK_SUMS)
            inputs += [own.mpi_all_reduce("add"), self.moments]
            dx = jt.code(x.shape, "float32", inputs, cpu_header=self.header, cpu_src=_RANK_INPUT_GRADIENT)
        return dx, dw, db, da, None, None, None


def batchnorm_prelu(batchnorm: nn.BatchNorm, prelu: nn.PReLU | None, x: Any) -> Any:
    """What `prelu(batchnorm(x))` gives, and the running statistics' update, faster where it can be.

    x: float32 (N, C) or (N, C, H, W). A PReLU must have one slope for each channel. Under MPI every rank must call it,
    as with Jittor's layers; their parts of the batch may differ in size.
    """
    over_ranks = bool(jt.in_mpi and batchnorm.sync)
    if not batchnorm.is_train or (jt.flags.use_cuda and over_ranks):
        y = batchnorm(x)
        return y if prelu is None else prelu(y)
    # Without a PReLU the operator reads no slope; a Var of the right shape, of its own, has to stand there.
    slope = batchnorm.weight.detach() if prelu is None else prelu.weight
    planes = x.reshape((x.shape[0], x.shape[1], -1))
    arguments = planes, batchnorm.weight, batchnorm.bias, slope, batchnorm.eps, prelu is not None
    if jt.flags.use_cuda:
        y, mean, var = BatchNormPReLUCuda.apply(*arguments)
    else:
        y, mean, var = _BatchNormPReLU.apply(*arguments, over_ranks)
    mean, var = mean.stop_grad(), var.stop_grad()
    momentum = batchnorm.momentum
    batchnorm.running_mean.update(batchnorm.running_mean + (mean - batchnorm.running_mean) * momentum)
    batchnorm.running_var.update(batchnorm.running_var + (var - batchnorm.running_var) * momentum)
    return y.reshape(x.shape)
