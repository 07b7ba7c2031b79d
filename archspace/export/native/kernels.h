// Kernels on maps of planes: rows of floats, some zeros around each plane, wide vectors along a row.
// A map is a list of planes, so that concatenation, channel slices and shuffles are lists and cost nothing.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define LANES 16
#define EVEN(a, b) \
    __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif defined(__AVX__)
#define LANES 8
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LANES 4
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif
#if defined(__AVX512F__) || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif
#if defined(__aarch64__)
#define IN_REGISTER(v) "+w"(v)
#elif defined(__x86_64__)
#define IN_REGISTER(v) "+v"(v)
#else
#define IN_REGISTER(v) "+m"(v)
#endif
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef float loose __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static INLINE vec load(const float* p) { return *(const loose*)p; }
static INLINE vec all(float v) { return v - (vec){}; }

// A map: the planes' first pixels, height, width, floats from row to row.
struct Map {
    float** planes;
    int64_t channels, height, width, pitch;
};

// What follows a sum of products before it is kept, in order.
enum Kind : int64_t { ADD, SCALE, PRELU, CLAMP, GATE, STORE, SPREAD, MASK };
struct Step {
    Kind kind;
    Map map;          // ADD, GATE: what joins; STORE, SPREAD: where to
    const float* a;   // SCALE: factor a channel; PRELU: slope a channel; CLAMP: the two bounds;
                      // MASK: of a map whose rows are run through as one, 1 at its pixels and 0 between rows
    const float* b;   // SCALE: shift a channel
};

// A convolution whose output channels of a group are cut into blocks of at most CAP[vectors] channels.
struct Conv {
    Map in;
    int64_t out_channels, height, width, groups, stride, taps;
    const int64_t* rows;  // of each tap, in the input map
    const int64_t* columns;
    const float* weights;  // by group, block, input channel, tap, output channel of the block
    const float* bias;
    int64_t vectors;  // of a tile, at most
    bool narrow;      // a row fits a vector: a tile is some rows
    const int64_t* blocks;  // sizes, their number first
    const Step* steps;
    int64_t step_count;
};

// Of a tile's vectors each the next LANES columns of a row; of a NARROW one, whose rows fit a vector, each the next row.
template <bool NARROW>
static INLINE int64_t ahead(int j, int64_t pitch) {
    return NARROW ? j * pitch : j * LANES;
}

static INLINE void keep(float* p, const vec& v, int64_t count) {
    if (count >= LANES) {
        *(loose*)p = v;
    } else if (count > 0) {
#if defined(__AVX512F__)
        const uint16_t mask = (uint16_t)((1u << count) - 1);
        asm volatile("vmovups %1, (%0)%{%2%}" : : "r"(p), "v"(v), "Yk"(mask) : "memory");
#else
        std::memcpy(p, &v, count * 4);
#endif
    }
}

// Applies the steps to a tile of MR channels from `c` on, at row `y` and column `x`, of which `count` columns are real.
template <int MR, int NR, bool NARROW>
static INLINE void finish(vec (&t)[MR][NR], const Step* steps, int64_t n, int64_t c, int64_t y, int64_t x, int64_t count) {
    for (int64_t s = 0; s < n; s++) {
        const Step& step = steps[s];
        const int64_t pitch = step.map.pitch, at = y * pitch + x;
        switch (step.kind) {
            case ADD:
                UNROLL for (int m = 0; m < MR; m++) {
                    const float* p = step.map.planes[c + m] + at;
                    UNROLL for (int j = 0; j < NR; j++) t[m][j] += load(p + ahead<NARROW>(j, pitch));
                }
                break;
            case SCALE:
                UNROLL for (int m = 0; m < MR; m++) {
                    const vec a = all(step.a[c + m]), b = all(step.b[c + m]);
                    UNROLL for (int j = 0; j < NR; j++) t[m][j] = t[m][j] * a + b;
                }
                break;
            case PRELU:
                UNROLL for (int m = 0; m < MR; m++) {
                    const vec a = all(step.a[c + m]), zero = {};
                    UNROLL for (int j = 0; j < NR; j++) t[m][j] = t[m][j] > zero ? t[m][j] : t[m][j] * a;
                }
                break;
            case CLAMP: {
                const vec low = all(step.a[0]), high = all(step.a[1]);
                UNROLL for (int m = 0; m < MR; m++) UNROLL for (int j = 0; j < NR; j++) {
                    t[m][j] = t[m][j] < low ? low : t[m][j] > high ? high : t[m][j];
                }
                break;
            }
            case GATE:
                UNROLL for (int m = 0; m < MR; m++) {
                    const vec a = all(*step.map.planes[c + m]);
                    UNROLL for (int j = 0; j < NR; j++) t[m][j] *= a;
                }
                break;
            case MASK:
                UNROLL for (int j = 0; j < NR; j++) {
                    const vec keeps = load(step.a + x + j * LANES), zero = {};
                    UNROLL for (int m = 0; m < MR; m++) t[m][j] = keeps > zero ? t[m][j] : zero;
                }
                break;
            case STORE:
                UNROLL for (int m = 0; m < MR; m++) {
                    float* p = step.map.planes[c + m] + at;
                    UNROLL for (int j = 0; j < NR; j++)
                        keep(p + ahead<NARROW>(j, pitch), t[m][j], NARROW ? count : count - j * LANES);
                }
                break;
            case SPREAD:  // of a transposed convolution: channels are (channel, row, column) of 2 x 2 pixels
                if constexpr (MR % 2 == 0) UNROLL for (int m = 0; m < MR; m += 2) {
                    float* p = step.map.planes[(c + m) / 4] + (2 * y + (c + m) / 2 % 2) * pitch + 2 * x;
                    UNROLL for (int j = 0; j < NR; j++) {
                        const int64_t left = 2 * (NARROW ? count : count - j * LANES);
                        float* q = p + 2 * ahead<NARROW>(j, pitch);
                        keep(q, LOW(t[m][j], t[m + 1][j]), left);
                        keep(q + LANES, HIGH(t[m][j], t[m + 1][j]), left - LANES);
                    }
                }
                break;
        }
    }
}

// Adds the products of a tile: MR output channels, NR vectors.
template <int MR, int NR, int STRIDE, bool NARROW>
static INLINE void multiply(vec (&t)[MR][NR], const Conv& op, int64_t group, const int64_t* offsets, const float* w,
                            int64_t c, int64_t y, int64_t x) {
    const int64_t channels = op.in.channels / op.groups, from = (y * op.in.pitch + x) * STRIDE;
    float* const* in = op.in.planes + group * channels;
    UNROLL for (int m = 0; m < MR; m++) {
        const vec b = all(op.bias[c + m]);
        UNROLL for (int j = 0; j < NR; j++) t[m][j] += b;
    }
    for (int64_t k = 0; k < channels; k++) {
        const float* plane = in[k] + from;
        for (int64_t i = 0; i < op.taps; i++, w += MR) {
            const float* p = plane + offsets[i];
            vec v[NR];
            UNROLL for (int j = 0; j < NR; j++) {
                const float* q = p + STRIDE * ahead<NARROW>(j, op.in.pitch);
                if (STRIDE == 1) v[j] = load(q);
                else v[j] = EVEN(load(q), load(q + LANES));
            }
            UNROLL for (int m = 0; m < MR; m++) {
                const vec a = all(w[m]);
                UNROLL for (int j = 0; j < NR; j++) t[m][j] += a * v[j];
            }
        }
    }
}

template <int MR, int NR, int STRIDE, bool NARROW>
static void tile(const Conv& op, int64_t group, const int64_t* offsets, const float* w, int64_t c, int64_t y, int64_t x) {
    vec t[MR][NR] = {};
    multiply<MR, NR, STRIDE, NARROW>(t, op, group, offsets, w, c, y, x);
    finish<MR, NR, NARROW>(t, op.steps, op.step_count, c, y, x, op.width - x);
}

// Depth-wise convolutions of one plane, each plus the sum of those before it: the sum stays in registers.
template <int NR, int STRIDE, bool NARROW>
static void chain(const Conv* ops, int64_t count, int64_t c, const int64_t* const* offsets, int64_t y, int64_t x) {
    vec sum[1][NR] = {};
    for (int64_t b = 0; b < count; b++) {
        const Conv& op = ops[b];
        multiply<1, NR, STRIDE, NARROW>(sum, op, c, offsets[b], op.weights + c * op.taps, c, y, x);
        vec t[1][NR];
        UNROLL for (int j = 0; j < NR; j++) t[0][j] = sum[0][j];
        finish<1, NR, NARROW>(t, op.steps, op.step_count, c, y, x, op.width - x);
    }
}

typedef void (*Tile)(const Conv&, int64_t, const int64_t*, const float*, int64_t, int64_t, int64_t);
typedef void (*Chain)(const Conv*, int64_t, int64_t, const int64_t* const*, int64_t, int64_t);

static constexpr int CAP[5] = {0, REGISTERS == 32 ? 14 : 12, REGISTERS == 32 ? 12 : 6, REGISTERS == 32 ? 8 : 4,
                               REGISTERS == 32 ? 6 : 3};

template <int MR, int NR, int STRIDE, bool NARROW>
static constexpr Tile tile_or_none() {
    if constexpr (MR <= CAP[NR]) return tile<MR, NR, STRIDE, NARROW>;
    else return nullptr;
}

template <int NR, int STRIDE, bool NARROW, int... MR>
struct Row {
    Tile at[sizeof...(MR) + 1] = {nullptr, tile_or_none<MR, NR, STRIDE, NARROW>()...};
};
template <int NR, int STRIDE, bool NARROW>
using Tiles = Row<NR, STRIDE, NARROW, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14>;

// Kernels by what is known when the network is opened.
template <int NR>
static Tile find_tile(int64_t mr, int64_t stride, bool narrow) {
    if (stride == 1) return narrow ? Tiles<NR, 1, true>().at[mr] : Tiles<NR, 1, false>().at[mr];
    return narrow ? Tiles<NR, 2, true>().at[mr] : Tiles<NR, 2, false>().at[mr];
}
static inline Tile find_tile(int64_t mr, int64_t nr, int64_t stride, bool narrow) {
    return nr == 1   ? find_tile<1>(mr, stride, narrow)
           : nr == 2 ? find_tile<2>(mr, stride, narrow)
           : nr == 3 ? find_tile<3>(mr, stride, narrow)
                     : find_tile<4>(mr, stride, narrow);
}
template <int NR>
static Chain find_chain(int64_t stride, bool narrow) {
    if (stride == 1) return narrow ? chain<NR, 1, true> : chain<NR, 1, false>;
    return narrow ? chain<NR, 2, true> : chain<NR, 2, false>;
}
static inline Chain find_chain(int64_t nr, int64_t stride, bool narrow) {
    return nr == 1   ? find_chain<1>(stride, narrow)
           : nr == 2 ? find_chain<2>(stride, narrow)
           : nr == 3 ? find_chain<3>(stride, narrow)
                     : find_chain<4>(stride, narrow);
}
