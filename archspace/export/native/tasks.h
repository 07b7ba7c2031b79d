// What the engine runs: each function returns one operation on given maps, to be called with a number of threads.
#pragma once
#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <vector>

namespace {

using Floats = std::vector<float>;

// What runs at once: pieces of work, any of them by any thread.
struct Task {
    int64_t work;
    std::function<void(int64_t from, int64_t to)> run;
};

int64_t pitch_read(const Conv& op) { return op.quarters.rows ? op.quarters.pitch : op.in.pitch; }

std::vector<int64_t> tap_offsets(const Conv& op) {
    std::vector<int64_t> offsets(op.taps);
    for (int64_t i = 0; i < op.taps; i++) offsets[i] = op.rows[i] * pitch_read(op) + op.columns[i];
    return offsets;
}

struct Piece {  // of a map: where a tile begins, and its vectors
    int64_t y, x, vectors;
};

// Tiles that cover a map, of nearly equal widths.
std::vector<Piece> pieces_of(const Conv& op) {
    std::vector<Piece> pieces;
    const int64_t vectors = op.narrow ? op.height : (op.width + LANES - 1) / LANES;
    const int64_t count = (vectors + op.vectors - 1) / op.vectors;
    for (int64_t y = 0; y < (op.narrow ? 1 : op.height); y++)
        for (int64_t i = 0, done = 0; i < count; i++) {
            const int64_t some = (vectors - done + count - i - 1) / (count - i);
            pieces.push_back({op.narrow ? done : y, op.narrow ? 0 : done * LANES, some});
            done += some;
        }
    return pieces;
}

constexpr int64_t ENOUGH = 16;  // pieces of work for the threads of a processor

Task convolution(const Conv op) {
    const int64_t outputs = op.out_channels / op.groups, per_channel = op.in.channels / op.groups * op.taps;
    std::vector<std::vector<Tile>> tiles(5);  // by vectors, of each block
    for (int64_t nr = 1; nr <= op.vectors; nr++)
        for (int64_t b = 1; b <= op.blocks[0]; b++)
            tiles[nr].push_back(find_tile(op.blocks[b], nr, op.taps, op.narrow));
    const auto pieces = pieces_of(op);
    const int64_t count = (int64_t)pieces.size(), blocks = op.blocks[0];
    const int64_t parts = std::min(blocks, (ENOUGH + op.groups * count - 1) / (op.groups * count));
    const auto run = [=, offsets = tap_offsets(op)](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) {
            const int64_t group = i / count / parts, part = i / count % parts;
            const Piece piece = pieces[i % count];
            int64_t c = group * outputs;
            for (int64_t b = 0; b < (part + 1) * blocks / parts; c += op.blocks[1 + b++])
                if (b >= part * blocks / parts)
                    tiles[piece.vectors][b](op, group, offsets.data(), op.weights + c * per_channel, c, piece.y, piece.x);
        }
    };
    return {op.groups * parts * count, run};
}

// Some columns of a row of a plane in quarters, up to two vectors of them.
INLINE void part_in_two(const float* from, int64_t columns, float* even, float* odd) {
    const vec a = take(from, columns), b = take(from + LANES, columns - LANES);
    keep(even, EVEN(a, b), (columns + 1) / 2);
    keep(odd, ODD(a, b), (columns + 1) / 2);
}

// A plane in quarters; `to` is told where the first one's zeros begin, and other zeros lie there already.
void quarter(const float* from, const Map& in, float* to, const Quarters& q) {
    const int64_t whole = in.width / (2 * LANES) * 2 * LANES, rest = in.width - whole;
    const bool again = whole && rest % 2 == 0;  // the last two vectors begin within those before them
    for (int64_t y = 0; y < in.height; y++, from += in.pitch) {
        float* even = to + (y % 2 * 2 * q.rows + q.top + y / 2) * q.pitch;
        float* odd = even + q.rows * q.pitch;
        for (int64_t x = 0; x < whole; x += 2 * LANES) part_in_two(from + x, 2 * LANES, even + x / 2, odd + x / 2);
        const int64_t last = again ? in.width - 2 * LANES : whole;
        if (again) part_in_two(from + last, 2 * LANES, even + last / 2, odd + last / 2);
        else if (rest) part_in_two(from + last, rest, even + last / 2, odd + last / 2);
    }
}

Task quarters(const Map in, const Map out, int64_t top) {
    return {in.channels, [=](int64_t from, int64_t to) {
                for (int64_t c = from; c < to; c++)
                    quarter(in.planes[c], in, out.planes[c], {out.height / 4, top, out.pitch});
            }};
}

constexpr int64_t LEAD = 64;  // floats before the first quarter

int64_t quarters_floats(const Conv& op) {  // with what the kernels read before and behind
    return LEAD + 4 * op.quarters.rows * op.quarters.pitch + op.quarters.pitch * op.vectors + LANES * op.vectors + LEAD;
}

// Depth-wise convolutions of one map, channel by channel: the plane is read from memory once.
Task pyramid(const std::vector<Conv> ops, bool summed) {
    std::vector<std::vector<int64_t>> offsets;
    std::vector<std::vector<Chain>> chains;  // of each convolution, by vectors
    const bool alike = std::all_of(ops.begin(), ops.end(), [&](const Conv& op) { return op.taps == ops[0].taps; });
    for (const Conv& op : ops) {
        offsets.push_back(tap_offsets(op));
        chains.emplace_back(1, nullptr);
        for (int64_t nr = 1; nr <= op.vectors; nr++)
            chains.back().push_back(find_chain<1>(nr, alike || !summed ? op.taps : 0, op.narrow));
    }
    const auto run = [ops, summed, offsets, chains, pieces = pieces_of(ops[0])](int64_t from, int64_t to) {
        const Conv& first = ops[0];
        const bool quartered = first.quarters.rows > 0;
        std::vector<const int64_t*> lists;
        for (const auto& one : offsets) lists.push_back(one.data());
        thread_local Floats scratch;
        if (quartered) scratch.assign(quarters_floats(first) + LANES, 0.0f);
        float* quarters = scratch.data() + LEAD;
        quarters += LANES - (uintptr_t)quarters / 4 % LANES;  // at the beginning of a cache line
        const size_t step = summed ? ops.size() : 1;
        for (int64_t c = from; c < to; c++) {
            float* plane = first.in.planes[c];
            if (quartered) quarter(plane, first.in, quarters, first.quarters), plane = quarters;
            for (size_t b = 0; b < ops.size(); b += step)
                for (const Piece& piece : pieces)
                    chains[b][piece.vectors](&ops[b], (int64_t)step, c, &lists[b], plane, pitch_read(first), piece.y,
                                             piece.x);
        }
    };
    return {ops[0].groups, run};
}

Task each(const Map in, const std::vector<Step>* steps) {
    const auto run = [=](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) {
            const int64_t c = i / in.height, y = i % in.height;
            for (int64_t x = 0; x < in.width; x += LANES) {
                // an input of the caller ends where it ends
                vec t[1][1] = {{take(in.planes[c] + y * in.pitch + x, in.width - x)}};
                finish<1, 1, false>(t, steps->data(), (int64_t)steps->size(), c, y, x, in.width - x);
            }
        }
    };
    return {in.channels * in.height, run};
}

struct Lerp {
    std::vector<int32_t> from, to;
    Floats share;
};

// Corners aligned: as torch computes it, in float32.
Lerp aligned(int64_t in, int64_t out) {
    Lerp l;
    const float scale = out > 1 ? (float)(in - 1) / (float)(out - 1) : 0.0f;
    for (int64_t i = 0; i < out; i++) {
        const float real = scale * (float)i;
        const int32_t at = std::min((int32_t)real, (int32_t)in - 1);
        l.from.push_back(at);
        l.to.push_back(at + (at < in - 1));
        l.share.push_back(real - (float)at);
    }
    return l;
}

Task resize(const Map in, const Map out) {
    const auto run = [in, out, down = aligned(in.height, out.height), right = aligned(in.width, out.width)](
                         int64_t from, int64_t to) {
        for (int64_t c = from; c < to; c++) {
            thread_local Floats row;
            row.resize(in.width + LANES);
            for (int64_t y = 0; y < out.height; y++) {
                const float share = down.share[y];
                const float *top = in.planes[c] + down.from[y] * in.pitch, *low = in.planes[c] + down.to[y] * in.pitch;
                float *mixed = row.data(), *to = out.planes[c] + y * out.pitch;
                for (int64_t x = 0; x < in.width; x++) mixed[x] = (1 - share) * top[x] + share * low[x];
                const int32_t *a = right.from.data(), *b = right.to.data();
                const float* f = right.share.data();
#pragma GCC ivdep
                for (int64_t x = 0; x < out.width; x++) to[x] = (1 - f[x]) * mixed[a[x]] + f[x] * mixed[b[x]];
            }
        }
    };
    return {out.channels, run};
}

// Each output along an axis is a sum of `taps` neighbours with weights (taps, outputs).
Task band(const Map in, const Map out, bool columns, int64_t taps, const std::vector<int64_t>* starts, const float* w) {
    const std::vector<int32_t> first(starts->begin(), starts->end());
    const auto run = [in, out, columns, taps, first, w](int64_t begin, int64_t end) {
        const int64_t outputs = (int64_t)first.size();
        for (int64_t i = begin; i < end; i++) {
            const int64_t c = i / out.height, y = i % out.height;
            float* to = out.planes[c] + y * out.pitch;
            std::fill(to, to + out.width, 0.0f);
            for (int64_t t = 0; t < taps; t++) {
                if (columns) {
                    const float *from = in.planes[c] + y * in.pitch + t, *share = w + t * outputs;
#pragma GCC ivdep
                    for (int64_t x = 0; x < out.width; x++) to[x] += from[first[x]] * share[x];
                } else {
                    const float *from = in.planes[c] + (first[y] + t) * in.pitch, share = w[t * outputs + y];
#pragma GCC ivdep
                    for (int64_t x = 0; x < out.width; x++) to[x] += from[x] * share;
                }
            }
        }
    };
    return {out.channels * out.height, run};
}

float sum_of(const vec& v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#endif
    float parts[LANES];
    std::memcpy(parts, &v, sizeof parts);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) parts[i] += parts[i + half];
    return parts[0];
}

Task mean(const Map in, const Map out) {
    const auto run = [in, out](int64_t from, int64_t to) {
        for (int64_t c = from; c < to; c++) {
            double sum = 0;
            for (int64_t y = 0; y < in.height; y += ENOUGH) {  // float32 for some rows, float64 for many
                vec part = {};
                for (int64_t r = y; r < std::min(in.height, y + ENOUGH); r++)
                    for (int64_t x = 0; x < in.width; x += LANES)
                        part += take(in.planes[c] + r * in.pitch + x, in.width - x);
                sum += sum_of(part);
            }
            *out.planes[c] = (float)(sum / (double)(in.height * in.width));
        }
    };
    return {in.channels, run};
}

Task linear(const Map in, const Map out, const float* weights, const float* bias) {
    const auto run = [in, out, weights, bias](int64_t from, int64_t to) {
        constexpr int PARTS = 4;  // sums that do not wait for each other
        const int64_t length = in.channels, most = length / (PARTS * LANES) * PARTS * LANES;
        thread_local Floats x;
        x.resize(length);
        for (int64_t k = 0; k < length; k++) x[k] = *in.planes[k];
        for (int64_t c = from; c < to; c++) {
            const float* w = weights + c * length;
            vec t[PARTS] = {};
            for (int64_t k = 0; k < most; k += PARTS * LANES) {
                UNROLL for (int i = 0; i < PARTS; i++) {
                    __builtin_prefetch(w + k + i * LANES + AHEAD);
                    t[i] += load(w + k + i * LANES) * load(x.data() + k + i * LANES);
                }
            }
            for (int64_t k = most; k < length; k += LANES) t[0] += take(w + k, length - k) * take(x.data() + k, length - k);
            *out.planes[c] = sum_of((t[0] + t[1]) + (t[2] + t[3])) + bias[c];
        }
    };
    return {out.channels, run};
}

Task sigmoid(const Map in, const Map out) {
    const auto run = [in, out](int64_t from, int64_t to) {
        for (int64_t c = from; c < to; c++)
            for (int64_t y = 0; y < in.height; y++)
                for (int64_t x = 0; x < in.width; x++)
                    out.planes[c][y * out.pitch + x] = 1 / (1 + std::exp(-in.planes[c][y * in.pitch + x]));
    };
    return {in.channels, run};
}

Task max_pool(const Map in, const Map out, int64_t side, int64_t stride, int64_t pad) {
    const auto run = [in, out, side, stride, pad](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; i++) {
            const int64_t c = i / out.height, y = i % out.height;
            const int64_t top = std::max<int64_t>(0, y * stride - pad), end = std::min(in.height, y * stride - pad + side);
            for (int64_t x = 0; x < out.width; x++) {
                const int64_t left = std::max<int64_t>(0, x * stride - pad);
                const int64_t right = std::min(in.width, x * stride - pad + side);
                float best = -INFINITY;
                for (int64_t r = top; r < end; r++)
                    for (int64_t q = left; q < right; q++) best = std::max(best, in.planes[c][r * in.pitch + q]);
                out.planes[c][y * out.pitch + x] = best;
            }
        }
    };
    return {out.channels * out.height, run};
}

}  // namespace
