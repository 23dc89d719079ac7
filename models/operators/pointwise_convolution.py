"""Convolutions of a training step on the CPU, each done in the way that is fastest there.

Jittor calls oneDNN, which brings the input into a blocked layout and the output back, and takes new memory for both.
For a 1x1 convolution that costs several times as much as the products do, and it needs none of it: with the image as it
lies in memory it is a product of matrices, (O, I) x (I, H W), for which oneDNN has a function too. The threads share
out the images. With X the image, W the weights and G the gradient of the output Y:

    Y = W X          dX = Wᵀ G          dW = Σ over the images of G Xᵀ

Depthwise 3x3 convolutions have an operator of their own (depthwise_convolution.py). All others, evaluation and CUDA use
Jittor's.
"""

import ctypes
from functools import cache
from typing import Any

import jittor as jt
from jittor import nn

from .depthwise_convolution import Depthwise3x3

# Row-major C (M, N) = A (M, K) B (K, N) + beta C, each transposed where 'T'; the last number is the rows' distance.
# Inside of a parallel region it works with the calling thread alone, outside with all of them.
_HEADER = r"""
#include <algorithm>
#include <vector>
#include <omp.h>
extern "C" int dnnl_sgemm(char transpose_a, char transpose_b, int64_t M, int64_t N, int64_t K, float alpha,
    const float* A, int64_t lda, const float* B, int64_t ldb, float beta, float* C, int64_t ldc);
namespace {
// As many threads as images can keep busy; else one, and then the product itself uses all.
inline int team(int64_t images) { return images >= omp_get_max_threads() ? omp_get_max_threads() : 1; }
}
"""

_FORWARD = r"""
@alias(x, in0) @alias(w, in1) @alias(y, out0)
const int64 N = x_shape0, I = x_shape1, O = w_shape0, S = int64(x_shape2) * x_shape3;
#pragma omp parallel for schedule(static) num_threads(team(N)) if(team(N) > 1)
for (int64 n = 0; n < N; n++)
    dnnl_sgemm('N', 'N', O, S, I, 1.0f, w_p, I, x_p + n * I * S, S, 0.0f, y_p + n * O * S, S);
"""

_BACKWARD_X = r"""
@alias(g, in0) @alias(w, in1) @alias(dx, out0)
const int64 N = g_shape0, I = w_shape1, O = w_shape0, S = int64(g_shape2) * g_shape3;
#pragma omp parallel for schedule(static) num_threads(team(N)) if(team(N) > 1)
for (int64 n = 0; n < N; n++)
    dnnl_sgemm('T', 'N', I, S, O, 1.0f, w_p, I, g_p + n * O * S, S, 0.0f, dx_p + n * I * S, S);
"""

# Each thread adds up its own images; then the threads' sums are added in the threads' order, always the same.
_BACKWARD_W = r"""
@alias(g, in0) @alias(x, in1) @alias(dw, out0)
const int64 N = x_shape0, I = x_shape1, O = g_shape1, S = int64(x_shape2) * x_shape3, size = O * I;
const int threads = team(N);
std::vector<float> sums((threads - 1) * size);
#pragma omp parallel num_threads(threads) if(threads > 1)
{
    const int64 thread = omp_get_thread_num();
    float* sum = thread ? sums.data() + (thread - 1) * size : dw_p;
    float beta = 0;
    #pragma omp for schedule(static)
    for (int64 n = 0; n < N; n++) {
        dnnl_sgemm('N', 'T', O, I, S, 1.0f, g_p + n * O * S, S, x_p + n * I * S, S, beta, sum, I);
        beta = 1;
    }
    #pragma omp for simd schedule(static)
    for (int64 i = 0; i < size; i++) {
        float total = dw_p[i];
        for (int t = 1; t < threads; t++) total += sums[(t - 1) * size + i];
        dw_p[i] = total;
    }
}
"""


class Pointwise(jt.Function):
    """(x float32 (N, I, H, W), weight float32 (O, I, 1, 1)) → float32 (N, O, H, W)."""

    def execute(self, x: Any, weight: Any) -> Any:
        self.saved = x, weight
        n, _, h, w = x.shape
        return jt.code([n, weight.shape[0], h, w], "float32", [x, weight], cpu_header=_HEADER, cpu_src=_FORWARD)

    def grad(self, dy: Any) -> Any:
        x, weight = self.saved
        dx = jt.code(x.shape, "float32", [dy, weight], cpu_header=_HEADER, cpu_src=_BACKWARD_X)
        dw = jt.code(weight.shape, "float32", [dy, x], cpu_header=_HEADER, cpu_src=_BACKWARD_W)
        return dx, dw


@cache
def has_onednn() -> bool:
    """Whether Jittor uses oneDNN; its product of matrices then becomes visible to the operators here."""
    if jt.compile_extern.mkl_ops is None:
        return False
    try:
        ctypes.CDLL("libdnnl.so.2", mode=ctypes.RTLD_GLOBAL)  # the one that is loaded already, by its own name
    except OSError:
        return False
    return True


def convolution(conv: nn.Conv, x: Any) -> Any:
    """What `conv(x)` gives, faster where it can be: in training, on the CPU.

    x: float32 (N, C, H, W).
    """
    # Training first: in evaluation `x` need not be a Var, but what the exporter traces.
    if not conv.is_training() or jt.flags.use_cuda or x.dtype != "float32":
        return conv(x)
    if conv.bias is not None or conv.dilation != (1, 1):
        return conv(x)
    form = (conv.kernel_size, conv.stride, conv.padding)
    if form == ((1, 1), (1, 1), (0, 0)) and conv.groups == 1 and has_onednn():
        return Pointwise.apply(x, conv.weight)
    if form in (((3, 3), (1, 1), (1, 1)), ((3, 3), (2, 2), (1, 1))) and conv.is_depthwise_conv:
        return Depthwise3x3.apply(x, conv.weight, conv.stride[0])
    return conv(x)
