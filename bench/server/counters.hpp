// What is counted between two marks, and the JSON of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>
#include <vector>

constexpr int64_t kMs = 1'000'000;

inline int64_t nowNs() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

inline float msBetween(int64_t fromNs, int64_t toNs) { return static_cast<float>(toNs - fromNs) / kMs; }

struct Counters {
  int64_t sinceNs = nowNs();
  uint64_t handed = 0, accepted = 0, failed = 0, inProgress = 0, duplicates = 0, unknown = 0;
  uint64_t heartbeats = 0, faults = 0, polls = 0, emptyPolls = 0, requests = 0;
  std::map<std::string, uint64_t> byRoute, acceptedByType;
  std::vector<float> availableToResultMs, handedToResultMs, availableToHandedMs;
};

inline std::string toJson(const std::map<std::string, uint64_t>& counts) {
  std::string json = "{";
  for (const auto& [name, count] : counts) json += (json.size() > 1 ? ",\"" : "\"") + name + "\":" + std::to_string(count);
  return json + "}";
}

inline std::string percentilesJson(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double quantile) {
    return values.empty() ? 0.0 : static_cast<double>(values[static_cast<size_t>(quantile * static_cast<double>(values.size() - 1))]);
  };
  char text[160];
  std::snprintf(text, sizeof text, R"({"count":%zu,"p50":%.3f,"p90":%.3f,"p99":%.3f,"max":%.3f})", values.size(), at(0.5),
                at(0.9), at(0.99), at(1));
  return text;
}

inline std::string statsJson(const Counters& k, size_t connections, size_t inFlight) {
  std::string json = "{\"elapsedMs\":" + std::to_string(static_cast<double>(nowNs() - k.sinceNs) / kMs);
  const auto add = [&](const char* name, const std::string& value) { json += std::string(",\"") + name + "\":" + value; };
  add("handed", std::to_string(k.handed));
  add("accepted", std::to_string(k.accepted));
  add("failed", std::to_string(k.failed));
  add("inProgress", std::to_string(k.inProgress));
  add("duplicates", std::to_string(k.duplicates));
  add("unknown", std::to_string(k.unknown));
  add("heartbeats", std::to_string(k.heartbeats));
  add("faults", std::to_string(k.faults));
  add("polls", std::to_string(k.polls));
  add("emptyPolls", std::to_string(k.emptyPolls));
  add("requests", std::to_string(k.requests));
  add("connections", std::to_string(connections));
  add("inFlight", std::to_string(inFlight));
  add("byRoute", toJson(k.byRoute));
  add("acceptedByType", toJson(k.acceptedByType));
  add("availableToResultMs", percentilesJson(k.availableToResultMs));
  add("handedToResultMs", percentilesJson(k.handedToResultMs));
  add("availableToHandedMs", percentilesJson(k.availableToHandedMs));
  return json + "}";
}
