// Maps as rows of values that fill whole vectors, and sums over them, for each channel.
//
// A map is read as rows of `width` values: so many pixels that their channels fill whole vectors. What belongs to a
// channel is laid out over such a row once (a tile), so that odd numbers of channels run at full speed, too.
// Sums are kept in the type of the map within a block of rows, and in double over the blocks.
#pragma once

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

}  // namespace
