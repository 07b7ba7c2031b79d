// Kernels on maps of planes: rows of floats, some zeros around each plane, wide vectors along a row.
// A map is a list of planes, so that concatenation, channel slices and shuffles are lists and cost nothing.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define EVEN(a, b) \
    __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define ODD(a, b) \
    __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif defined(__AVX__)
#define LANES 8
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LANES 4
#define EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
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
typedef int32_t bits __attribute__((vector_size(LANES * 4)));
typedef float loose __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static INLINE vec load(const float* p) { return *(const loose*)p; }
static INLINE vec all(float v) { return v - (vec){}; }

// A map: the planes' first pixels, height, width, floats from row to row.
struct Map {
    float** planes;
    int64_t channels, height, width, pitch;
};

// What follows a sum of products before it is kept, in order.
enum Kind : int64_t { ADD, SCALE, PRELU, CLAMP, GATE, STORE, SPREAD, MASK, HARDSWISH, SILU };
struct Step {
    Kind kind;
    Map map;          // ADD, GATE: what joins; STORE, SPREAD: where to
    const float* a;   // SCALE: factor a channel; PRELU: slope a channel; CLAMP: the two bounds;
                      // MASK: of a map whose rows are run through as one, all bits at its pixels and none between rows
    const float* b;   // SCALE: shift a channel
};

// A plane in quarters, one below the other: its even rows and of them the even columns, then the odd ones; its odd rows.
// Every second pixel of the plane is then every pixel of a quarter: convolutions of stride 2 run on quarters.
struct Quarters {
    int64_t rows, top, pitch;  // of each quarter, of them zeros above its first row; floats from row to row; 0: none
};

// A convolution whose output channels of a group are cut into blocks of at most CAP[vectors] channels.
struct Conv {
    Map in;
    int64_t out_channels, height, width, groups, taps;
    const int64_t* rows;  // of each tap, in the input map or its quarters
    const int64_t* columns;
    Quarters quarters;    // channel by channel: made of a plane before it is read
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

// The first `count` floats, at most a vector, and zeros.
static INLINE vec take(const float* p, int64_t count) {
    if (count >= LANES) return load(p);
    vec v = {};
#if defined(__AVX512F__)
    if (count > 0) v = (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
    if (count > 0) std::memcpy(&v, p, count * 4);
#endif
    return v;
}

static INLINE void keep(float* p, const vec& v, int64_t count) {
    if (count >= LANES) {
        *(loose*)p = v;
    } else if (count > 0) {
#if defined(__AVX512F__)
        _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
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
                    const bits keeps = (bits)load(step.a + x + j * LANES);
                    UNROLL for (int m = 0; m < MR; m++) t[m][j] = (vec)((bits)t[m][j] & keeps);
                }
                break;
            case STORE:
                UNROLL for (int m = 0; m < MR; m++) {
                    float* p = step.map.planes[c + m] + at;
                    if (count >= (NARROW ? 1 : NR) * LANES)
                        UNROLL for (int j = 0; j < NR; j++) *(loose*)(p + ahead<NARROW>(j, pitch)) = t[m][j];
                    else
                        UNROLL for (int j = 0; j < NR; j++)
                            keep(p + ahead<NARROW>(j, pitch), t[m][j], NARROW ? count : count - j * LANES);
                }
                break;
            case HARDSWISH:
                UNROLL for (int m = 0; m < MR; m++) UNROLL for (int j = 0; j < NR; j++) {
                    const vec low = {}, high = all(6.0f), share = t[m][j] + 3.0f;
                    t[m][j] *= (share < low ? low : share > high ? high : share) / 6.0f;
                }
                break;
            case SILU:
                for (int m = 0; m < MR; m++)
                    for (int j = 0; j < NR; j++)
                        for (int i = 0; i < LANES; i++) t[m][j][i] /= 1 + std::exp(-t[m][j][i]);
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

static constexpr int64_t AHEAD = 1024;  // floats from what is read of weights to what is fetched

// The sums of a tile: MR output channels, NR vectors; TAPS taps, or as many as the convolution has, where it is 0.
template <int MR, int NR, int TAPS, bool NARROW>
static INLINE void multiply(vec (&t)[MR][NR], const Conv& op, float* const* in, int64_t channels, int64_t pitch,
                            const int64_t* offsets, const float* w, const float* bias, int64_t from) {
    const int64_t taps = TAPS ? TAPS : op.taps;
    UNROLL for (int m = 0; m < MR; m++) {
        const vec b = all(bias[m]);
        UNROLL for (int j = 0; j < NR; j++) t[m][j] = b;
    }
    for (int64_t k = 0; k < channels; k++) {
        const float* plane = in[k] + from;
        UNROLL for (int64_t i = 0; i < taps; i++, w += MR) {
            if constexpr (MR > 1) __builtin_prefetch(w + AHEAD);
            const float* p = plane + offsets[i];
            vec v[NR];
            UNROLL for (int j = 0; j < NR; j++) v[j] = load(p + ahead<NARROW>(j, pitch));
            UNROLL for (int m = 0; m < MR; m++) {
                const vec a = all(w[m]);
                UNROLL for (int j = 0; j < NR; j++) t[m][j] += a * v[j];
            }
        }
    }
}

template <int MR, int NR, int TAPS, bool NARROW>
static void tile(const Conv& op, int64_t group, const int64_t* offsets, const float* w, int64_t c, int64_t y, int64_t x) {
    const int64_t channels = op.in.channels / op.groups, pitch = op.in.pitch;
    float* const* in = op.in.planes + group * channels;
    vec t[MR][NR];
    multiply<MR, NR, TAPS, NARROW>(t, op, in, channels, pitch, offsets, w, op.bias + c, y * pitch + x);
    finish<MR, NR, NARROW>(t, op.steps, op.step_count, c, y, x, op.width - x);
}

// Depth-wise convolutions of one plane, each plus the sum of those before it: the sum stays in registers.
template <int NR, int TAPS, bool NARROW>
static void chain(const Conv* ops, int64_t count, int64_t c, const int64_t* const* offsets, float* plane, int64_t pitch,
                  int64_t y, int64_t x) {
    vec sum[NR] = {};
    for (int64_t b = 0; b < count; b++) {
        const Conv& op = ops[b];
        vec t[1][NR];
        const float* w = op.weights + c * (TAPS ? TAPS : op.taps);
        multiply<1, NR, TAPS, NARROW>(t, op, &plane, 1, pitch, offsets[b], w, op.bias + c, y * pitch + x);
        UNROLL for (int j = 0; j < NR; j++) t[0][j] = sum[j] += t[0][j];
        finish<1, NR, NARROW>(t, op.steps, op.step_count, c, y, x, op.width - x);
    }
}

typedef void (*Tile)(const Conv&, int64_t, const int64_t*, const float*, int64_t, int64_t, int64_t);
typedef void (*Chain)(const Conv*, int64_t, int64_t, const int64_t* const*, float*, int64_t, int64_t, int64_t);

// Most channels of a tile by its vectors; of more vectors than have a cap, only chains.
static constexpr int CAP[5] = {0, REGISTERS == 32 ? 14 : 12, REGISTERS == 32 ? 12 : 6, REGISTERS == 32 ? 8 : 4,
                               REGISTERS == 32 ? 6 : 3};
static constexpr int CHAIN_CAP = REGISTERS == 32 ? 8 : 4;

template <int MR, int NR, int TAPS, bool NARROW>
static constexpr Tile tile_or_none() {
    if constexpr (MR <= CAP[NR]) return tile<MR, NR, TAPS, NARROW>;
    else return nullptr;
}
template <int NR, int TAPS, bool NARROW, int... MR>
struct Row {
    Tile at[sizeof...(MR) + 1] = {nullptr, tile_or_none<MR, NR, TAPS, NARROW>()...};
};
template <int NR, int TAPS, bool NARROW>
using Tiles = Row<NR, TAPS, NARROW, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14>;

// Kernels by what is known when the network is opened.
template <int NR>
static Tile find_tile(int64_t mr, int64_t taps, bool narrow) {
    if (taps == 1) return narrow ? Tiles<NR, 1, true>().at[mr] : Tiles<NR, 1, false>().at[mr];
    return narrow ? Tiles<NR, 0, true>().at[mr] : Tiles<NR, 0, false>().at[mr];
}
static inline Tile find_tile(int64_t mr, int64_t nr, int64_t taps, bool narrow) {
    return nr == 1   ? find_tile<1>(mr, taps, narrow)
           : nr == 2 ? find_tile<2>(mr, taps, narrow)
           : nr == 3 ? find_tile<3>(mr, taps, narrow)
                     : find_tile<4>(mr, taps, narrow);
}
template <int NR>
static Chain find_chain(int64_t nr, int64_t taps, bool narrow) {
    if constexpr (NR < CHAIN_CAP) if (nr > NR) return find_chain<NR + 1>(nr, taps, narrow);
    if (taps == 9) return narrow ? chain<NR, 9, true> : chain<NR, 9, false>;
    return narrow ? chain<NR, 0, true> : chain<NR, 0, false>;
}
