// A neutral stand-in for a Conductor server: hands out tasks as fast as they are asked for and measures what
// comes back. One thread, epoll, HTTP/1.1 with keep-alive; no persistence, no workflows, no checks that a worker
// loop could notice. Linux only. Prints "listening PORT" and ends when its standard input does.
//
// Worker side (below /api): batch poll, single poll, update, update-v2; /token and unknown paths answer 404.
// Bench side:
//   POST /admin/reset?type=a,b&backlog=N|-1&rate=R&payload=BYTES&mode=chain|nochain|v1&wait=MS
//        forgets everything; every named type starts with N tasks (-1: never runs dry) and gets R tasks a second
//        (Poisson). chain: update-v2 returns the next task, after waiting up to `wait` ms for one; nochain: always
//        204; v1: 404.
//   POST /admin/faults?percent=P   from now on P percent of the updates answer 503 and do not count
//   POST /admin/mark    zeroes the counters and the latencies, keeps the tasks
//   GET  /admin/stats   what happened since the last mark
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <random>
#include <unordered_map>

#include "counters.hpp"
#include "http.hpp"
#include "tasks.hpp"

class LoadServer {
 public:
  LoadServer() : epoll_(epoll_create1(0)), timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 1024) != 0) {
      std::perror("cannot listen");
      std::exit(1);
    }
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    watch(listener_);
    watch(timer_);
    watch(STDIN_FILENO);  // refused for a file or /dev/null: then nobody is there to close it
    std::printf("listening %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void run() {
    epoll_event events[256];
    for (;;) {
      armTimer();
      const int n = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < n; ++i) {
        const int fd = events[i].data.fd;
        if (fd == listener_) acceptAll();
        else if (fd == timer_) onTimer();
        else if (fd == STDIN_FILENO && isInputOver()) return;
        else if (const auto found = connections_.find(fd); found != connections_.end()) serve(*found->second);
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  static bool isInputOver() {
    char buffer[256];
    return read(STDIN_FILENO, buffer, sizeof buffer) <= 0;
  }

  void acceptAll() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_.emplace(fd, std::make_unique<Connection>(Connection{fd, {}, {}}));
      watch(fd);
    }
  }

  void drop(Connection& connection) {
    for (auto& type : types_) {
      auto& w = type->waiters;
      w.erase(std::remove_if(w.begin(), w.end(), [&](const Waiter& x) { return x.connection == &connection; }), w.end());
    }
    const int fd = connection.fd;
    connections_.erase(fd);
    close(fd);
  }

  /** Reads what is there, answers whole requests, writes what can be written. */
  void serve(Connection& connection) {
    char buffer[65536];
    for (;;) {
      const ssize_t n = recv(connection.fd, buffer, sizeof buffer, 0);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return drop(connection);
      if (n < 0) break;
      connection.in.append(buffer, static_cast<size_t>(n));
      if (static_cast<size_t>(n) < sizeof buffer) break;
    }
    if (!handleBuffered(connection) || !flush(connection)) drop(connection);
  }

  bool handleBuffered(Connection& connection) {
    size_t at = 0;
    while (!connection.isWaiting && at < connection.in.size()) {
      Request request;
      size_t used = 0;
      const Parsed parsed = parseRequest(string_view(connection.in).substr(at), request, used);
      if (parsed == Parsed::broken) return false;
      if (parsed == Parsed::incomplete) break;
      at += used;
      route(connection, request);
    }
    connection.in.erase(0, at);
    return true;
  }

  bool flush(Connection& connection) const {
    while (!connection.out.empty()) {
      const ssize_t n = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      if (n < 0) break;
      connection.out.erase(0, static_cast<size_t>(n));
    }
    if (connection.isWatchingWrites != !connection.out.empty()) {
      connection.isWatchingWrites = !connection.out.empty();
      epoll_event event{};
      event.events = EPOLLIN | (connection.isWatchingWrites ? EPOLLOUT : 0u);
      event.data.fd = connection.fd;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    }
    return true;
  }

  static void answerNotFound(Connection& c) {
    answer(c, "404 Not Found", R"({"status":404,"message":"Not found","retryable":false})");
  }

  // ------------------------------------------------------------ routes

  void route(Connection& c, const Request& r) {
    string_view path = r.path;
    if (path.substr(0, 7) == "/admin/") return admin(c, path.substr(7), r.query);
    if (path.substr(0, 4) == "/api") path.remove_prefix(4);
    ++counters_.requests;
    const auto counted = [&](const char* name) { ++counters_.byRoute[name]; };
    const bool isGet = r.method == "GET";
    if (isGet && path.substr(0, 18) == "/tasks/poll/batch/") {
      counted("poll-batch");
      poll(c, path.substr(18), std::strtoul(queryValue(r.query, "count", "1").c_str(), nullptr, 10),
           std::atoll(queryValue(r.query, "timeout", "100").c_str()), true);
    } else if (isGet && path.substr(0, 12) == "/tasks/poll/") {
      counted("poll");
      poll(c, path.substr(12), 1, 100, false);
    } else if (path == "/tasks/update-v2") {
      counted("update-v2");
      update(c, r.body, true);
    } else if (path == "/tasks" && r.method == "POST") {
      counted("update");
      update(c, r.body, false);
    } else if (path.substr(0, 7) == "/tasks/" && r.method == "POST") {
      counted("task-log");
      answer(c, "200 OK", "");
    } else if (path.substr(0, 13) == "/tasks/search") {
      counted("search");
      answer(c, "200 OK", R"({"totalHits":0,"results":[]})");
    } else if (path.substr(0, 10) == "/metadata/") {
      counted("metadata");
      if (!isGet) answer(c, "200 OK", "");
      else if (path == "/metadata/taskdefs" || path == "/metadata/workflow") answer(c, "200 OK", "[]");
      else answerNotFound(c);
    } else {
      counted(path == "/token" ? "token" : "other");
      answerNotFound(c);
    }
  }

  void poll(Connection& c, string_view typeName, size_t count, int64_t timeoutMs, bool isBatch) {
    ++counters_.polls;
    const uint32_t index = typeIndex(typeName);
    TaskType& type = *types_[index];
    if (type.isEndless || !type.available.empty() || timeoutMs <= 0) return handOut(c, index, count, isBatch);
    park(c, type, {&c, nowNs() + timeoutMs * kMs, std::max<size_t>(count, 1), isBatch});
  }

  static void park(Connection& c, TaskType& type, Waiter waiter) {
    c.isWaiting = true;
    type.waiters.push_back(waiter);
  }

  void update(Connection& c, string_view body, bool isV2) {
    if (isV2 && mode_ == Mode::v1) return answerNotFound(c);
    if (jsonField(body, "\"extendLease\"") == "true") {
      ++counters_.heartbeats;
      return answer(c, "200 OK", "");
    }
    if (faultPercent_ > 0 && std::uniform_real_distribution<>(0, 100)(random_) < faultPercent_) {
      ++counters_.faults;
      return answer(c, "503 Service Unavailable", R"({"status":503,"message":"try again later","retryable":true})");
    }
    const string_view id = jsonField(body, "\"taskId\"");
    const int64_t index = recordOf(id);
    if (index < 0) {
      ++counters_.unknown;
      return answerNotFound(c);
    }
    const uint32_t type = settle(records_[static_cast<size_t>(index)], jsonField(body, "\"status\""));
    if (!isV2) return answer(c, "200 OK", id, "text/plain");
    TaskType& next = *types_[type];
    const bool canServe = next.isEndless || !next.available.empty();
    if (mode_ == Mode::chain && !canServe && chainWaitMs_ > 0) return park(c, next, {&c, nowNs() + chainWaitMs_ * kMs, 1, false});
    if (mode_ == Mode::chain && canServe) return handOut(c, type, 1, false);
    answer(c, "204 No Content", "");
  }

  /** Counts a result; returns the task's type. */
  uint32_t settle(TaskRecord& task, string_view status) {
    if (status == "IN_PROGRESS") ++counters_.inProgress;
    else if (task.isDone) ++counters_.duplicates;
    else {
      task.isDone = true;
      ++counters_.acceptedByType[types_[task.type]->name];
      ++(status == "COMPLETED" ? counters_.accepted : counters_.failed);
      const int64_t now = nowNs();
      counters_.handedToResultMs.push_back(msBetween(task.handedNs, now));
      counters_.availableToResultMs.push_back(msBetween(task.availableNs, now));
    }
    return task.type;
  }

  // ------------------------------------------------------------ queues

  uint32_t typeIndex(string_view name) {
    for (uint32_t i = 0; i < types_.size(); ++i)
      if (types_[i]->name == name) return i;
    types_.push_back(std::make_unique<TaskType>());
    types_.back()->name = string(name);
    fillTemplate(*types_.back(), payloadBytes_);
    return static_cast<uint32_t>(types_.size() - 1);
  }

  /** Answers with up to `count` tasks that are available now. */
  void handOut(Connection& c, uint32_t typeAt, size_t count, bool isBatch) {
    TaskType& type = *types_[typeAt];
    const int64_t now = nowNs();
    const int64_t epochMs = std::time(nullptr) * 1000LL;
    string& body = scratch_;
    body = isBatch ? "[" : "";
    size_t done = 0;
    for (; done < count && (type.isEndless || !type.available.empty()); ++done) {
      const uint32_t index = type.available.empty() ? addTask(typeAt, now) : type.available.front();
      if (!type.available.empty()) type.available.pop_front();
      TaskRecord& task = records_[index];
      task.isHanded = true;
      task.handedNs = now;
      counters_.availableToHandedMs.push_back(msBetween(task.availableNs, now));
      if (done > 0) body += ',';
      appendTask(body, type, run_, index, epochMs);
    }
    counters_.handed += done;
    if (done == 0) ++counters_.emptyPolls;
    if (!isBatch && done == 0) return answer(c, "204 No Content", "");
    if (isBatch) body += ']';
    answer(c, "200 OK", body);
  }

  uint32_t addTask(uint32_t type, int64_t availableNs) {
    records_.push_back({type, false, false, availableNs, 0});
    return static_cast<uint32_t>(records_.size() - 1);
  }

  /** The index in an id of this run that was handed out, or -1. */
  int64_t recordOf(string_view id) const {
    if (id.size() != 36 || std::strtoul(string(id.substr(0, 8)).c_str(), nullptr, 16) != run_) return -1;
    const size_t index = std::strtoull(string(id.substr(24)).c_str(), nullptr, 16);
    return index < records_.size() && records_[index].isHanded ? static_cast<int64_t>(index) : -1;
  }

  /** Answers a parked request and goes on with what its connection sent meanwhile. */
  void wake(uint32_t typeAt, const Waiter& waiter) {
    Connection& c = *waiter.connection;
    c.isWaiting = false;
    handOut(c, typeAt, waiter.count, waiter.isBatch);
    if (!handleBuffered(c) || !flush(c)) drop(c);
  }

  void onTimer() {
    uint64_t expirations = 0;
    if (read(timer_, &expirations, sizeof expirations) < 0) return;
    armedNs_ = kNever;
    const int64_t now = nowNs();
    for (uint32_t i = 0; i < types_.size(); ++i) {
      TaskType& type = *types_[i];
      while (type.nextArrivalNs <= now) {
        type.available.push_back(addTask(i, type.nextArrivalNs));
        type.nextArrivalNs += static_cast<int64_t>(std::exponential_distribution<>(type.ratePerSecond)(random_) * 1e9);
      }
      for (;;) {  // each wake may take several tasks: look again after it
        auto& waiters = type.waiters;
        const auto due = std::find_if(waiters.begin(), waiters.end(), [&](const Waiter& waiter) {
          return !type.available.empty() || waiter.deadlineNs <= now;
        });
        if (due == waiters.end()) break;
        const Waiter waiter = *due;
        waiters.erase(due);
        wake(i, waiter);
      }
    }
  }

  void armTimer() {
    int64_t next = kNever;
    for (const auto& type : types_) {
      next = std::min(next, type->nextArrivalNs);
      for (const Waiter& waiter : type->waiters) next = std::min(next, waiter.deadlineNs);
    }
    if (next == armedNs_) return;
    armedNs_ = next;
    itimerspec spec{};  // all zero: disarmed
    if (next != kNever) {
      spec.it_value.tv_sec = next / 1'000'000'000;
      spec.it_value.tv_nsec = next % 1'000'000'000;
    }
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  // ------------------------------------------------------------ admin

  void admin(Connection& c, string_view path, string_view query) {
    if (path == "stats") return answer(c, "200 OK", stats());
    if (path == "mark") counters_ = Counters{};
    else if (path == "faults") faultPercent_ = std::atof(queryValue(query, "percent", "0").c_str());
    else if (path == "reset") reset(query);
    else return answerNotFound(c);
    answer(c, "200 OK", "{}");
  }

  string stats() const {
    const auto isInFlight = [](const TaskRecord& task) { return task.isHanded && !task.isDone; };
    const auto inFlight = std::count_if(records_.begin(), records_.end(), isInFlight);
    return statsJson(counters_, connections_.size(), static_cast<size_t>(inFlight));
  }

  void reset(string_view query) {
    ++run_;
    types_.clear();  // the bench resets only when no worker is connected: nobody is parked here
    records_.clear();
    counters_ = Counters{};
    random_.seed(1);
    payloadBytes_ = std::strtoul(queryValue(query, "payload", "100").c_str(), nullptr, 10);
    faultPercent_ = 0;
    chainWaitMs_ = std::atoll(queryValue(query, "wait", "0").c_str());
    const string mode = queryValue(query, "mode", "chain");
    mode_ = mode == "v1" ? Mode::v1 : mode == "nochain" ? Mode::nochain : Mode::chain;
    const int64_t backlog = std::atoll(queryValue(query, "backlog", "0").c_str());
    const double rate = std::atof(queryValue(query, "rate", "0").c_str());
    string names = queryValue(query, "type", "");
    while (!names.empty()) {
      const size_t comma = names.find(',');
      const uint32_t index = typeIndex(names.substr(0, comma));
      TaskType& type = *types_[index];
      type.isEndless = backlog < 0;
      for (int64_t i = 0; i < backlog; ++i) type.available.push_back(addTask(index, nowNs()));
      type.ratePerSecond = rate;
      if (rate > 0) type.nextArrivalNs = nowNs();
      names = comma == string::npos ? "" : names.substr(comma + 1);
    }
  }

  const int epoll_, timer_;
  int listener_ = -1;
  int64_t armedNs_ = kNever;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<TaskType>> types_;
  std::vector<TaskRecord> records_;
  Counters counters_;
  std::mt19937 random_{1};
  string scratch_;
  Mode mode_ = Mode::chain;
  size_t payloadBytes_ = 100;
  int64_t chainWaitMs_ = 0;
  double faultPercent_ = 0;
  uint32_t run_ = 0;
};

int main() {
  std::signal(SIGPIPE, SIG_IGN);
  LoadServer().run();
  return 0;
}
