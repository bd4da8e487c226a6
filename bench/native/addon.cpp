// The same function as a hand-written addon: what a call costs at the least.
#include <node_api.h>

#include <cstdint>

namespace {

int32_t get_sum(const int32_t a, const int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

napi_value call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  int32_t a = 0;
  int32_t b = 0;
  if (napi_get_cb_info(env, info, &count, args, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_value_int32(env, args[0], &a) != napi_ok || napi_get_value_int32(env, args[1], &b) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected two numbers");
    return nullptr;
  }
  napi_value result;
  napi_create_int32(env, get_sum(a, b), &result);
  return result;
}

struct Work {
  int32_t a;
  int32_t b;
  int32_t sum;
  napi_deferred deferred;
  napi_async_work work;
};

void execute(napi_env, void *data) {
  auto *work = static_cast<Work *>(data);
  work->sum = get_sum(work->a, work->b);
}

void complete(napi_env env, napi_status, void *data) {
  auto *work = static_cast<Work *>(data);
  napi_value result;
  napi_create_int32(env, work->sum, &result);
  napi_resolve_deferred(env, work->deferred, result);
  napi_delete_async_work(env, work->work);
  delete work;
}

napi_value call_async(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value args[2];
  auto *work = new Work{};
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  napi_get_value_int32(env, args[0], &work->a);
  napi_get_value_int32(env, args[1], &work->b);
  napi_value promise;
  napi_value name;
  napi_create_promise(env, &work->deferred, &promise);
  napi_create_string_utf8(env, "get_sum", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, execute, complete, work, &work->work);
  napi_queue_async_work(env, work->work);
  return promise;
}

napi_value init(napi_env env, napi_value exports) {
  napi_value sync_function;
  napi_value async_function;
  napi_create_function(env, "getSum", NAPI_AUTO_LENGTH, call, nullptr, &sync_function);
  napi_create_function(env, "getSumAsync", NAPI_AUTO_LENGTH, call_async, nullptr, &async_function);
  napi_set_named_property(env, exports, "getSum", sync_function);
  napi_set_named_property(env, exports, "getSumAsync", async_function);
  return exports;
}

}  // namespace

NAPI_MODULE(addon, init)
