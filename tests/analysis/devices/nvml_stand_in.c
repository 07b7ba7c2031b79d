/* Answers as libnvidia-ml.so.1 does for one GPU of 123.456 W, for machines without one. NVML_OLD: no field values;
   NVML_GONE: a file that, once there, makes every reading fail as when a GPU falls off the bus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, GPU_IS_LOST = 15 };
enum { POWER_INSTANT = 186 };

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, result;
    union { double d; unsigned ui; unsigned long long ull; } value;
} FieldValue;

static int the_gpu;

static int lost(void) {
    const char *path = getenv("NVML_GONE");
    return path && access(path, F_OK) == 0;
}

static int number(unsigned *out, unsigned value) {
    if (lost()) return GPU_IS_LOST;
    *out = value;
    return SUCCESS;
}

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int status) { return status == GPU_IS_LOST ? "GPU is lost" : "Not Supported"; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) {
    *gpu = &the_gpu;
    return index == 0 ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **gpu) {
    *gpu = &the_gpu;
    return strcmp(id, "0000:01:00.0") == 0 ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetName(void *gpu, char *name, unsigned n) { (void)gpu; snprintf(name, n, "NVIDIA Stand-in"); return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned n) { snprintf(version, n, "999.1"); return 0; }
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *mw) { (void)gpu; return number(mw, 120000); }
int nvmlDeviceGetTemperature(void *gpu, int sensor, unsigned *c) { (void)gpu; (void)sensor; return number(c, 41); }

int nvmlDeviceGetClockInfo(void *gpu, int kind, unsigned *mhz) {
    (void)gpu;
    return kind == 1 ? number(mhz, 1755) : NOT_SUPPORTED; /* 1: of the multiprocessors; no memory clock */
}

int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *mj) {
    (void)gpu;
    *mj = 5000;
    return lost() ? GPU_IS_LOST : SUCCESS;
}

int nvmlDeviceGetFieldValues(void *gpu, int n, FieldValue *values) {
    (void)gpu;
    if (lost()) return GPU_IS_LOST;
    for (int i = 0; i < n; i++) {
        values[i].result = values[i].field == POWER_INSTANT && !getenv("NVML_OLD") ? SUCCESS : NOT_SUPPORTED;
        values[i].value.ui = 123456;
    }
    return SUCCESS;
}
