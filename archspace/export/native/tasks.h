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

typedef std::function<void(int)> Task;  // takes the number of threads

std::vector<int64_t> tap_offsets(const Conv& op) {
    std::vector<int64_t> offsets(op.taps);
    for (int64_t i = 0; i < op.taps; i++) offsets[i] = op.rows[i] * op.in.pitch + op.columns[i];
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

Task convolution(const Conv op) {
    const int64_t outputs = op.out_channels / op.groups, per_channel = op.in.channels / op.groups * op.taps;
    std::vector<std::vector<Tile>> tiles(5);  // by vectors, of each block
    for (int64_t nr = 1; nr <= op.vectors; nr++)
        for (int64_t b = 1; b <= op.blocks[0]; b++)
            tiles[nr].push_back(find_tile(op.blocks[b], nr, op.stride, op.narrow));
    return [op, outputs, per_channel, tiles, offsets = tap_offsets(op), pieces = pieces_of(op)](int threads) {
        const int64_t count = (int64_t)pieces.size(), work = op.groups * count;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < work; i++) {
            const int64_t group = i / count;
            const Piece piece = pieces[i % count];
            int64_t c = group * outputs;
            for (int64_t b = 1; b <= op.blocks[0]; b++) {
                const float* w = op.weights + c * per_channel;
                tiles[piece.vectors][b - 1](op, group, offsets.data(), w, c, piece.y, piece.x);
                c += op.blocks[b];
            }
        }
    };
}

// Depth-wise convolutions of one map, channel by channel: the plane is read from memory once.
Task pyramid(const std::vector<Conv> ops, bool summed) {
    std::vector<std::vector<int64_t>> offsets;
    for (const Conv& op : ops) offsets.push_back(tap_offsets(op));
    return [ops, summed, offsets, pieces = pieces_of(ops[0])](int threads) {
        std::vector<const int64_t*> lists;
        for (const auto& one : offsets) lists.push_back(one.data());
        const size_t step = summed ? ops.size() : 1;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t c = 0; c < ops[0].groups; c++)
            for (size_t b = 0; b < ops.size(); b += step)
                for (const Piece& piece : pieces)
                    find_chain(piece.vectors, ops[b].stride, ops[b].narrow)(
                        &ops[b], (int64_t)step, c, &lists[b], piece.y, piece.x);
    };
}

Task each(const Map in, const std::vector<Step>* steps) {
    return [in, steps](int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < in.channels * in.height; i++) {
            const int64_t c = i / in.height, y = i % in.height;
            for (int64_t x = 0; x < in.width; x += LANES) {
                const float* p = in.planes[c] + y * in.pitch + x;
                vec t[1][1] = {};
                if (in.width - x >= LANES) t[0][0] = load(p);
                else std::memcpy(&t[0][0], p, (in.width - x) * 4);  // an input of the caller ends where it ends
                finish<1, 1, false>(t, steps->data(), (int64_t)steps->size(), c, y, x, in.width - x);
            }
        }
    };
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
    return [in, out, down = aligned(in.height, out.height), right = aligned(in.width, out.width)](int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t c = 0; c < out.channels; c++) {
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
}

// Each output along an axis is a sum of `taps` neighbours with weights (taps, outputs).
Task band(const Map in, const Map out, bool columns, int64_t taps, const std::vector<int64_t>* starts, const float* w) {
    const std::vector<int32_t> first(starts->begin(), starts->end());
    return [in, out, columns, taps, first, w](int threads) {
        const int64_t outputs = (int64_t)first.size();
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < out.channels * out.height; i++) {
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
}

Task mean(const Map in, const Map out) {
    return [in, out](int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t c = 0; c < in.channels; c++) {
            double sum = 0;
            for (int64_t y = 0; y < in.height; y++) {
                float part = 0;
                const float* row = in.planes[c] + y * in.pitch;
#pragma omp simd reduction(+ : part)
                for (int64_t x = 0; x < in.width; x++) part += row[x];
                sum += part;
            }
            *out.planes[c] = (float)(sum / (double)(in.height * in.width));
        }
    };
}

Task linear(const Map in, const Map out, const float* weights, const float* bias) {
    return [in, out, weights, bias](int threads) {
        Floats x(in.channels);
        for (int64_t k = 0; k < in.channels; k++) x[k] = *in.planes[k];
        const float* from = x.data();
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t c = 0; c < out.channels; c++) {
            const float* w = weights + c * in.channels;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t k = 0; k < in.channels; k++) sum += w[k] * from[k];
            *out.planes[c] = sum + bias[c];
        }
    };
}

Task sigmoid(const Map in, const Map out) {
    return [in, out](int) {
        for (int64_t c = 0; c < in.channels; c++)
            for (int64_t y = 0; y < in.height; y++)
                for (int64_t x = 0; x < in.width; x++)
                    out.planes[c][y * out.pitch + x] = 1 / (1 + std::exp(-in.planes[c][y * in.pitch + x]));
    };
}

Task max_pool(const Map in, const Map out, int64_t side, int64_t stride, int64_t pad) {
    return [in, out, side, stride, pad](int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t i = 0; i < out.channels * out.height; i++) {
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
}

}  // namespace
