// What a file may ask for: every number is looked at when a network is opened, so that no kernel leaves its arrays.
#pragma once
#include "tasks.h"

#include <memory>
#include <stdexcept>
#include <string>

namespace {

constexpr int64_t MOST = int64_t(1) << 40;  // sums and products of a few sizes below it do not overflow
constexpr int64_t LONGEST = int64_t(1) << 20;  // sides, channels, taps, strides

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

struct Owned {  // a map and what it points to
    std::vector<int64_t> offsets;
    std::vector<float*> planes;
    int64_t where;  // 0: arena, -1 - i: input i of the call, 1 + i: output i
    int64_t floats;  // of the array in which it lies
    Map map;
};

struct Reader {
    const int64_t *at, *end;
    int64_t next(int64_t least = -MOST, int64_t most = MOST) {
        require(at < end, "the operations end too early");
        require(*at >= least && *at <= most, "a number is out of its range");
        return *at++;
    }
    int64_t side() { return next(1, LONGEST); }
    std::vector<int64_t> list(int64_t least, int64_t most) {
        std::vector<int64_t> made(next(0, end - at));
        for (int64_t& number : made) number = next(least, most);
        return made;
    }
};

// The planes of a map are touched from their first pixel plus `from` up to, without, their first pixel plus `to`.
void touches(const Owned& owned, int64_t from, int64_t to) {
    for (int64_t offset : owned.offsets)
        require(offset + from >= 0 && offset + to <= owned.floats, "a map reaches out of its array");
}

int64_t pixels_end(const Map& map) { return (map.height - 1) * map.pitch + map.width; }
void is_read(const Owned& owned) { touches(owned, 0, pixels_end(owned.map)); }
void is_written(const Owned& owned) {
    require(owned.where >= 0, "an input would be written");
    is_read(owned);
}

// What a tile covers: rows, real columns, and columns to the end of the last vector.
struct Covered {
    int64_t channels, rows, width, wide;
    bool pairs, masks;  // whether tiles are of an even number of channels; whether rows run through as one
};

int64_t to_vectors(int64_t width) { return (width + LANES - 1) / LANES * LANES; }

// Of a step: the map that it names, or none, and how many weights lie behind `a` and `b`.
void check_step(Kind kind, const Owned* other, const Covered& tile, int64_t a, int64_t b) {
    if (kind == ADD || kind == GATE || kind == STORE || kind == SPREAD) {
        require(other, "a step has no map");
        const int64_t pitch = other->map.pitch, last = (tile.rows - 1) * pitch;
        require(other->map.channels * (kind == SPREAD ? 4 : 1) >= tile.channels, "a step has too few planes");
        if (kind == ADD) touches(*other, 0, last + tile.wide);
        if (kind == GATE) touches(*other, 0, 1);
        if (kind == STORE || kind == SPREAD) require(other->where >= 0, "an input would be written");
        if (kind == STORE) touches(*other, 0, last + tile.width);
        if (kind == SPREAD) {
            require(tile.pairs, "a step does not fit its tiles");
            touches(*other, 0, 2 * last + pitch + 2 * tile.width);
        }
    }
    const int64_t first = kind == SCALE || kind == PRELU ? tile.channels : kind == CLAMP ? 2 : kind == MASK ? tile.wide : 0;
    require(a >= first && (kind != SCALE || b >= tile.channels), "a step has too few weights");
    require(kind != MASK || tile.masks, "a step does not fit its tiles");
}

void check_quarters(const Map& in, int64_t rows, int64_t top, int64_t pitch) {
    require(top + (in.height + 1) / 2 <= rows && (in.width + 1) / 2 <= pitch, "quarters do not fit");
}

void check_convolution(const Conv& op, const Owned& in, bool depthwise, int64_t weights, int64_t bias) {
    require(op.taps > 0 && in.map.channels % op.groups == 0 && op.out_channels % op.groups == 0, "groups do not fit");
    require(!depthwise || (op.groups == in.map.channels && op.groups == op.out_channels), "groups do not fit");
    require(!op.narrow || op.width <= LANES, "a row is wider than a vector");
    require(op.vectors <= (depthwise ? CHAIN_CAP : 4), "a tile is too large");
    int64_t sum = 0;
    for (int64_t b = 1; b <= op.blocks[0]; b++) {
        require(depthwise || op.blocks[b] <= CAP[op.vectors], "a tile is too large");
        sum += op.blocks[b];
    }
    require(sum == op.out_channels / op.groups, "tiles do not cover the channels");
    require(bias >= op.out_channels, "a convolution has too few weights");
    require(weights / op.taps >= op.out_channels * (in.map.channels / op.groups), "a convolution has too few weights");
    const auto offsets = tap_offsets(op);
    const int64_t wide = op.narrow ? LANES : to_vectors(op.width), pitch = pitch_read(op);
    const int64_t first = *std::min_element(offsets.begin(), offsets.end());
    const int64_t end = *std::max_element(offsets.begin(), offsets.end()) + (op.height - 1) * pitch + wide;
    if (!op.quarters.rows) return touches(in, first, end);
    require(depthwise, "only depth-wise convolutions read quarters");
    check_quarters(in.map, op.quarters.rows, op.quarters.top, pitch);
    is_read(in);
    require(first >= -LEAD && end <= quarters_floats(op) - LEAD, "a convolution reaches out of its quarters");
}

// Convolutions that run channel by channel share the tiles of the first.
void check_together(const Conv& one, const Conv& other) {
    const Quarters &a = one.quarters, &b = other.quarters;
    require(one.in.planes == other.in.planes && one.height == other.height && one.width == other.width &&
                one.narrow == other.narrow && one.vectors == other.vectors && a.rows == b.rows && a.top == b.top &&
                a.pitch == b.pitch,
            "convolutions of a group differ");
}

void check_band(const Map& in, const Map& out, bool columns, int64_t taps, const std::vector<int64_t>& starts) {
    require((int64_t)starts.size() == (columns ? out.width : out.height), "a band has another length");
    require(columns ? in.height == out.height : in.width == out.width, "a band changes the other side");
    for (int64_t start : starts) require(start + taps <= (columns ? in.width : in.height), "a band reaches out of its map");
}

}  // namespace
