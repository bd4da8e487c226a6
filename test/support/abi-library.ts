/** C++ source with one function for each thing that can cross the boundary. */
export const ABI_SOURCE = `
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#ifdef _WIN32
#define API extern "C" __declspec(dllexport)
#else
#define API extern "C"
#endif

typedef union { int32_t i; float f; const char *text; } Number;
typedef enum { RED, GREEN = 5, BLUE } Color;
typedef struct { double x, y; } Point;
typedef struct { Point origin; Color color; Number number; char name[8]; int16_t grid[3]; const char *label; int64_t id; } Shape;
typedef struct { float a; uint8_t b; } Small;

API Point point_add(Point a, Point b) { return Point{a.x + b.x, a.y + b.y}; }
API Small small_twice(Small s) { return Small{s.a * 2, static_cast<uint8_t>(s.b * 2)}; }
API Shape shape_same(Shape shape) { shape.origin.x += 1; return shape; }
API double point_length(const Point *p) { return p == nullptr ? -1 : p->x + p->y; }
API double points_sum(const Point *list, size_t n) { double s = 0; for (size_t i = 0; i < n; ++i) s += list[i].x + list[i].y; return s; }
API void point_make(double x, double y, Point *out) { *out = Point{x, y}; }
API void point_double(Point *p) { p->x *= 2; p->y *= 2; }
API void shape_fill(Shape *out) {
  std::memset(out, 0, sizeof *out);
  out->origin = Point{1, 2}; out->color = GREEN; out->number.f = 1.5f; std::strcpy(out->name, "shape");
  out->grid[0] = -1; out->grid[1] = 2; out->grid[2] = 3; out->label = "gr\\u00fc\\u00df dich"; out->id = 9007199254740993LL;
}
API size_t shape_size() { return sizeof(Shape); }
API size_t shape_label_length(const Shape *s) { return s->label == nullptr ? 0 : std::strlen(s->label); }
API void number_make(float f, Number *out) { out->f = f; }
API Number number_same(Number n) { return n; }
API Color color_next(Color c) { return c == RED ? GREEN : c == GREEN ? BLUE : static_cast<Color>(99); }

API void divide(int32_t a, int32_t b, int32_t *quotient, int32_t *remainder) { *quotient = a / b; *remainder = a % b; }
API void increment(int64_t *value) { ++*value; }
API int32_t sum_array(const int32_t *list, size_t n) { int32_t s = 0; for (size_t i = 0; i < n; ++i) s += list[i]; return s; }
API void squares(int32_t *out, size_t n) { for (size_t i = 0; i < n; ++i) out[i] = static_cast<int32_t>(i * i); }
API void fill(uint8_t *bytes, size_t n, uint8_t value) { std::memset(bytes, value, n); }
API void scale(double *values, size_t n, double by) { for (size_t i = 0; i < n; ++i) values[i] *= by; }
API size_t total_length(const char **list) { size_t n = 0; for (; *list != nullptr; ++list) n += std::strlen(*list); return n; }
API int32_t write_text(char *out, size_t size, const char *text) { std::strncpy(out, text, size); return static_cast<int32_t>(std::strlen(text)); }

static int32_t freed = 0;
API int32_t freed_count() { return freed; }
API void give_back(void *p) { ++freed; std::free(p); }
API char *duplicate(const char *text) { return text == nullptr ? nullptr : strdup(text); }
API int32_t message(const char **out) { *out = strdup("it is yours"); return 1; }
API int32_t borrowed(const char **out) { *out = "it is mine"; return 1; }
API Point *point_new(double x) { Point *p = static_cast<Point *>(std::malloc(sizeof(Point))); *p = Point{x, x}; return p; }
API char16_t *wide_upper(const char16_t *text) {
  size_t n = 0; while (text[n] != 0) ++n;
  char16_t *out = static_cast<char16_t *>(std::malloc((n + 1) * 2));
  for (size_t i = 0; i <= n; ++i) out[i] = text[i] >= u'a' && text[i] <= u'z' ? text[i] - 32 : text[i];
  return out;
}
API const char16_t *wide_same(const char16_t *text) { return text; }

typedef struct Box { int32_t value; } Box;
static int32_t boxes = 0;
API Box *box_open(int32_t value) { if (value < 0) return nullptr; ++boxes; return new Box{value}; }
API int32_t box_make(int32_t value, Box **out) { ++boxes; *out = new Box{value}; return 0; }
API int32_t box_value(const Box *box) { return box->value; }
API Box *box_self(Box *box) { return box; }
API void box_close(Box *box) { --boxes; delete box; }
API int32_t boxes_open() { return boxes; }
API int32_t box_slow(Box *box) { std::this_thread::sleep_for(std::chrono::milliseconds(50)); return box->value; }

API int32_t apply(int32_t (*f)(int32_t), int32_t n) { int32_t s = 0; for (int32_t i = 0; i < n; ++i) s += f(i); return s; }
API void visit(void (*f)(const char *, const Point *, Color, int64_t)) { Point p{1, 2}; f("one", &p, BLUE, 9007199254740993LL); f(nullptr, nullptr, RED, 1); }
static int32_t (*kept)(int32_t) = nullptr;
API void keep(int32_t (*f)(int32_t)) { kept = f; }
API int32_t call_kept(int32_t n) { return kept == nullptr ? -1 : kept(n); }
API void progress(void (*f)(double), int32_t n) { for (int32_t i = 1; i <= n; ++i) f(static_cast<double>(i) / n); }

API int64_t big() { return 9007199254740993LL; }
API uint64_t small_big() { return 5; }
API int32_t fail_with(int32_t code) { errno = code; return -1; }
API void wait_ms(int32_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
API int32_t wait_for(const volatile int32_t *flag) { for (int32_t i = 0; i < 20000; ++i) { if (*flag != 0) return i; std::this_thread::sleep_for(std::chrono::milliseconds(1)); } return -1; }
API double add_all(int32_t n, ...) {
  va_list args; va_start(args, n); double s = 0;
  for (int32_t i = 0; i < n; ++i) s += i % 2 == 0 ? va_arg(args, int) : va_arg(args, double);
  va_end(args); return s;
}
static int32_t inside = 0, most = 0;
API int32_t enter() { const int32_t now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST); int32_t seen = most; while (now > seen && !__atomic_compare_exchange_n(&most, &seen, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {} std::this_thread::sleep_for(std::chrono::milliseconds(3)); __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST); return now; }
API int32_t most_inside() { const int32_t m = most; most = 0; return m; }
API uint64_t echo_big(uint64_t (*f)(uint64_t)) { return f(UINT64_MAX); }
typedef struct { Box *box; int32_t (*map)(int32_t); const double *values; size_t count; const Point *point; } Bundle;
API double bundle_sum(const Bundle *b) {
  std::this_thread::sleep_for(std::chrono::milliseconds(b->map == nullptr && b->values == nullptr && b->box != nullptr ? 50 : 0));
  double s = b->box == nullptr ? 0 : b->map == nullptr ? b->box->value : b->map(b->box->value);
  for (size_t i = 0; i < b->count; ++i) s += b->values[i];
  return b->point == nullptr ? s : s + b->point->x + b->point->y;
}
API int32_t boxes_sum(Box *const *list, size_t n) { std::this_thread::sleep_for(std::chrono::milliseconds(50)); int32_t s = 0; for (size_t i = 0; i < n; ++i) s += list[i] == nullptr ? 0 : list[i]->value; return s; }
API int32_t apply_slowly(int32_t (*f)(int32_t), int32_t n) { int32_t s = 0; for (int32_t i = 0; i < n; ++i) { s += f(i); std::this_thread::sleep_for(std::chrono::milliseconds(20)); } return s; }
typedef struct _Node Node;
struct _Node { int32_t value; const Node *next; };
API int32_t nodes_sum(const Node *list) { int32_t s = 0; for (; list != nullptr; list = list->next) s += list->value; return s; }
API Node *node_new(int32_t value, const Node *next) { return new Node{value, next}; }
API int32_t use_stack(int32_t kilobytes) { volatile char block[1024]; block[0] = 1; return kilobytes <= 1 ? block[0] : use_stack(kilobytes - 1) + block[0]; }
API Box *box_first(Box *box) { return box; }
API void noop(void *) {}
`;

/** The same types as a user writes them. */
export const ABI_TYPES = `
  typedef union { int32_t i; float f; const char *text; } Number;
  typedef enum { RED, GREEN = 5, BLUE } Color;
  typedef struct { double x, y; } Point;
  typedef struct {
    Point origin; Color color; Number number; char name[8]; int16_t grid[3]; const char *label; int64_t id;
  } Shape;
  typedef struct { float a; uint8_t b; } Small;
  typedef struct Box Box;
  typedef int32_t (*map_fn)(int32_t);
  typedef struct { Box *box; int32_t (*map)(int32_t); const double *values; size_t count; const Point *point; } Bundle;
`;
