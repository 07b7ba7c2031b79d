// Passes of training over maps whose channels lie side by side (N, H, W, C), on one thread: what ctypes calls.
#include "depth_wise.h"
#include "norms.h"

#define ENTRIES(T, name)                                                                                              \
    extern "C" void norm_forward_##name(const T* x, T* y, int64_t pixels, int64_t channels, const T* weight,          \
                                        const T* bias, const T* slope, T* running_mean, T* running_var,               \
                                        double momentum, double eps, T* kept) {                                       \
        norm_forward(x, y, pixels, channels, weight, bias, slope, running_mean, running_var, momentum, eps, kept);    \
    }                                                                                                                 \
    extern "C" void norm_backward_##name(const T* gradient, const T* x, int64_t pixels, int64_t channels,             \
                                         const T* kept, const T* slope, T* by_x, T* by_weight, T* by_bias,            \
                                         T* by_slope) {                                                               \
        norm_backward(gradient, x, pixels, channels, kept, slope, by_x, by_weight, by_bias, by_slope);                \
    }                                                                                                                 \
    extern "C" void prelu_backward_##name(const T* gradient, const T* x, int64_t pixels, int64_t channels,            \
                                          const T* slope, T* by_x, T* by_slope) {                                     \
        prelu_backward(gradient, x, pixels, channels, slope, by_x, by_slope);                                         \
    }                                                                                                                 \
    extern "C" void depth_wise_backward_##name(const T* gradient, const T* x, const T* weight, const Shape* shape,    \
                                               T* by_x, T* by_weight) {                                               \
        depth_wise_backward(gradient, x, weight, *shape, by_x, by_weight);                                            \
    }

ENTRIES(float, float)
ENTRIES(double, double)
