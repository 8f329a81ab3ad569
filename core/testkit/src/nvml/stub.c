/* Stand-in for NVIDIA's management library, for tests. Not the real one.
 *
 * What it says stands in the file CONTROL, which is read again whenever it was
 * changed: lines of `key value`. Keys:
 *   gpus N                     number of GPUs
 *   KEY.return N               result of a function, see the calls of `result` below
 *   gpuI.KEY N                 what GPU I says; gpuI.migJ.KEY for an instance
 *   gpuI.processes PID:BYTES,… who computes on it
 *   hang FUNCTION              this function does not come back
 *   name_delay_us N            microseconds that telling a name takes
 * Layouts and numbers are those of NVIDIA's nvml.h.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef CONTROL
#error "CONTROL names the file that says what the stand-in says"
#endif

typedef unsigned long long u64;
/* number = gpu, or gpu and mig instance; the pointer is the handle. */
struct device { int gpu, mig; char name[32]; };

enum { MOST_LINES = 256, MOST_DEVICES = 64 };
static struct line { char key[64]; char value[192]; } lines[MOST_LINES];
static int line_count;
static struct timespec read_at;
static off_t read_size = -1;
static int is_initialised;
static struct device devices[MOST_DEVICES];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct timespec loaded_at;

static void remember_start(void) { clock_gettime(CLOCK_MONOTONIC, &loaded_at); }

static double seconds(void) {
  struct timespec now;
  pthread_once(&once, remember_start);
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - loaded_at.tv_sec) + (now.tv_nsec - loaded_at.tv_nsec) / 1e9;
}

static void read_control(void) {
  struct stat state;
#ifdef UNCHANGING
  if (read_size >= 0) return;
#endif
  char text[320];
  if (stat(CONTROL, &state)) return;
  if (state.st_size == read_size && state.st_mtim.tv_sec == read_at.tv_sec &&
      state.st_mtim.tv_nsec == read_at.tv_nsec)
    return;
  FILE *file = fopen(CONTROL, "r");
  if (!file) return;
  line_count = 0;
  while (line_count < MOST_LINES && fgets(text, sizeof text, file))
    if (sscanf(text, "%63s %191[^\n]", lines[line_count].key, lines[line_count].value) == 2)
      line_count++;
  fclose(file);
  read_at = state.st_mtim;
  read_size = state.st_size;
}

static int find(const char *key, char *value, size_t size) {
  int found = 0;
  pthread_mutex_lock(&mutex);
  read_control();
  for (int i = 0; i < line_count; i++)
    if (!strcmp(lines[i].key, key)) {
      snprintf(value, size, "%s", lines[i].value);
      found = 1;
    }
  pthread_mutex_unlock(&mutex);
  return found;
}

static double number(const char *key, double otherwise) {
  char value[192];
  return find(key, value, sizeof value) ? atof(value) : otherwise;
}

static const char *full(const struct device *device, const char *key) {
  static __thread char name[96];
  snprintf(name, sizeof name, "%s.%s", device->name, key);
  return name;
}

static double of(const struct device *device, const char *key, double otherwise) {
  return number(full(device, key), otherwise);
}

/* What the function called `key` returns: the library's own word, the device's, its own. */
static int result(const struct device *device, const char *key) {
  char value[192], name[128];
  if (find("hang", value, sizeof value) && !strcmp(value, key))
    for (;;) pause();
  if (!is_initialised || number("uninitialised", 0)) return 1;
  snprintf(name, sizeof name, "%s.return", key);
  int code = number(name, 0);
  if (code || !device) return code;
  if ((code = of(device, "return", 0))) return code;
  snprintf(name, sizeof name, "%s.%s.return", device->name, key);
  return number(name, 0);
}

static struct device *handle(int gpu, int mig) {
  struct device *device = &devices[gpu * 8 + mig + 1];
  device->gpu = gpu, device->mig = mig;
  if (mig < 0) snprintf(device->name, sizeof device->name, "gpu%d", gpu);
  else snprintf(device->name, sizeof device->name, "gpu%d.mig%d", gpu, mig);
  return device;
}

#ifndef WITHOUT_INIT
int nvmlInit_v2(void) {
  int code = number("init.return", 0);
  char value[192];
  if (find("hang", value, sizeof value) && !strcmp(value, "init"))
    for (;;) pause();
  if (!code) is_initialised = 1;
  return code;
}
#endif

int nvmlShutdown(void) { is_initialised = 0; return 0; }

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
  int code = result(0, "driver");
  if (!code) snprintf(text, size, "%s", "595.80");
  return code;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  *count = number("gpus", 1);
  return result(0, "count");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **device) {
  *device = handle(index, -1);
  char key[32];
  snprintf(key, sizeof key, "handle%u", index);
  return result(0, key);
}

int nvmlDeviceGetUUID(struct device *device, char *text, unsigned size) {
  snprintf(text, size, "%s-0000000%d-0000-0000-0000-000000000000",
           device->mig < 0 ? "GPU" : "MIG", device->gpu);
  return result(device, "uuid");
}

int nvmlDeviceGetName(struct device *device, char *text, unsigned size) {
  usleep(number("name_delay_us", 0));
  snprintf(text, size, "%s", device->mig < 0 ? "NVIDIA Stand-in" : "NVIDIA Stand-in MIG 1g.10gb");
  return result(device, "name");
}

struct memory_v2 { unsigned version; u64 total, reserved, free, used; };

int nvmlDeviceGetMemoryInfo_v2(struct device *device, struct memory_v2 *memory) {
  if (memory->version != (sizeof *memory | 2u << 24)) return 25;
  memory->total = of(device, "memory_total", 48e9);
  memory->used = of(device, "memory_used", 8e9);
  memory->reserved = 5e8;
  memory->free = memory->total - memory->used - memory->reserved;
  return result(device, "memory");
}

int nvmlDeviceGetUtilizationRates(struct device *device, unsigned *shares) {
  shares[0] = of(device, "utilization", 90);
  shares[1] = of(device, "memory_utilization", 40);
  return result(device, "utilization");
}

#ifndef WITHOUT_POWER
int nvmlDeviceGetPowerUsage(struct device *device, unsigned *milliwatts) {
  *milliwatts = of(device, "watts", 200) * 1e3;
  return result(device, "power");
}
#endif

#ifndef WITHOUT_ENERGY
/* Grows with the power; `energy_start` moves it, as a reset does. */
int nvmlDeviceGetTotalEnergyConsumption(struct device *device, u64 *millijoules) {
  *millijoules = (of(device, "energy_start", 5000) + of(device, "watts", 200) * seconds()) * 1e3;
  return result(device, "energy");
}
#endif

int nvmlDeviceGetTemperature(struct device *device, int sensor, unsigned *celsius) {
  (void)sensor;
  *celsius = of(device, "celsius", 61);
  return result(device, "temperature");
}

int nvmlDeviceGetClockInfo(struct device *device, int clock, unsigned *mhz) {
  *mhz = clock == 2 ? 9001 : 2520;
  return result(device, "clock");
}

int nvmlDeviceGetPerformanceState(struct device *device, int *state) {
  *state = of(device, "pstate", 0);
  return result(device, "pstate");
}

int nvmlDeviceGetCurrentClocksThrottleReasons(struct device *device, u64 *mask) {
  *mask = of(device, "clock_reasons", 0);
  return result(device, "clock_reasons");
}

int nvmlDeviceGetEnforcedPowerLimit(struct device *device, unsigned *milliwatts) {
  *milliwatts = 350000;
  return result(device, "power_limit");
}

int nvmlDeviceGetMaxPcieLinkGeneration(struct device *device, unsigned *generation) {
  *generation = 4;
  return result(device, "pcie_link");
}

int nvmlDeviceGetCurrPcieLinkWidth(struct device *device, unsigned *lanes) {
  *lanes = 16;
  return result(device, "pcie_link");
}

/* The real one measures for 20 ms. */
int nvmlDeviceGetPcieThroughput(struct device *device, int direction, unsigned *kilobytes) {
  usleep(20000);
  *kilobytes = direction == 0 ? 1500 : 2500;
  return result(device, "pcie");
}

struct field {
  unsigned id, scope;
  long long timestamp, latency;
  unsigned type;
  int code;
  union { double real; unsigned number; u64 large; } value;
};

int nvmlDeviceGetFieldValues(struct device *device, int count, struct field *fields) {
  for (int i = 0; i < count; i++) {
    struct field *field = fields + i;
    field->code = 0;
    field->type = 1; /* unsigned int */
    switch (field->id) {
      case 82: field->value.number = of(device, "memory_celsius", 70); break;
      case 186: field->value.number = of(device, "watts", 200) * 1e3; break;
      case 197: case 198:
        field->type = 3; /* unsigned long long */
        field->code = of(device, "pcie_counters", 1) ? 0 : 3;
        field->value.large = seconds() * (field->id == 197 ? 1e6 : 2e6);
        break;
      default: field->code = 3;
    }
  }
  return result(device, "fields");
}

struct process { unsigned pid; u64 bytes; unsigned gpu_instance, compute_instance; };

int nvmlDeviceGetComputeRunningProcesses_v3(struct device *device, unsigned *count,
                                            struct process *processes) {
  char text[192] = "";
  unsigned found = 0, room = *count;
  int code = result(device, "processes");
  if (code) return code;
  find(full(device, "processes"), text, sizeof text);
  for (char *part = text; *part;) {
    struct process process = {0, 0, 0xffffffff, 0xffffffff};
    if (sscanf(part, "%u:%llu", &process.pid, &process.bytes) != 2) break;
    if (processes && found < room) processes[found] = process;
    found++;
    part = strchr(part, ',');
    if (!part) break;
    part++;
  }
  *count = found;
  return found > room ? 7 : 0;
}

int nvmlDeviceGetMigMode(struct device *device, unsigned *current, unsigned *pending) {
  if (device->mig >= 0) return 3;
  *current = *pending = of(device, "mig", 0);
  return result(device, "mig_mode");
}

int nvmlDeviceGetMaxMigDeviceCount(struct device *device, unsigned *count) {
  *count = 7;
  return result(device, "mig_count");
}

int nvmlDeviceGetMigDeviceHandleByIndex(struct device *device, unsigned place,
                                        struct device **instance) {
  *instance = handle(device->gpu, place);
  if (of(*instance, "memory_used", -1) < 0) return 6;
  return result(device, "mig_handle");
}
