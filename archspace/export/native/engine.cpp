// Runs a list of operations on maps (kernels.h). Built once a machine; a network is two arrays: integers and weights.
#include "tasks.h"

#include <chrono>
#include <memory>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

// Zeros in large pages where the system has them: planes lie far apart, and each would need a page entry of its own.
float* reserve(int64_t floats) {
    const int64_t page = 2 << 20, bytes = (floats * 4 + page - 1) / page * page;
    float* made = (float*)std::aligned_alloc(page, bytes);
    if (!made) return nullptr;
#if defined(__linux__)
    madvise(made, bytes, MADV_HUGEPAGE);
#endif
    std::memset(made, 0, bytes);
    return made;
}

struct Owned {  // a map and what it points to
    std::vector<int64_t> offsets;
    std::vector<float*> planes;
    int64_t where;  // 0: arena, -1 - i: input i of the call, 1 + i: output i
    Map map;
};

struct Network {
    std::vector<std::unique_ptr<Owned>> maps;
    std::vector<Task> tasks;
    std::vector<std::unique_ptr<std::vector<int64_t>>> lists;
    std::vector<std::unique_ptr<std::vector<Step>>> steps;
    std::vector<Conv> together;  // depth-wise convolutions that wait for those of their group
    float *weights = nullptr, *arena = nullptr;
    std::vector<int64_t> input_sizes, output_sizes;  // floats of one image
    ~Network() { std::free(weights), std::free(arena); }
};

struct Reader {
    const int64_t* at;
    int64_t next() { return *at++; }
};

const std::vector<int64_t>* read_list(Network& net, Reader& code) {
    const int64_t count = code.next();
    net.lists.push_back(std::make_unique<std::vector<int64_t>>(code.at, code.at + count));
    code.at += count;
    return net.lists.back().get();
}

const std::vector<Step>* read_steps(Network& net, Reader& code) {
    auto made = std::make_unique<std::vector<Step>>();
    for (int64_t left = code.next(); left > 0; left--) {
        Step step{};
        step.kind = (Kind)code.next();
        const int64_t map = code.next(), a = code.next(), b = code.next();
        if (map >= 0) step.map = net.maps[map]->map;
        step.a = a < 0 ? nullptr : net.weights + a;
        step.b = b < 0 ? nullptr : net.weights + b;
        made->push_back(step);
    }
    net.steps.push_back(std::move(made));
    return net.steps.back().get();
}

void read_convolution(Network& net, Reader& code, const Map& in) {
    Conv op{};
    op.in = in;
    op.out_channels = code.next(), op.height = code.next(), op.width = code.next();
    op.groups = code.next(), op.stride = code.next();
    const auto* rows = read_list(net, code);
    const auto* columns = read_list(net, code);
    op.taps = (int64_t)rows->size(), op.rows = rows->data(), op.columns = columns->data();
    op.weights = net.weights + code.next(), op.bias = net.weights + code.next();
    op.vectors = code.next(), op.narrow = code.next();
    net.lists.push_back(std::make_unique<std::vector<int64_t>>(code.at, code.at + 1 + *code.at));
    op.blocks = net.lists.back()->data(), code.at += 1 + *code.at;
    const auto* steps = read_steps(net, code);
    op.steps = steps->data(), op.step_count = (int64_t)steps->size();
    const int64_t goes_on = code.next(), depthwise = code.next(), summed = code.next();
    if (!depthwise) return net.tasks.push_back(convolution(op));
    net.together.push_back(op);  // until the last that reads the same map, all channel by channel
    if (goes_on) return;
    net.tasks.push_back(pyramid(net.together, summed));
    net.together.clear();
}

void read_operation(Network& net, Reader& code) {
    const int64_t kind = code.next();
    const Map in = net.maps[code.next()]->map;
    if (kind == 0) return read_convolution(net, code, in);
    if (kind == 1) return net.tasks.push_back(each(in, read_steps(net, code)));
    const Map out = net.maps[code.next()]->map;
    if (kind == 2) net.tasks.push_back(resize(in, out));
    if (kind == 3) {
        const bool columns = code.next();
        const auto* starts = read_list(net, code);
        const int64_t taps = code.next();
        net.tasks.push_back(band(in, out, columns, taps, starts, net.weights + code.next()));
    }
    if (kind == 4) net.tasks.push_back(mean(in, out));
    if (kind == 5) {
        const float* weights = net.weights + code.next();
        net.tasks.push_back(linear(in, out, weights, net.weights + code.next()));
    }
    if (kind == 6) net.tasks.push_back(sigmoid(in, out));
    if (kind == 7) {
        const int64_t side = code.next(), stride = code.next();
        net.tasks.push_back(max_pool(in, out, side, stride, code.next()));
    }
}

}  // namespace

extern "C" {

int64_t native_lanes() { return LANES; }
int64_t native_registers() { return REGISTERS; }

// `code`: floats of the arena; inputs and their floats; outputs and theirs; maps; operations (program.py writes it).
void* native_open(const int64_t* code, const float* weights, int64_t weight_count) {
    auto net = std::make_unique<Network>();
    Reader r{code};
    net->weights = reserve(weight_count + 64), net->arena = reserve(r.next());
    if (!net->weights || !net->arena) return nullptr;
    std::memcpy(net->weights, weights, weight_count * 4);
    net->input_sizes = *read_list(*net, r), net->output_sizes = *read_list(*net, r);
    for (int64_t left = r.next(); left > 0; left--) {
        auto owned = std::make_unique<Owned>();
        owned->where = r.next();
        owned->map.height = r.next(), owned->map.width = r.next(), owned->map.pitch = r.next();
        owned->offsets = *read_list(*net, r);
        for (int64_t offset : owned->offsets) owned->planes.push_back(net->arena + (owned->where ? 0 : offset));
        owned->map.channels = (int64_t)owned->planes.size(), owned->map.planes = owned->planes.data();
        net->maps.push_back(std::move(owned));
    }
    for (int64_t left = r.next(); left > 0; left--) read_operation(*net, r);
    return net.release();
}

void native_run(void* handle, float** inputs, float** outputs, int64_t batch, int64_t threads) {
    Network& net = *(Network*)handle;
    for (int64_t i = 0; i < batch; i++) {
        for (auto& owned : net.maps) {
            if (!owned->where) continue;
            const int64_t n = owned->where < 0 ? -1 - owned->where : owned->where - 1;
            float* base = owned->where < 0 ? inputs[n] + i * net.input_sizes[n] : outputs[n] + i * net.output_sizes[n];
            for (size_t c = 0; c < owned->planes.size(); c++) owned->planes[c] = base + owned->offsets[c];
        }
        for (const Task& task : net.tasks) task((int)threads);
    }
}

// Multiply-accumulates a second of one core at its best, in registers alone: the best of some short bursts.
double native_peak() {
    double best = 0;
    for (int burst = 0; burst < 200; burst++) {
        vec t[10] = {};
        const vec a = all(0.999f), b = all(0.001f);
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 20000; i++) {
            UNROLL for (int j = 0; j < 10; j++) t[j] = t[j] * a + b;
            UNROLL for (int j = 0; j < 10; j++) asm volatile("" : IN_REGISTER(t[j]));
        }
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        best = std::max(best, 20000.0 * 10 * LANES / taken.count());
    }
    return best;
}

int64_t native_tasks(void* handle) { return (int64_t)((Network*)handle)->tasks.size(); }
void native_run_task(void* handle, int64_t task, int64_t threads) { ((Network*)handle)->tasks[task]((int)threads); }
void native_close(void* handle) { delete (Network*)handle; }
}
