"""The sums of the SFace loss and its gradients: on the CPU in one pass over blocks of classes, without a (B, C) matrix.

The factors of the loss carry no gradient, so that of a block's cosines is known as soon as they are. Hence a block does
all its work while it lies in the cache: cosines, factors, its part of the loss, its part of the features' gradient, the
whole gradient of its weights. With x̂ and Ŵ the rows of unit length and F the factors, - r_intra or r_inter:

    dx̂ = F Ŵ        dŴ = Fᵀ x̂        dW_j = (dŴ_j - (Σ_i F_ij cos θ_ij) Ŵ_j) / |W_j|, and dx likewise

Threads share out the blocks; what they add up is then added in the threads' order, always the same. CUDA, and a CPU
without oneDNN, whose product of matrices is called here, use Jittor's operators.
"""

from typing import Any

import jittor as jt
from jittor import nn

from ...models.operators.pointwise_convolution import has_onednn
from ..config import HeadConfig
from .head_output import lengths

# Rows of what is known of each sample, float32 (6, B):
# - r_intra cos θ_y and cos θ_y, 0 where y is not among the classes; Σ_{j≠y} r_inter cos θ_j and Σ_{j≠y} cos θ_j;
# the largest cosine, and the (first) class that has it.
INTRA, INTER, COS_Y, COS_OTHERS, LARGEST, NEAREST = range(6)
_WIDTH = 256  # classes of a block
_LEAST_FACTOR = 1e-9  # in units of s: below it an r_inter counts as 0 in the gradients, where float32 hardly sees it

_HEADER = r"""
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>
#include <omp.h>
extern "C" int dnnl_sgemm(char transpose_a, char transpose_b, int64_t M, int64_t N, int64_t K, float alpha,
    const float* A, int64_t lda, const float* B, int64_t ldb, float beta, float* C, int64_t ldc);
namespace {
struct Sigmoids {
    const float s, k, a, b;
    // Jittor's kernels make NaN of a division by infinity: the exponent is bounded.
    static inline float sigmoid(float z) { z = z < -60 ? -60 : z > 60 ? 60 : z; return 1 / (1 + std::exp(-z)); }
    // Rounding gives |cos| > 1, and acos NaN.
    static inline float angle(float cos) { return std::acos(cos < -1 ? -1 : cos > 1 ? 1 : cos); }
    inline float intra(float cos) const { return s * sigmoid(k * (angle(cos) - a)); }
    inline float inter(float cos) const { return s * sigmoid(k * (b - angle(cos))); }
};
inline float inverse_length(const float* row, int64_t size) {
    float squares = 0;
    #pragma omp simd reduction(+:squares)
    for (int64_t i = 0; i < size; i++) squares += row[i] * row[i];
    return 1 / std::max(std::sqrt(squares), 1e-12f);
}
inline void add_row(float* sum, float factor, const float* row, int64_t size) {
    #pragma omp simd
    for (int64_t i = 0; i < size; i++) sum[i] += factor * row[i];
}
}
"""

# A factor takes its cosine's place, divided by |W_j|, since F Ŵ = (F / |W|) W. `pull` holds Σ_i F_ij cos θ_ij. In most
# blocks few factors are not zero: then products of whole matrices would be wasted on them.
_GRADIENT_OF_BLOCK = r"""
        float *block_dw = dw_p + first * D, *own_dunit = dunit.data() + thread * B * D;
        for (int64 j = 0; j < n; j++) {
            const float along = -pull[j] * inv[j] * inv[j];
            #pragma omp simd
            for (int64 d = 0; d < D; d++) block_dw[j * D + d] = along * block_w[j * D + d];
        }
        if (factors > n * B / 8) {
            dnnl_sgemm('N', 'N', n, D, B, 1.0f, cos.data(), B, unit.data(), D, 1.0f, block_dw, D);
            dnnl_sgemm('T', 'N', B, D, n, 1.0f, cos.data(), B, block_w, D, 1.0f, own_dunit, D);
            continue;
        }
        for (int64 j = 0; j < n; j++)
            for (int64 i = 0; i < B; i++)
                if (const float f = cos[j * B + i]) {
                    add_row(block_dw + j * D, f, unit.data() + i * D, D);
                    add_row(own_dunit + i * D, f, block_w + j * D, D);
                }
"""

_GRADIENT_OF_FEATURES = r"""
#pragma omp parallel for schedule(static)
for (int64 i = 0; i < B; i++) {
    const float* x = unit.data() + i * D;
    float* dx = dx_p + i * D;
    std::copy(dunit.data() + i * D, dunit.data() + (i + 1) * D, dx);
    for (int t = 1; t < threads; t++)
        for (int64 d = 0; d < D; d++) dx[d] += dunit[(t * B + i) * D + d];
    float along = 0;
    #pragma omp simd reduction(+:along)
    for (int64 d = 0; d < D; d++) along += dx[d] * x[d];
    #pragma omp simd
    for (int64 d = 0; d < D; d++) dx[d] = (dx[d] - along * x[d]) * inv_x[i];
}
"""


def _source(with_gradient: bool) -> str:
    return f"""
@alias(x, in0) @alias(w, in1) @alias(labels, in2) @alias(rows, out0)
{"@alias(dx, out1) @alias(dw, out2)" if with_gradient else ""}
const int64 B = x_shape0, D = x_shape1, C = w_shape0, WIDTH = {_WIDTH};
const Sigmoids factor{{float(data["s"]), float(data["k"]), float(data["a"]), float(data["b"])}};
const float least = {_LEAST_FACTOR} * factor.s;
const int threads = omp_get_max_threads();
std::vector<float> unit(B * D), turned(D * B), inv_x(B);
#pragma omp parallel for schedule(static)
for (int64 i = 0; i < B; i++) {{
    inv_x[i] = inverse_length(x_p + i * D, D);
    #pragma omp simd
    for (int64 d = 0; d < D; d++) unit[i * D + d] = x_p[i * D + d] * inv_x[i];
    for (int64 d = 0; d < D; d++) turned[d * B + i] = unit[i * D + d];
}}
std::vector<int64> by_label(B);
std::iota(by_label.begin(), by_label.end(), 0);
std::stable_sort(by_label.begin(), by_label.end(), [&](int64 a, int64 b) {{ return labels_p[a] < labels_p[b]; }});
float *intra = rows_p + {INTRA} * B, *inter = rows_p + {INTER} * B, *cos_y = rows_p + {COS_Y} * B;
float *others = rows_p + {COS_OTHERS} * B, *largest = rows_p + {LARGEST} * B, *nearest = rows_p + {NEAREST} * B;
std::fill(intra, intra + B, 0.0f);
std::fill(cos_y, cos_y + B, 0.0f);
// Each thread's own, one after the other.
std::vector<double> thread_inter(threads * B), thread_others(threads * B);
std::vector<float> thread_largest(threads * B, -2.0f), thread_nearest(threads * B, -1.0f);
{"std::vector<float> dunit(threads * B * D);" if with_gradient else ""}
#pragma omp parallel num_threads(threads)
{{
    const int64 thread = omp_get_thread_num();
    float *own_largest = thread_largest.data() + thread * B, *own_nearest = thread_nearest.data() + thread * B;
    std::vector<float> cos(WIDTH * B), inv(WIDTH), pull(WIDTH), inter_of_block(B), others_of_block(B);
    float *push = inter_of_block.data(), *sum = others_of_block.data();
    #pragma omp for schedule(static)
    for (int64 first = 0; first < C; first += WIDTH) {{
        const int64 n = std::min(WIDTH, C - first);
        const float* block_w = w_p + first * D;
        for (int64 j = 0; j < n; j++) inv[j] = inverse_length(block_w + j * D, D);
        int64 factors = 0;  // that are not zero
        std::fill(push, push + B, 0.0f);
        std::fill(sum, sum + B, 0.0f);
        // A row for each class: so oneDNN turns no matrix around, here and for dW, which takes it a tenth of its time.
        dnnl_sgemm('N', 'N', n, B, D, 1.0f, block_w, D, turned.data(), B, 0.0f, cos.data(), B);
        auto own = std::lower_bound(
            by_label.begin(), by_label.end(), first, [&](int64 i, int64 label) {{ return labels_p[i] < label; }});
        for (int64 j = 0; j < n; j++) {{
            float* row = cos.data() + j * B;
            const float number = first + j, scale = inv[j];
            float pulled = 0;
            int count = 0;
            const auto push_away = [&](int64 from, int64 to) {{
                #pragma omp simd reduction(+:pulled, count)
                for (int64 i = from; i < to; i++) {{
                    const float c = row[i] * scale, f = factor.inter(c), kept = f > least ? f : 0;
                    sum[i] += c;
                    own_nearest[i] = c > own_largest[i] ? number : own_nearest[i];
                    own_largest[i] = c > own_largest[i] ? c : own_largest[i];
                    push[i] += f * c;
                    count += f > least;
                    pulled += kept * c;
                    row[i] = kept * scale;
                }}
            }};
            int64 from = 0;
            for (; own != by_label.end() && labels_p[*own] == first + j; own++) {{
                const int64 i = *own;
                push_away(from, i);
                from = i + 1;
                const float c = row[i] * scale, f = factor.intra(c);
                own_nearest[i] = c > own_largest[i] ? number : own_nearest[i];
                own_largest[i] = c > own_largest[i] ? c : own_largest[i];
                cos_y[i] = c;
                intra[i] = -f * c;
                pulled -= f * c;
                count++;
                row[i] = -f * scale;
            }}
            push_away(from, B);
            pull[j] = pulled;
            factors += count;
        }}
        for (int64 i = 0; i < B; i++) {{
            thread_inter[thread * B + i] += push[i];
            thread_others[thread * B + i] += sum[i];
        }}
{_GRADIENT_OF_BLOCK if with_gradient else ""}
    }}
}}
for (int64 i = 0; i < B; i++) {{
    double sum_inter = 0, sum_others = 0;
    largest[i] = -2;
    nearest[i] = -1;
    for (int64 at = i; at < threads * B; at += B) {{
        sum_inter += thread_inter[at];
        sum_others += thread_others[at];
        if (thread_largest[at] > largest[i]) {{
            largest[i] = thread_largest[at];
            nearest[i] = thread_nearest[at];
        }}
    }}
    inter[i] = sum_inter;
    others[i] = sum_others;
}}
{_GRADIENT_OF_FEATURES if with_gradient else ""}
"""


def rows_and_gradients(x: Any, w: Any, labels: Any, config: HeadConfig, with_gradients: bool = True) -> tuple[Any, ...]:
    """What is known of each sample (the constants above say where), float32 (6, B), and the gradients of the sum of
    INTRA and INTER over the batch: of `x` and of `w`, where `with_gradients`.

    x: float32 (B, D); w: float32 (C, D), both of any length; labels: int32 (B,), where a number outside of 0 .. C - 1
    stands for a class that is not here. Nothing of it carries a gradient.
    """
    if jt.flags.use_cuda or not has_onednn():
        return by_jittor(x, w, labels, config, with_gradients)
    return in_blocks(x, w, labels, config, with_gradients)


def in_blocks(x: Any, w: Any, labels: Any, config: HeadConfig, with_gradients: bool) -> tuple[Any, ...]:
    """`rows_and_gradients` on a CPU with oneDNN."""
    rows = [6, x.shape[0]]
    shapes, inputs = [rows, x.shape, w.shape] if with_gradients else [rows], [x, w, labels]
    data = {"s": config.s, "k": config.k, "a": config.a, "b": config.b}
    results = jt.code(
        shapes, ["float32"] * len(shapes), inputs, cpu_header=_HEADER, cpu_src=_source(with_gradients), data=data
    )
    return tuple(result.stop_grad() for result in results)


def by_jittor(x: Any, w: Any, labels: Any, config: HeadConfig, with_gradients: bool) -> tuple[Any, ...]:
    """`rows_and_gradients` anywhere, with matrices (B, C)."""
    x, w = x.detach(), w.detach()
    batch, classes = x.shape[0], w.shape[0]
    x_length, w_length = lengths(x), lengths(w)
    x_unit, w_unit = x / x_length, w / w_length
    cos = nn.matmul_transpose(x_unit, w_unit)  # (B, C)
    theta = jt.acos(cos.clamp(-1.0, 1.0))  # rounding gives |cos| > 1, and acos NaN
    own = jt.logical_and(labels >= 0, labels < classes).float32()  # (B,)
    at = jt.arange(batch), labels.clamp(0, classes - 1)
    cos_y = own * cos[at]
    r_intra = own * config.s * sigmoid(config.k * (theta[at] - config.a))
    factor = config.s * sigmoid(config.k * (config.b - theta))  # (B, C)
    # No one-hot matrix: what stands at the label is replaced, by 0 for the sum over the others, then by its own factor.
    factor[at] = (1.0 - own) * factor[at]
    inter = (factor * cos).sum(dim=1)
    factor[at] = factor[at] - r_intra
    nearest, largest = cos.argmax(dim=1)
    rows = jt.stack([-r_intra * cos_y, inter, cos_y, cos.sum(dim=1) - cos_y, largest, nearest.float32()])
    if not with_gradients:
        return (rows.stop_grad(),)
    d_x, d_w = nn.matmul(factor, w_unit), _transposed_matmul(factor, x_unit)
    d_x = (d_x - (d_x * x_unit).sum(dim=1, keepdims=True) * x_unit) / x_length
    d_w = (d_w - (d_w * w_unit).sum(dim=1, keepdims=True) * w_unit) / w_length
    return rows.stop_grad(), d_x.stop_grad(), d_w.stop_grad()


def _transposed_matmul(a: Any, b: Any) -> Any:
    """aᵀ b, written as Jittor's gradients are: one product. Jittor does `transpose` on the CPU, with CUDA too."""
    shape = [a.shape[0], a.shape[1], b.shape[1]]
    return (a.broadcast(shape, [2]) * b.broadcast(shape, [1])).sum(0)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)). Bounded to where it is above 1e-26: Jittor's kernels make NaN of a division by infinity."""
    return 1.0 / (1.0 + jt.exp(-x.clamp(-60.0, 60.0)))
