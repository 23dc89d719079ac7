"""Depthwise 3x3 convolution (padding 1, stride 1 or 2) as one operator on the CPU, forward and backward.

oneDNN, which Jittor calls, brings the input into a blocked layout and the output back; where an output is a sum of nine
products, that costs more than the convolution. Here a plane (one channel of one image, a few KB) is copied once, with
a rim of zeros, into the first-level cache; with stride 2 it is dealt out into four planes, by the parity of row and
column. Moving the kernel is then moving an address, and all nine products run along the whole plane as if it were one
long row, however short its rows are.
"""

from typing import Any

import jittor as jt

# Element (r, c) of the input with its rim is in plane [r % T][c % T], row r / T, column c / T. Rows of the output are
# W2 long there too, and what lies behind their OW elements is not used; `size` has room for what it reads.
_PLANES = r"""
#include <algorithm>
#include <vector>
#include <omp.h>
namespace {
constexpr int T = STRIDE;
struct Planes {
    const int H, W, OH, OW, H2, W2, size, used;
    Planes(int H, int W)
        : H(H), W(W), OH((H - 1) / T + 1), OW((W - 1) / T + 1), H2((H + 1) / T + 1), W2((W + 1) / T + 1),
          size((H2 + 2) * W2 + 2), used((OH - 1) * W2 + OW) {}
    inline int at(int r, int c) const { return ((r % T) * T + c % T) * size + r / T * W2 + c / T; }
    void deal_out(const float* plane, float* planes) const {
        for (int h = 0; h < H; h++) {
            const float* from = plane + h * W;
            float *even = planes + at(h + 1, 1), *odd = planes + at(h + 1, 2);
            #pragma omp simd
            for (int j = 0; j < W / T; j++) { even[j] = from[T * j]; if (T == 2) odd[j] = from[2 * j + 1]; }
            if (W % T) even[W / T] = from[W - 1];
        }
    }
    void gather(const float* planes, float* plane) const {
        for (int h = 0; h < H; h++) {
            float* to = plane + h * W;
            const float *even = planes + at(h + 1, 1), *odd = planes + at(h + 1, 2);
            #pragma omp simd
            for (int j = 0; j < W / T; j++) { to[T * j] = even[j]; if (T == 2) to[2 * j + 1] = odd[j]; }
            if (W % T) to[W - 1] = even[W / T];
        }
    }
};
}
"""

# Row and column in the kernel of its nine weights; w12 is one of them, x12 where its products begin.
_TAPS = [(row, column) for row in range(3) for column in range(3)]
_WEIGHTS = "\n".join(f"const float w{r}{c} = w_p[channel * 9 + {3 * r + c}];" for r, c in _TAPS)
_INPUTS = "\n".join(f"const float* x{r}{c} = planes + shape.at({r}, {c});" for r, c in _TAPS)

# Threads share out the channels: the gradient of a weight is then a sum within one thread.
_FORWARD = f"""
@alias(x, in0) @alias(w, in1) @alias(y, out0)
const int64 N = x_shape0, C = x_shape1;
const Planes shape(x_shape2, x_shape3);
#pragma omp parallel
{{
    std::vector<float> buffer((T * T + 1) * shape.size);
    float* planes = buffer.data();
    float* result = planes + T * T * shape.size;
    {_INPUTS}
    #pragma omp for schedule(static)
    for (int64 channel = 0; channel < C; channel++) {{
        {_WEIGHTS}
        for (int64 n = 0; n < N; n++) {{
            shape.deal_out(x_p + (n * C + channel) * shape.H * shape.W, planes);
            #pragma omp simd
            for (int i = 0; i < shape.used; i++) result[i] = {" + ".join(f"w{r}{c} * x{r}{c}[i]" for r, c in _TAPS)};
            float* to = y_p + (n * C + channel) * shape.OH * shape.OW;
            for (int h = 0; h < shape.OH; h++)
                std::copy(result + h * shape.W2, result + h * shape.W2 + shape.OW, to + h * shape.OW);
        }}
    }}
}}
"""


def _input_gradient(row: int, column: int, stride: int) -> str:
    """The gradient of plane [row][column]: for each element, that of the outputs it went into, times the weights."""
    taps = [(r, c) for r, c in _TAPS if r % stride == row and c % stride == column]
    terms = " + ".join(f"w{r}{c} * grad[i - {r // stride} * shape.W2 - {c // stride}]" for r, c in taps)
    return f"""{{
                float* plane = dplanes + {row * stride + column} * shape.size;
                #pragma omp simd
                for (int i = 0; i < shape.H2 * shape.W2; i++) plane[i] = {terms};
            }}
            """


def _backward(stride: int) -> str:
    planes = [(row, column) for row in range(stride) for column in range(stride)]
    return f"""
@alias(g, in0) @alias(x, in1) @alias(w, in2) @alias(dx, out0) @alias(dw, out1)
const int64 N = x_shape0, C = x_shape1;
const Planes shape(x_shape2, x_shape3);
#pragma omp parallel
{{
    std::vector<float> buffer((2 * T * T + 2) * shape.size);
    float* planes = buffer.data();
    float* dplanes = planes + T * T * shape.size;
    // The output's gradient in rows of W2; zeros where there is no output, before the first and after the last too.
    float* grad = dplanes + T * T * shape.size + 2 * shape.W2 + 2;
    {_INPUTS}
    #pragma omp for schedule(static)
    for (int64 channel = 0; channel < C; channel++) {{
        {_WEIGHTS}
        double sums[9] = {{0}};
        for (int64 n = 0; n < N; n++) {{
            const float* from = g_p + (n * C + channel) * shape.OH * shape.OW;
            for (int h = 0; h < shape.OH; h++)
                std::copy(from + h * shape.OW, from + (h + 1) * shape.OW, grad + h * shape.W2);
            shape.deal_out(x_p + (n * C + channel) * shape.H * shape.W, planes);
            float {", ".join(f"s{r}{c} = 0" for r, c in _TAPS)};
            #pragma omp simd reduction(+:{", ".join(f"s{r}{c}" for r, c in _TAPS)})
            for (int i = 0; i < shape.used; i++) {{
                {" ".join(f"s{r}{c} += grad[i] * x{r}{c}[i];" for r, c in _TAPS)}
            }}
            {" ".join(f"sums[{3 * r + c}] += s{r}{c};" for r, c in _TAPS)}
            {"".join(_input_gradient(row, column, stride) for row, column in planes)}
            shape.gather(dplanes, dx_p + (n * C + channel) * shape.H * shape.W);
        }}
        for (int i = 0; i < 9; i++) dw_p[channel * 9 + i] = sums[i];
    }}
}}
"""


class Depthwise3x3(jt.Function):
    """(x float32 (N, C, H, W), weight float32 (C, 1, 3, 3), stride 1 or 2) → float32 (N, C, OH, OW).

    OH = (H - 1) // stride + 1, OW likewise.
    """

    def execute(self, x: Any, weight: Any, stride: int) -> Any:
        self.saved = x, weight
        self.stride = stride
        self.header = f"#define STRIDE {stride}\n{_PLANES}"
        n, c, h, w = x.shape
        shape = [n, c, (h - 1) // stride + 1, (w - 1) // stride + 1]
        return jt.code(shape, "float32", [x, weight], cpu_header=self.header, cpu_src=_FORWARD)

    def grad(self, dy: Any) -> Any:
        x, weight = self.saved
        dx, dw = jt.code(
            [x.shape, weight.shape],
            ["float32"] * 2,
            [dy, x, weight],
            cpu_header=self.header,
            cpu_src=_backward(self.stride),
        )
        return dx, dw, None
