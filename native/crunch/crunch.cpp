// Work that takes its time: to be called asynchronously. It tells how far it is, and looks at a flag that ends it.
#include <atomic>
#include <cstdint>

#if defined(_WIN32)
#define CRUNCH_EXPORT extern "C" __declspec(dllexport)
#else
#define CRUNCH_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

bool is_prime(const int64_t n) {
  if (n < 4) return n >= 2;
  if (n % 2 == 0) return false;
  for (int64_t divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor == 0) return false;
  }
  return true;
}

}  // namespace

/// The number of primes below `limit`; -1 when `cancel` became other than 0 on the way.
/// `cancel` and `progress` (which gets a share from 0 to 1, at most a hundred times) may be null.
CRUNCH_EXPORT int64_t crunch_primes(const int64_t limit, const volatile int32_t *cancel, void (*progress)(double share)) {
  int64_t count = 0;
  const int64_t step = limit / 100 + 1;
  for (int64_t n = 0; n < limit; ++n) {
    if (n % step == 0 && n > 0) {
      if (progress != nullptr) progress(static_cast<double>(n) / static_cast<double>(limit));
    }
    if (n % 64 == 0 && cancel != nullptr && *cancel != 0) {
      std::atomic_thread_fence(std::memory_order_acquire);
      return -1;
    }
    if (is_prime(n)) ++count;
  }
  return count;
}
