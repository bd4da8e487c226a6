// Task types with their queues, and the JSON of a task.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <limits>
#include <string>

#include "http.hpp"

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

enum class Mode { chain, nochain, v1 };

struct TaskRecord {
  uint32_t type;
  bool isHanded = false, isDone = false;
  int64_t availableNs = 0, handedNs = 0;
};

struct Waiter {
  Connection* connection;
  int64_t deadlineNs;
  size_t count;
  bool isBatch;  // answered with an array, or with one task or 204
};

struct TaskType {
  string name;
  string head, tail;  // the task's JSON before and after what differs from task to task
  bool isEndless = false;
  double ratePerSecond = 0;
  int64_t nextArrivalNs = kNever;
  std::deque<uint32_t> available;
  std::deque<Waiter> waiters;
};

/** JSON of the size and shape that Conductor 3.32 sends for a SIMPLE task: about 1.7 kB around the input. */
inline void fillTemplate(TaskType& type, size_t payloadBytes) {
  const string& n = type.name;
  const string input = R"({"payload":")" + string(payloadBytes, 'x') + R"("})";
  const string definition =
      R"({"createTime":1767225600000,"updateTime":1767225600000,"createdBy":"","updatedBy":"","accessPolicy":{},"name":")" + n +
      R"(","description":"benchmark task","retryCount":3,"timeoutSeconds":3600,"inputKeys":["payload"],"outputKeys":["ok"],)"
      R"("timeoutPolicy":"TIME_OUT_WF","retryLogic":"FIXED","retryDelaySeconds":60,"responseTimeoutSeconds":600,)"
      R"("inputTemplate":{},"rateLimitPerFrequency":0,"rateLimitFrequencyInSeconds":1,"ownerEmail":"bench@example.com",)"
      R"("pollTimeoutSeconds":3600,"backoffScaleFactor":1,"totalTimeoutSeconds":0,"enforceSchema":false})";
  type.head = R"({"taskType":")" + n + R"(","status":"IN_PROGRESS","inputData":)" + input + R"(,"referenceTaskName":")" + n +
              R"(_ref","retryCount":0,"seq":1,"pollCount":1,"taskDefName":")" + n +
              R"(","startDelayInSeconds":0,"retried":false,"executed":false,"callbackFromWorker":true,)"
              R"("responseTimeoutSeconds":600,"workflowType":"bench_workflow")";
  type.tail = R"(,"endTime":0,"callbackAfterSeconds":0,"workerId":"bench","outputData":{},"workflowTask":{"name":")" + n +
              R"(","taskReferenceName":")" + n +
              R"(_ref","inputParameters":{"payload":"${workflow.input.payload}"},"type":"SIMPLE","decisionCases":{},)"
              R"("defaultCase":[],"forkTasks":[],"startDelay":0,"joinOn":[],"optional":false,"taskDefinition":)" + definition +
              R"(,"defaultExclusiveJoinTask":[],"asyncComplete":false,"loopOver":[],"onStateChange":{},"permissive":false},)"
              R"("rateLimitPerFrequency":0,"rateLimitFrequencyInSeconds":0,"workflowPriority":0,"iteration":0,)"
              R"("subworkflowChanged":false,"firstStartTime":0,"queueWaitTime":10,"loopOverTask":false,"taskDefinition":null})";
}

/** Ids carry the run and the index of the task, so that a result finds its record. */
inline void appendTask(string& json, const TaskType& type, uint32_t run, uint32_t index, int64_t epochMs) {
  char own[320];
  std::snprintf(own, sizeof own,
                R"(,"workflowInstanceId":"%08x-0000-4000-9000-%012x","taskId":"%08x-0000-4000-8000-%012x")"
                R"(,"scheduledTime":%lld,"startTime":%lld,"updateTime":%lld)",
                run, index, run, index, static_cast<long long>(epochMs), static_cast<long long>(epochMs),
                static_cast<long long>(epochMs));
  json.append(type.head).append(own).append(type.tail);
}
