// Gradients of dilated depth-wise convolutions.
#pragma once
#include "rows.h"

namespace {

// A depth-wise convolution: sides, dilations and size of the maps; padded by half of what its kernel spans.
struct Shape {
    int64_t images, height, width, channels, rows, columns, down, right, stride, high, wide;
    // The first and the last but one place of a row (or column) of `size` that a tap `off` away is on the map.
    static int64_t from(int64_t off) { return std::max<int64_t>(0, -off); }
    static int64_t to(int64_t off, int64_t size) { return std::min(size, size - off); }
};

template <class T> std::vector<std::vector<T>> tiled_taps(const Rows<T>& rows, const Shape& s, const T* weight) {
    std::vector<std::vector<T>> tiles;
    const int64_t taps = s.rows * s.columns;
    std::vector<T> of_channel(s.channels);
    for (int64_t tap = 0; tap < taps; tap++) {
        for (int64_t c = 0; c < s.channels; c++) of_channel[c] = weight[c * taps + tap];
        tiles.push_back(rows.tile(of_channel.data()));
    }
    return tiles;
}

// What the taps of a kernel's row meet in a row of maps: its places from `first` on, `count` values of them.
struct Run {
    int64_t tap, first, count, off;
};

// The taps of one row of a kernel, `sign` says whether they look right or left of the pixel.
inline std::vector<Run> runs_of(const Shape& s, int64_t row, int64_t sign) {
    std::vector<Run> found;
    for (int64_t j = 0; j < s.columns; j++) {
        const int64_t off = sign * s.right * (j - s.columns / 2);
        const int64_t first = Shape::from(off), count = Shape::to(off, s.width) - first;
        if (count > 0) found.push_back({row * s.columns + j, first * s.channels, count * s.channels, off * s.channels});
    }
    return found;
}

// The gradient of the input for a stride of 1: the convolution with the kernel turned round.
template <class T>
void depth_wise_by_input(const T* gradient, const T* weight, const Shape& s, T* by_x) {
    const Rows<T> rows(s.height * s.width, s.channels);
    const auto tiles = tiled_taps(rows, s, weight);
    const int64_t line = s.width * s.channels, tile = rows.width;
    std::vector<std::vector<Run>> runs;
    for (int64_t i = 0; i < s.rows; i++) runs.push_back(runs_of(s, i, -1));
    for (int64_t n = 0; n < s.images; n++)
        for (int64_t y = 0; y < s.height; y++) {
            T* to = by_x + (n * s.height + y) * line;
            std::fill(to, to + line, T(0));
            for (int64_t i = 0; i < s.rows; i++) {
                const int64_t above = y - s.down * (i - s.rows / 2);
                if (above < 0 || above >= s.height) continue;
                const T* from = gradient + (n * s.height + above) * line;
                for (const Run& run : runs[i]) {
                    const T *read = from + run.first + run.off, *by = tiles[run.tap].data();
                    T* write = to + run.first;
                    int64_t at = 0;
                    for (; at + tile <= run.count; at += tile)
                        for (int64_t k = 0; k < tile; k += Vector<T>::lanes)
                            store(write + at + k, load(write + at + k) + load(by + k) * load(read + at + k));
                    for (int64_t k = 0; at + k < run.count; k++) write[at + k] += by[k] * read[at + k];
                }
            }
        }
}

// Adds the products of two runs of values to the tile `sum`, which they go through again and again.
template <class T> inline void products(const T* one, const T* other, int64_t count, int64_t tile, T* sum) {
    constexpr int64_t lanes = Vector<T>::lanes, wide = 4 * lanes;
    const int64_t whole = count / tile * tile;
    for (int64_t column = 0; column < tile; column += wide) {   // a tile is whole groups of four vectors or of one
        const int64_t some = std::min(wide, tile - column);
        if (some == wide) {
            V<T> a = load(sum + column), b = load(sum + column + lanes);
            V<T> c = load(sum + column + 2 * lanes), d = load(sum + column + 3 * lanes);
            for (int64_t at = column; at < whole; at += tile) {
                a += load(one + at) * load(other + at);
                b += load(one + at + lanes) * load(other + at + lanes);
                c += load(one + at + 2 * lanes) * load(other + at + 2 * lanes);
                d += load(one + at + 3 * lanes) * load(other + at + 3 * lanes);
            }
            store(sum + column, a), store(sum + column + lanes, b);
            store(sum + column + 2 * lanes, c), store(sum + column + 3 * lanes, d);
            continue;
        }
        for (int64_t k = column; k < column + some; k += lanes) {
            V<T> a = load(sum + k);
            for (int64_t at = k; at < whole; at += tile) a += load(one + at) * load(other + at);
            store(sum + k, a);
        }
    }
    for (int64_t k = 0; whole + k < count; k++) sum[k] += one[whole + k] * other[whole + k];
}

template <class T>
void depth_wise_by_weight(const T* gradient, const T* x, const Shape& s, T* by_weight) {
    const Rows<T> rows(s.height * s.width, s.channels);
    const int64_t line = s.width * s.channels, tile = rows.width, taps = s.rows * s.columns;
    std::vector<std::vector<Run>> runs;
    for (int64_t i = 0; i < s.rows; i++) runs.push_back(runs_of(s, i, 1));
    std::vector<T> sum(taps * tile);
    std::vector<double> total(taps * s.channels, 0.0);
    for (int64_t n = 0; n < s.images; n++) {
        std::fill(sum.begin(), sum.end(), T(0));
        for (int64_t y = 0; y < s.height; y++) {
            const T* met = gradient + (n * s.height + y) * line;
            for (int64_t i = 0; i < s.rows; i++) {
                const int64_t below = y + s.down * (i - s.rows / 2);
                if (below < 0 || below >= s.height) continue;
                const T* seen = x + (n * s.height + below) * line;
                for (const Run& run : runs[i])
                    products(seen + run.first + run.off, met + run.first, run.count, tile, &sum[run.tap * tile]);
            }
        }
        for (int64_t tap = 0; tap < taps; tap++)
            for (int64_t k = 0; k < tile; k++)
                total[k % s.channels * taps + tap] += double(sum[tap * tile + k]);
    }
    for (size_t k = 0; k < total.size(); k++) by_weight[k] = T(total[k]);
}

// Both gradients for a stride of 2 or more, pixel by pixel of the output.
template <class T>
void depth_wise_strided(const T* gradient, const T* x, const T* weight, const Shape& s, T* by_x, T* by_weight) {
    const int64_t taps = s.rows * s.columns, size = s.height * s.width * s.channels;
    std::vector<T> by_tap(taps * s.channels), sum(taps * s.channels);
    std::vector<double> total(taps * s.channels, 0.0);
    for (int64_t k = 0; k < taps * s.channels; k++) by_tap[k % taps * s.channels + k / taps] = weight[k];
    std::fill(by_x, by_x + s.images * size, T(0));
    for (int64_t n = 0; n < s.images; n++) {
        std::fill(sum.begin(), sum.end(), T(0));
        for (int64_t pixel = 0; pixel < s.high * s.wide; pixel++) {
            const T* g = gradient + (n * s.high * s.wide + pixel) * s.channels;
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t y = pixel / s.wide * s.stride + s.down * (tap / s.columns - s.rows / 2);
                const int64_t z = pixel % s.wide * s.stride + s.right * (tap % s.columns - s.columns / 2);
                if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
                const int64_t at = n * size + (y * s.width + z) * s.channels;
                const T* by = by_tap.data() + tap * s.channels;
                T* to = sum.data() + tap * s.channels;
                for (int64_t c = 0; c < s.channels; c++) {
                    by_x[at + c] += by[c] * g[c];
                    to[c] += x[at + c] * g[c];
                }
            }
        }
        for (int64_t k = 0; k < taps * s.channels; k++)
            total[k % s.channels * taps + k / s.channels] += double(sum[k]);
    }
    for (size_t k = 0; k < total.size(); k++) by_weight[k] = T(total[k]);
}

template <class T>
void depth_wise_backward(const T* gradient, const T* x, const T* weight, const Shape& s, T* by_x, T* by_weight) {
    if (s.stride > 1) return depth_wise_strided(gradient, x, weight, s, by_x, by_weight);
    depth_wise_by_input(gradient, weight, s, by_x);
    depth_wise_by_weight(gradient, x, s, by_weight);
}

}  // namespace
