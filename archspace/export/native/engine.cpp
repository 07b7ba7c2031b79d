// Runs a list of operations on maps (kernels.h). Built once a machine; a network is two arrays: integers and weights.
#include "checks.h"
#include "crew.h"

#include <chrono>

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

struct Network {
    std::vector<std::unique_ptr<Owned>> maps;
    std::vector<Task> tasks;
    std::vector<std::unique_ptr<std::vector<int64_t>>> lists;
    std::vector<std::unique_ptr<std::vector<Step>>> steps;
    std::vector<Conv> together;  // depth-wise convolutions that wait for those of their group
    float *weights = nullptr, *arena = nullptr;
    int64_t weight_count = 0;
    std::vector<int64_t> input_sizes, output_sizes;  // floats of one image
    std::unique_ptr<Crew> crew;
    ~Network() { std::free(weights), std::free(arena); }
};

const Owned& read_map(Network& net, Reader& code) { return *net.maps[code.next(0, (int64_t)net.maps.size() - 1)]; }

// Where weights begin; `left` is told how many floats lie from there on, 0 where none are named.
const float* read_weights(Network& net, Reader& code, int64_t& left) {
    const int64_t place = code.next(-1, net.weight_count);
    left = place < 0 ? 0 : net.weight_count - place;
    return place < 0 ? nullptr : net.weights + place;
}

const float* read_weights_of(Network& net, Reader& code, int64_t count) {
    int64_t left;
    const float* found = read_weights(net, code, left);
    require(left >= count, "an operation has too few weights");
    return found;
}

const std::vector<int64_t>* read_list(Network& net, Reader& code, int64_t least, int64_t most) {
    net.lists.push_back(std::make_unique<std::vector<int64_t>>(code.list(least, most)));
    return net.lists.back().get();
}

const std::vector<Step>* read_steps(Network& net, Reader& code, const Covered& tile) {
    auto made = std::make_unique<std::vector<Step>>();
    for (int64_t left = code.next(0); left > 0; left--) {
        Step step{};
        step.kind = (Kind)code.next(ADD, SILU);
        const int64_t map = code.next(-1, (int64_t)net.maps.size() - 1);
        if (map >= 0) step.map = net.maps[map]->map;
        int64_t a, b;
        step.a = read_weights(net, code, a), step.b = read_weights(net, code, b);
        check_step(step.kind, map < 0 ? nullptr : net.maps[map].get(), tile, a, b);
        made->push_back(step);
    }
    net.steps.push_back(std::move(made));
    return net.steps.back().get();
}

void read_convolution(Network& net, Reader& code, const Owned& in) {
    Conv op{};
    op.in = in.map;
    op.out_channels = code.side(), op.height = code.side(), op.width = code.next(1);
    op.groups = code.side();
    op.quarters = {code.next(0, LONGEST), code.next(0, LONGEST), code.next(0, LONGEST)};
    const auto* rows = read_list(net, code, -LONGEST, LONGEST);
    const auto* columns = read_list(net, code, -LONGEST, LONGEST);
    require(rows->size() == columns->size(), "taps do not fit");
    op.taps = (int64_t)rows->size(), op.rows = rows->data(), op.columns = columns->data();
    int64_t weights, bias;
    op.weights = read_weights(net, code, weights), op.bias = read_weights(net, code, bias);
    op.vectors = code.next(1, CHAIN_CAP), op.narrow = code.next(0, 1);
    auto blocks = std::make_unique<std::vector<int64_t>>(code.list(1, CAP[1]));
    const bool pairs = std::all_of(blocks->begin(), blocks->end(), [](int64_t one) { return one % 2 == 0; });
    blocks->insert(blocks->begin(), (int64_t)blocks->size());
    op.blocks = blocks->data();
    net.lists.push_back(std::move(blocks));
    const Covered tile{op.out_channels, op.height, op.width, op.narrow ? LANES : to_vectors(op.width), pairs,
                       op.height == 1 && !op.narrow};
    const auto* steps = read_steps(net, code, tile);
    op.steps = steps->data(), op.step_count = (int64_t)steps->size();
    const bool goes_on = code.next(0, 1), depthwise = code.next(0, 1), summed = code.next(0, 1);
    check_convolution(op, in, depthwise, weights, bias);
    require(net.together.empty() || depthwise, "a group of convolutions is not closed");
    if (!depthwise) return net.tasks.push_back(convolution(op));
    require(std::none_of(steps->begin(), steps->end(), [](const Step& one) { return one.kind == SPREAD; }),
            "a step does not fit its tiles");
    net.together.push_back(op);  // until the last that reads the same map, all channel by channel
    check_together(net.together.front(), op);
    if (goes_on) return;
    net.tasks.push_back(pyramid(net.together, summed));
    net.together.clear();
}

void read_operation(Network& net, Reader& code) {
    const int64_t kind = code.next(0, 8);
    const Owned& from = read_map(net, code);
    const Map in = from.map;
    if (kind == 0) return read_convolution(net, code, from);
    require(net.together.empty(), "a group of convolutions is not closed");
    is_read(from);
    const Covered rows{in.channels, in.height, in.width, to_vectors(in.width), false, false};
    if (kind == 1) return net.tasks.push_back(each(in, read_steps(net, code, rows)));
    const Owned& to = read_map(net, code);
    const Map out = to.map;
    is_written(to);
    require(kind == 5 || in.channels == out.channels, "channels do not fit");
    if (kind == 2) net.tasks.push_back(resize(in, out));
    if (kind == 3) {
        const bool columns = code.next(0, 1);
        const auto* starts = read_list(net, code, 0, LONGEST);
        const int64_t taps = code.side();
        check_band(in, out, columns, taps, *starts);
        const float* weights = read_weights_of(net, code, taps * (int64_t)starts->size());
        net.tasks.push_back(band(in, out, columns, taps, starts, weights));
    }
    if (kind == 4) net.tasks.push_back(mean(in, out));
    if (kind == 5) {
        const float* weights = read_weights_of(net, code, in.channels * out.channels);
        net.tasks.push_back(linear(in, out, weights, read_weights_of(net, code, out.channels)));
    }
    if (kind == 6) {
        require(in.height == out.height && in.width == out.width, "sizes do not fit");
        net.tasks.push_back(sigmoid(in, out));
    }
    if (kind == 7) {
        const int64_t side = code.side(), stride = code.side();
        net.tasks.push_back(max_pool(in, out, side, stride, code.next(0, LONGEST)));
    }
    if (kind == 8) {
        const int64_t top = code.next(0, LONGEST);
        check_quarters(in, out.height / 4, top, out.width);
        net.tasks.push_back(quarters(in, out, top));
    }
}

void read_network(Network& net, Reader& code, int64_t arena) {
    net.input_sizes = code.list(1, MOST), net.output_sizes = code.list(1, MOST);
    const int64_t inputs = (int64_t)net.input_sizes.size(), outputs = (int64_t)net.output_sizes.size();
    for (int64_t left = code.next(0); left > 0; left--) {
        auto owned = std::make_unique<Owned>();
        owned->where = code.next(-inputs, outputs);
        owned->floats = owned->where < 0   ? net.input_sizes[-1 - owned->where]
                        : owned->where > 0 ? net.output_sizes[owned->where - 1]
                                           : arena;
        owned->map.height = code.side(), owned->map.width = code.side(), owned->map.pitch = code.side();
        owned->offsets = code.list(0, MOST);
        for (int64_t offset : owned->offsets) owned->planes.push_back(net.arena + (owned->where ? 0 : offset));
        owned->map.channels = (int64_t)owned->planes.size(), owned->map.planes = owned->planes.data();
        require(owned->map.channels > 0, "a map has no planes");
        net.maps.push_back(std::move(owned));
    }
    for (int64_t left = code.next(0); left > 0; left--) read_operation(net, code);
    require(net.together.empty() && code.at == code.end, "there is more than operations");
}

thread_local std::string problem;

}  // namespace

extern "C" {

int64_t native_lanes() { return LANES; }
int64_t native_registers() { return REGISTERS; }

// `code`: floats of the arena; inputs and their floats; outputs and theirs; maps; operations (program.py writes it).
// Returns a network, or nothing: then `native_problem` says why.
void* native_open(const int64_t* code, int64_t code_count, const float* weights, int64_t weight_count) {
    try {
        auto net = std::make_unique<Network>();
        Reader r{code, code + code_count};
        const int64_t arena = r.next(1);
        net->weights = reserve(weight_count + 64), net->arena = reserve(arena);
        if (!net->weights || !net->arena) throw std::bad_alloc();
        std::memcpy(net->weights, weights, weight_count * 4);
        net->weight_count = weight_count;
        read_network(*net, r, arena);
        net->crew = std::make_unique<Crew>(std::move(net->tasks));
        return net.release();
    } catch (const std::bad_alloc&) {
        problem = "there is not enough memory for its maps";
    } catch (const std::exception& error) {
        problem = error.what();
    }
    return nullptr;
}

const char* native_problem() { return problem.c_str(); }

void native_run(void* handle, float** inputs, float** outputs, int64_t batch, int64_t threads) {
    Network& net = *(Network*)handle;
    for (int64_t i = 0; i < batch; i++) {
        for (auto& owned : net.maps) {
            if (!owned->where) continue;
            const int64_t n = owned->where < 0 ? -1 - owned->where : owned->where - 1;
            float* base = owned->where < 0 ? inputs[n] + i * net.input_sizes[n] : outputs[n] + i * net.output_sizes[n];
            for (size_t c = 0; c < owned->planes.size(); c++) owned->planes[c] = base + owned->offsets[c];
        }
        net.crew->run(threads);
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

int64_t native_tasks(void* handle) { return (int64_t)((Network*)handle)->crew->tasks().size(); }
void native_run_task(void* handle, int64_t task) {
    const Task& one = ((Network*)handle)->crew->tasks()[task];
    one.run(0, one.work);
}
void native_close(void* handle) { delete (Network*)handle; }
}
