// Texts across the boundary: who owns them, structs by value and by pointer, a handle, and functions that are called back.
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <string>

#if defined(_WIN32)
#define TEXT_EXPORT extern "C" __declspec(dllexport)
#else
#define TEXT_EXPORT extern "C" __attribute__((visibility("default")))
#endif

struct TextStats {
  uint32_t words;
  uint32_t lines;
  double mean_word_length;
};

struct text_counter {
  std::map<std::string, uint32_t> counts;
};

namespace {

char *copy(const std::string &text) {
  char *result = static_cast<char *>(std::malloc(text.size() + 1));
  if (result != nullptr) std::memcpy(result, text.c_str(), text.size() + 1);
  return result;
}

bool is_space(const char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

/// The next word at or after `at`, which is moved behind it; empty at the end.
std::string next_word(const char *&at) {
  while (*at != '\0' && is_space(*at)) ++at;
  const char *start = at;
  while (*at != '\0' && !is_space(*at)) ++at;
  return std::string(start, at);
}

int open_counters = 0;

}  // namespace

/// Stays the library's.
TEXT_EXPORT const char *text_version() { return "1.0"; }

/// The caller's: to be given to text_free. ASCII letters only.
TEXT_EXPORT char *text_upper(const char *text) {
  if (text == nullptr) return nullptr;
  std::string upper(text);
  for (char &c : upper) {
    if (static_cast<unsigned char>(c) < 128) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return copy(upper);
}

TEXT_EXPORT void text_free(void *text) { std::free(text); }

TEXT_EXPORT TextStats text_stats(const char *text) {
  TextStats stats{0, text[0] == '\0' ? 0U : 1U, 0};
  size_t letters = 0;
  for (const char *c = text; *c != '\0'; ++c) stats.lines += *c == '\n' ? 1 : 0;
  for (const char *at = text;;) {
    const std::string word = next_word(at);
    if (word.empty()) break;
    ++stats.words;
    letters += word.size();
  }
  if (stats.words > 0) stats.mean_word_length = static_cast<double>(letters) / stats.words;
  return stats;
}

/// Splits at the first `separator`: both parts are the caller's. 0 when there is none.
TEXT_EXPORT int text_split(const char *text, const char separator, char **before, char **after) {
  const char *found = std::strchr(text, separator);
  if (found == nullptr) return 0;
  *before = copy(std::string(text, found));
  *after = copy(std::string(found + 1));
  return 1;
}

/// Calls `visit` for each word until it returns false; the number of words that were visited.
TEXT_EXPORT uint32_t text_each_word(const char *text, bool (*visit)(const char *word, uint32_t index)) {
  uint32_t count = 0;
  for (const char *at = text;;) {
    const std::string word = next_word(at);
    if (word.empty() || !visit(word.c_str(), count++)) return count;
  }
}

TEXT_EXPORT text_counter *text_counter_open() {
  auto *counter = new (std::nothrow) text_counter();
  if (counter != nullptr) ++open_counters;
  return counter;
}

TEXT_EXPORT void text_counter_add(text_counter *counter, const char *text) {
  for (const char *at = text;;) {
    const std::string word = next_word(at);
    if (word.empty()) return;
    ++counter->counts[word];
  }
}

TEXT_EXPORT uint32_t text_counter_get(const text_counter *counter, const char *word) {
  const auto found = counter->counts.find(word);
  return found == counter->counts.end() ? 0 : found->second;
}

TEXT_EXPORT void text_counter_close(text_counter *counter) {
  if (counter == nullptr) return;
  --open_counters;
  delete counter;
}

/// How many counters are open, to see that none is forgotten.
TEXT_EXPORT int text_counters_open() { return open_counters; }
