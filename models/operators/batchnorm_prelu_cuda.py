"""BatchNorm in training mode, with or without a PReLU after it, as one operator on a GPU.

Jittor's own operators reduce an activation to its channels at a tenth of the speed at which the GPU's memory is read;
they are most of a training step of MobileFaceNet. Here as on the CPU (batchnorm_prelu.py, where the formulas are) every
pass over the data does all that it can: two passes forward, two backward.

A channel's images are shared out over PARTS blocks. A pass of sums leaves one partial sum a block, in double precision;
the pass after it adds them up, always in the same order. Squares are of the distance to the channel's first element,
since mean(x²) - mean(x)² would lose the variance where the mean is large.
"""

from typing import Any

import jittor as jt

_BLOCKS = 2048  # at least, where there are as many images: they keep the largest GPU busy

_HEADER = r"""
#include <cstdint>
#include <cuda_runtime.h>
namespace {
constexpr int THREADS = 256;
constexpr unsigned ALL = 0xffffffffu;

template <int V> struct alignas(4 * V) Pack { float at[V]; };
template <int V> __device__ inline Pack<V> load(const float* from) { return *reinterpret_cast<const Pack<V>*>(from); }

// The sum over the block, in a fixed order; thread 0 has it.
__device__ inline double block_sum(double value) {
    __shared__ double parts[THREADS / 32];
    for (int distance = 16; distance; distance /= 2) value += __shfl_down_sync(ALL, value, distance);
    __syncthreads();  // parts may still be read for the sum before
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    double sum = 0;
    if (threadIdx.x == 0) for (int i = 0; i < THREADS / 32; i++) sum += parts[i];
    return sum;
}

// Calls work(o) for this thread's share of the block's images of channel blockIdx.x: elements o .. o + V - 1.
template <int V, class Work> __device__ inline void each(int N, int C, int S, Work work) {
    const int last = int64_t(N) * (blockIdx.y + 1) / gridDim.y, width = S / V;
    const int images = THREADS / width, rest = THREADS % width;
    int n = int64_t(N) * blockIdx.y / gridDim.y + threadIdx.x / width, i = threadIdx.x % width;
    while (n < last) {
        work((int64_t(n) * C + blockIdx.x) * S + V * i);
        n += images; i += rest;
        if (i >= width) { i -= width; n++; }
    }
}

// The sum over a channel's blocks of partial sum `which` of `count`.
__device__ inline double total(const double* t, int C, int count, int which) {
    double sum = 0;
    for (int part = 0; part < gridDim.y; part++) sum += t[(part * C + blockIdx.x) * count + which];
    return sum;
}

template <int V> __global__ void moments(const float* x, double* t, int N, int C, int S) {
    const float first = x[int64_t(blockIdx.x) * S];
    float sum = 0, squares = 0;
    each<V>(N, C, S, [&](int64_t o) {
        const Pack<V> p = load<V>(x + o);
        for (int j = 0; j < V; j++) { const float d = p.at[j] - first; sum += d; squares += d * d; }
    });
    const double block = block_sum(sum), block_squares = block_sum(squares);
    double* own = t + (blockIdx.y * C + blockIdx.x) * 2;
    if (threadIdx.x == 0) { own[0] = block; own[1] = block_squares; }
}

template <int V> __global__ void normalise(const float* x, const float* w, const float* b, const float* a,
        const double* t, float* y, float* m, float* v, int N, int C, int S) {
    __shared__ float found[2];
    const int c = blockIdx.x;
    if (threadIdx.x == 0) {
        const double count = double(N) * S, step = total(t, C, 2, 0) / count;
        found[0] = x[int64_t(c) * S] + step;
        found[1] = fmax(0.0, total(t, C, 2, 1) / count - step * step);
        if (blockIdx.y == 0) { m[c] = found[0]; v[c] = found[1]; }
    }
    __syncthreads();
    const float mean = found[0], k = w[c] / sqrtf(found[1] + float(EPS)), bias = b[c], slope = a[c];
    each<V>(N, C, S, [&](int64_t o) {
        Pack<V> p = load<V>(x + o);
        for (int j = 0; j < V; j++) { const float z = (p.at[j] - mean) * k + bias; p.at[j] = ACTIVATION(z); }
        *reinterpret_cast<Pack<V>*>(y + o) = p;
    });
}

template <int V> __global__ void sums(const float* g, const float* x, const float* w, const float* b, const float* a,
        const float* m, const float* v, double* t, int N, int C, int S) {
    const int c = blockIdx.x;
    const float mean = m[c], k = w[c] / sqrtf(v[c] + float(EPS)), bias = b[c], slope = a[c];
    float sum_b = 0, sum_w = 0, sum_a = 0;
    each<V>(N, C, S, [&](int64_t o) {
        const Pack<V> p = load<V>(x + o), q = load<V>(g + o);
        for (int j = 0; j < V; j++) {
            const float z = (p.at[j] - mean) * k + bias, d = GRADIENT(z, q.at[j]);
            sum_a += z > 0 ? 0.0f : q.at[j] * z;
            sum_b += d;
            sum_w += d * (p.at[j] - mean);
        }
    });
    const double block_b = block_sum(sum_b), block_w = block_sum(sum_w), block_a = block_sum(sum_a);
    double* own = t + (blockIdx.y * C + c) * 3;
    if (threadIdx.x == 0) { own[0] = block_b; own[1] = block_w; own[2] = block_a; }
}

template <int V> __global__ void gradient(const float* g, const float* x, const float* w, const float* b,
        const float* a, const float* m, const float* v, const double* t, float* dx, float* dw, float* db, float* da,
        int N, int C, int S) {
    __shared__ float found[2];
    const int c = blockIdx.x;
    const float invstd = 1 / sqrtf(v[c] + float(EPS)), mean = m[c], k = w[c] * invstd, bias = b[c], slope = a[c];
    if (threadIdx.x == 0) {
        const double count = double(N) * S, sum_b = total(t, C, 3, 0), sum_w = total(t, C, 3, 1) * invstd;
        found[0] = sum_b / count;
        found[1] = sum_w / count * invstd;
        if (blockIdx.y == 0) { db[c] = sum_b; dw[c] = sum_w; da[c] = total(t, C, 3, 2); }
    }
    __syncthreads();
    const float mean_b = found[0], mean_w = found[1];
    each<V>(N, C, S, [&](int64_t o) {
        Pack<V> p = load<V>(x + o);
        const Pack<V> q = load<V>(g + o);
        for (int j = 0; j < V; j++) {
            const float from_mean = p.at[j] - mean, z = from_mean * k + bias;
            p.at[j] = k * (GRADIENT(z, q.at[j]) - mean_b - from_mean * mean_w);
        }
        *reinterpret_cast<Pack<V>*>(dx + o) = p;
    });
}

// Four elements at once where they lie so.
inline bool by_four(int S, const void* a, const void* b, const void* c) {
    return S % 4 == 0 && (uintptr_t(a) | uintptr_t(b) | uintptr_t(c)) % 16 == 0;
}
}
"""
_PRELU = "#define ACTIVATION(z) ((z) > 0 ? (z) : slope * (z))\n#define GRADIENT(z, g) ((z) > 0 ? (g) : slope * (g))\n"
_PLAIN = "#define ACTIVATION(z) (z)\n#define GRADIENT(z, g) (g)\n"

_FORWARD = r"""
@alias(x, in0) @alias(w, in1) @alias(b, in2) @alias(a, in3)
@alias(y, out0) @alias(m, out1) @alias(v, out2) @alias(t, out3)
const int N = x_shape0, C = x_shape1, S = x_shape2;
const dim3 blocks(C, t_shape0);
if (by_four(S, x_p, y_p, y_p)) {
    moments<4><<<blocks, THREADS>>>(x_p, t_p, N, C, S);
    normalise<4><<<blocks, THREADS>>>(x_p, w_p, b_p, a_p, t_p, y_p, m_p, v_p, N, C, S);
} else {
    moments<1><<<blocks, THREADS>>>(x_p, t_p, N, C, S);
    normalise<1><<<blocks, THREADS>>>(x_p, w_p, b_p, a_p, t_p, y_p, m_p, v_p, N, C, S);
}
"""

_BACKWARD = r"""
@alias(g, in0) @alias(x, in1) @alias(w, in2) @alias(b, in3) @alias(a, in4) @alias(m, in5) @alias(v, in6)
@alias(dx, out0) @alias(dw, out1) @alias(db, out2) @alias(da, out3) @alias(t, out4)
const int N = x_shape0, C = x_shape1, S = x_shape2;
const dim3 blocks(C, t_shape0);
if (by_four(S, x_p, g_p, dx_p)) {
    sums<4><<<blocks, THREADS>>>(g_p, x_p, w_p, b_p, a_p, m_p, v_p, t_p, N, C, S);
    gradient<4><<<blocks, THREADS>>>(g_p, x_p, w_p, b_p, a_p, m_p, v_p, t_p, dx_p, dw_p, db_p, da_p, N, C, S);
} else {
    sums<1><<<blocks, THREADS>>>(g_p, x_p, w_p, b_p, a_p, m_p, v_p, t_p, N, C, S);
    gradient<1><<<blocks, THREADS>>>(g_p, x_p, w_p, b_p, a_p, m_p, v_p, t_p, dx_p, dw_p, db_p, da_p, N, C, S);
}
"""


class BatchNormPReLUCuda(jt.Function):
    """(x (N, C, S), weight, bias, slope (C,), eps, has_prelu) → (y (N, C, S), mean (C,), variance (C,)); float32."""

    def execute(self, x: Any, weight: Any, bias: Any, slope: Any, eps: float, has_prelu: bool) -> Any:
        self.header = f"#define EPS {eps!r}\n" + (_PRELU if has_prelu else _PLAIN) + _HEADER
        images, channels = x.shape[:2]
        self.parts = max(1, min(images, _BLOCKS // channels))
        of_channels = [(channels,)] * 2
        inputs = [x, weight, bias, slope]
        y, mean, var, _ = self._run([x.shape, *of_channels], inputs, 2, _FORWARD)
        self.saved = x, weight, bias, slope, mean, var
        return y, mean, var

    def grad(self, dy: Any, _mean: Any, _var: Any) -> Any:
        x, weight = self.saved[:2]
        dx, dw, db, da, _ = self._run([x.shape, *[weight.shape] * 3], [dy, *self.saved], 3, _BACKWARD)
        return dx, dw, db, da, None, None

    def _run(self, shapes: list[Any], inputs: list[Any], sums: int, source: str) -> Any:
        """The results of `source`, and after them the partial sums, of which nobody else reads anything."""
        shapes = [*shapes, (self.parts, inputs[-1].shape[0], sums)]
        types = ["float32"] * (len(shapes) - 1) + ["float64"]
        return jt.code(shapes, types, inputs, cuda_header=self.header, cuda_src=source)
