// Passes of training over maps whose channels lie side by side (N, H, W, C), on one thread.
//
// A map is read as rows of `width` values: so many pixels that their channels fill whole vectors. What belongs to a
// channel is laid out over such a row once (a tile), so that odd numbers of channels run at full speed, too.
// Sums are kept in the type of the map within a block of rows, and in double over the blocks.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace {

constexpr int64_t BYTES = 64;           // of a vector
constexpr int64_t LEAST_WIDTH = 128;    // values of a row at least
constexpr int64_t BLOCK = 1 << 17;      // bytes of a map whose sums are taken before they go to double

template <class T> struct Vector {
    typedef T type __attribute__((vector_size(BYTES)));
    static constexpr int64_t lanes = BYTES / sizeof(T);
};
template <class T> using V = typename Vector<T>::type;

template <class T> inline V<T> load(const T* from) {
    V<T> v;
    std::memcpy(&v, from, BYTES);
    return v;
}
template <class T> inline void store(T* to, V<T> v) { std::memcpy(to, &v, BYTES); }

template <class T> struct Rows {
    int64_t channels, pixels, width, count;
    Rows(int64_t pixels, int64_t channels) : channels(channels), pixels(pixels) {
        const int64_t lanes = Vector<T>::lanes;
        width = channels / std::gcd(channels, lanes) * lanes;
        if (width < LEAST_WIDTH) width *= (LEAST_WIDTH + width - 1) / width;
        count = pixels * channels / width;
    }
    int64_t end() const { return count * width; }      // values in whole rows
    int64_t values() const { return pixels * channels; }
    int64_t block() const { return std::max<int64_t>(1, BLOCK / (width * int64_t(sizeof(T)))); }
    std::vector<T> tile(const T* of_channel) const {
        std::vector<T> tiled(width);
        for (int64_t i = 0; i < width; i++) tiled[i] = of_channel[i % channels];
        return tiled;
    }
};

// Adds up `made(at, tables)` over all rows, for each channel: S sums at once, from vectors of the maps at an offset.
// `made` gets an offset into the maps and one into the tiles, and adds to S vectors; `rest` does so for one value.
template <class T, int S, class Made, class Rest>
void sums(const Rows<T>& rows, Made made, Rest rest, std::vector<double> (&total)[S]) {
    constexpr int64_t lanes = Vector<T>::lanes;
    std::vector<double> wide[S];
    for (auto& one : wide) one.assign(rows.width, 0.0);
    const int64_t block = rows.block();
    for (int64_t first = 0; first < rows.count; first += block) {
        const int64_t last = std::min(rows.count, first + block);
        for (int64_t column = 0; column < rows.width; column += lanes) {
            V<T> sum[S] = {};
            for (int64_t row = first; row < last; row++) made(row * rows.width + column, column, sum);
            for (int s = 0; s < S; s++)
                for (int64_t lane = 0; lane < lanes; lane++) wide[s][column + lane] += double(sum[s][lane]);
        }
    }
    for (int s = 0; s < S; s++) {
        total[s].assign(rows.channels, 0.0);
        for (int64_t i = 0; i < rows.width; i++) total[s][i % rows.channels] += wide[s][i];
    }
    for (int64_t i = rows.end(); i < rows.values(); i++) {
        double sum[S] = {};
        rest(i, i % rows.channels, sum);
        for (int s = 0; s < S; s++) total[s][i % rows.channels] += sum[s];
    }
}

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
