// Threads that run a list of tasks together. A task is cut into chunks that are taken one by one: a thread that the
// system holds up takes none, and the others wait for no more than the chunk it works on.
#pragma once
#include "tasks.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace {

constexpr int64_t CHUNKS = 4;       // of a task, a thread
constexpr int SPINS = 2000;         // before a thread that waits within a run lets others on its core
constexpr int IDLE_SPINS = 20000;   // before a helper sleeps between runs

inline void pause_core() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Crew {
public:
    explicit Crew(std::vector<Task> tasks) : shared(std::make_shared<Shared>(std::move(tasks))) {}
    Crew(const Crew&) = delete;
    ~Crew() { shared->wake(LEAVE); }

    const std::vector<Task>& tasks() const { return shared->tasks; }

    // Runs the tasks in order on up to so many threads, this one among them.
    void run(int64_t threads) {
        if (threads == 1) {
            for (const Task& task : shared->tasks) task.run(0, task.work);
            return;
        }
        try {  // helpers go with `shared`, and nobody waits for one: there may be none in a forked process
            for (; helpers < threads - 1; helpers++)
                std::thread([held = shared, number = helpers] { held->help(number); }).detach();
        } catch (const std::system_error&) {  // the system has no more threads
        }
        shared->start(threads);
    }

private:
    static constexpr uint32_t LEAVE = 0;
    struct alignas(64) Progress {
        std::atomic<uint64_t> next{0};  // the run's number, and the first chunk that nobody has taken
        std::atomic<int64_t> done{0};
    };
    struct Shared {
        const std::vector<Task> tasks;
        std::vector<Progress> progress;
        std::atomic<uint64_t> order{1};  // the run's number, and its threads
        std::atomic<int> sleeping{0};
        std::mutex mutex;
        std::condition_variable woken;
        uint32_t number = 1;
        explicit Shared(std::vector<Task> all) : tasks(std::move(all)), progress(tasks.size()) {}

        int64_t chunks(const Task& task, int64_t threads) const { return std::min(task.work, threads * CHUNKS); }

        void wake(uint64_t what) {
            order.store(what);
            if (!sleeping.load()) return;
            const std::lock_guard<std::mutex> lock(mutex);
            woken.notify_all();
        }

        void start(int64_t threads) {
            if (++number == LEAVE) number++;
            for (Progress& one : progress) {
                one.done.store(0, std::memory_order_relaxed);
                one.next.store((uint64_t)number << 32, std::memory_order_release);
            }
            wake((uint64_t)number << 32 | (uint64_t)threads);
            work(number, threads);
        }

        // Takes chunks of one task after the other, until all are done or another run has begun.
        void work(uint32_t run, int64_t threads) {
            for (size_t t = 0; t < tasks.size(); t++) {
                const Task& task = tasks[t];
                const int64_t count = chunks(task, threads);
                Progress& mine = progress[t];
                uint64_t next = mine.next.load(std::memory_order_acquire);
                for (;;) {
                    const int64_t i = (int64_t)(uint32_t)next;
                    if (next >> 32 != run) return;
                    if (i >= count) break;
                    if (!mine.next.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
                    task.run(task.work * i / count, task.work * (i + 1) / count);
                    mine.done.fetch_add(1, std::memory_order_release);
                    next = mine.next.load(std::memory_order_acquire);
                }
                for (int spins = 0; mine.done.load(std::memory_order_acquire) < count; spins++) {
                    if (order.load(std::memory_order_relaxed) >> 32 != run) return;
                    if (spins < SPINS) pause_core();
                    else std::this_thread::yield();
                }
            }
        }

        void help(int64_t which) {
            for (uint64_t seen = 1;;) {
                for (int spins = 0; order.load() == seen && spins < IDLE_SPINS; spins++) pause_core();
                if (order.load() == seen) {
                    std::unique_lock<std::mutex> lock(mutex);
                    sleeping++;
                    woken.wait(lock, [&] { return order.load() != seen; });
                    sleeping--;
                }
                seen = order.load();
                if (seen == LEAVE) return;
                const int64_t threads = (int64_t)(uint32_t)seen;
                if (which < threads - 1) work((uint32_t)(seen >> 32), threads);
            }
        }
    };
    std::shared_ptr<Shared> shared;
    int64_t helpers = 0;
};

}  // namespace
