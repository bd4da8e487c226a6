#include <cstdint>

#if defined(_WIN32)
#define SUM_EXPORT extern "C" __declspec(dllexport)
#else
#define SUM_EXPORT extern "C" __attribute__((visibility("default")))
#endif

// The addition is done unsigned, because the overflow of signed integers is undefined in C++: past the
// limits the result wraps round, as with `(a + b) | 0` in JavaScript.
SUM_EXPORT int32_t get_sum(const int32_t a, const int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
