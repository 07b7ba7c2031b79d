// Batch norms by the batch's own statistics, with the PReLU behind them, and PReLU alone.
#pragma once
#include "rows.h"

namespace {

template <class T> inline T activated(T value, T slope) { return value > 0 ? value : slope * value; }

template <class T>
void norm_forward(const T* x, T* y, int64_t pixels, int64_t channels, const T* weight, const T* bias, const T* slope,
                  T* running_mean, T* running_var, double momentum, double eps, T* kept) {
    const Rows<T> rows(pixels, channels);
    T *mean = kept, *inverse = kept + channels, *scale = kept + 2 * channels, *shift = kept + 3 * channels;
    std::vector<double> near(channels, 0.0);           // close to the mean, so that squares do not cancel
    const int64_t some = std::min<int64_t>(pixels, 64);
    for (int64_t p = 0; p < some; p++)
        for (int64_t c = 0; c < channels; c++) near[c] += double(x[p * channels + c]) / double(some);
    std::vector<T> about(near.begin(), near.end());
    const std::vector<T> tile = rows.tile(about.data());
    std::vector<double> total[2];
    sums<T, 2>(
        rows,
        [&](int64_t at, int64_t column, V<T>* sum) {
            const V<T> off = load(x + at) - load(tile.data() + column);
            sum[0] += off;
            sum[1] += off * off;
        },
        [&](int64_t at, int64_t c, double* sum) {
            const double off = double(x[at]) - double(about[c]);
            sum[0] += off;
            sum[1] += off * off;
        },
        total);
    const double n = double(pixels);
    for (int64_t c = 0; c < channels; c++) {
        const double off = total[0][c] / n, var = std::max(0.0, total[1][c] / n - off * off);
        const double middle = double(about[c]) + off, over = 1.0 / __builtin_sqrt(var + eps);
        mean[c] = T(middle);
        inverse[c] = T(over);
        scale[c] = T(over * double(weight[c]));
        shift[c] = T(double(bias[c]) - middle * over * double(weight[c]));
        if (running_mean) {
            running_mean[c] = T((1 - momentum) * double(running_mean[c]) + momentum * middle);
            running_var[c] = T((1 - momentum) * double(running_var[c]) + momentum * var * n / (n - 1));
        }
    }
    const auto scales = rows.tile(scale), shifts = rows.tile(shift);
    const auto slopes = slope ? rows.tile(slope) : std::vector<T>();
    for (int64_t row = 0; row < rows.end(); row += rows.width)
        for (int64_t i = 0; i < rows.width; i += Vector<T>::lanes) {
            V<T> v = load(x + row + i) * load(&scales[i]) + load(&shifts[i]);
            if (slope) v = activated(v, load(&slopes[i]));
            store(y + row + i, v);
        }
    for (int64_t i = rows.end(); i < rows.values(); i++) {
        const int64_t c = i % channels;
        const T v = x[i] * scale[c] + shift[c];
        y[i] = slope ? activated(v, slope[c]) : v;
    }
}

// Gradients behind a norm and its activation. `by_slope` is null without an activation that learns.
template <class T>
void norm_backward(const T* gradient, const T* x, int64_t pixels, int64_t channels, const T* kept, const T* slope,
                   T* by_x, T* by_weight, T* by_bias, T* by_slope) {
    const Rows<T> rows(pixels, channels);
    const T *mean = kept, *inverse = kept + channels, *scale = kept + 2 * channels, *shift = kept + 3 * channels;
    const auto means = rows.tile(mean), scales = rows.tile(scale), shifts = rows.tile(shift);
    const std::vector<T> ones(slope ? 0 : channels, T(1));
    if (!slope) slope = ones.data();
    const auto slopes = rows.tile(slope);
    std::vector<double> total[3];
    sums<T, 3>(
        rows,
        [&](int64_t at, int64_t column, V<T>* sum) {
            const V<T> g = load(gradient + at), v = load(x + at);
            const V<T> normed = v * load(&scales[column]) + load(&shifts[column]);
            const V<T> through = normed > 0 ? g : g * load(&slopes[column]);
            sum[0] += through;
            sum[1] += through * (v - load(&means[column]));
            sum[2] += normed > 0 ? V<T>{} : g * normed;
        },
        [&](int64_t i, int64_t c, double* sum) {
            const T normed = x[i] * scale[c] + shift[c], through = normed > 0 ? gradient[i] : gradient[i] * slope[c];
            sum[0] += double(through);
            sum[1] += double(through) * (double(x[i]) - double(mean[c]));
            sum[2] += normed > 0 ? 0.0 : double(gradient[i]) * double(normed);
        },
        total);
    std::vector<T> flat(channels), steep(channels);
    for (int64_t c = 0; c < channels; c++) {
        const double over = double(inverse[c]);
        by_bias[c] = T(total[0][c]);
        by_weight[c] = T(total[1][c] * over);
        if (by_slope) by_slope[c] = T(total[2][c]);
        flat[c] = T(total[0][c] / double(pixels));
        steep[c] = T(total[1][c] * over * over / double(pixels));
    }
    if (!by_x) return;
    const auto flats = rows.tile(flat.data()), steeps = rows.tile(steep.data());
    for (int64_t row = 0; row < rows.end(); row += rows.width)
        for (int64_t i = 0; i < rows.width; i += Vector<T>::lanes) {
            const V<T> g = load(gradient + row + i), v = load(x + row + i), by = load(&scales[i]);
            const V<T> normed = v * by + load(&shifts[i]), through = normed > 0 ? g : g * load(&slopes[i]);
            store(by_x + row + i, by * (through - load(&flats[i]) - (v - load(&means[i])) * load(&steeps[i])));
        }
    for (int64_t i = rows.end(); i < rows.values(); i++) {
        const int64_t c = i % channels;
        const T normed = x[i] * scale[c] + shift[c], through = normed > 0 ? gradient[i] : gradient[i] * slope[c];
        by_x[i] = scale[c] * (through - flat[c] - (x[i] - mean[c]) * steep[c]);
    }
}

template <class T>
void prelu_backward(const T* gradient, const T* x, int64_t pixels, int64_t channels, const T* slope, T* by_x,
                    T* by_slope) {
    const Rows<T> rows(pixels, channels);
    const auto slopes = rows.tile(slope);
    std::vector<double> total[1];
    sums<T, 1>(
        rows,
        [&](int64_t at, int64_t column, V<T>* sum) {
            const V<T> g = load(gradient + at), v = load(x + at);
            store(by_x + at, v > 0 ? g : g * load(&slopes[column]));
            sum[0] += v > 0 ? V<T>{} : g * v;
        },
        [&](int64_t i, int64_t c, double* sum) {
            by_x[i] = x[i] > 0 ? gradient[i] : gradient[i] * slope[c];
            sum[0] += x[i] > 0 ? 0.0 : double(gradient[i]) * double(x[i]);
        },
        total);
    for (int64_t c = 0; c < channels; c++) by_slope[c] = T(total[0][c]);
}

}  // namespace
