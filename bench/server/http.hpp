// As much of HTTP/1.1 as worker loops use: keep-alive, pipelining, bodies with a length or in chunks.
#pragma once

#include <strings.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

using std::string;
using std::string_view;

struct Connection {
  int fd;
  string in;
  string out;
  bool isWaiting = false;  // a request is parked: nothing more is read from `in` until it is answered
  bool isWatchingWrites = false;
};

struct Request {
  string_view method, path, query;
  string body;
};

enum class Parsed { complete, incomplete, broken };

/** Decodes a chunked body that starts at `at`; moves `at` behind it. */
inline Parsed readChunks(string_view in, size_t& at, string& body) {
  for (;;) {
    const size_t end = in.find("\r\n", at);
    if (end == string_view::npos) return Parsed::incomplete;
    const size_t size = std::strtoul(string(in.substr(at, end - at)).c_str(), nullptr, 16);
    if (in.size() < end + 2 + size + 2) return Parsed::incomplete;
    body.append(in.substr(end + 2, size));
    at = end + 2 + size + 2;
    if (size == 0) return Parsed::complete;
  }
}

/** Reads one request from the start of `in`; `used` is how many bytes it took. The views point into `in`. */
inline Parsed parseRequest(string_view in, Request& request, size_t& used) {
  const size_t headEnd = in.find("\r\n\r\n");
  if (headEnd == string_view::npos) return Parsed::incomplete;
  size_t lineEnd = in.find("\r\n");
  const string_view first = in.substr(0, lineEnd);
  const size_t space = first.find(' '), space2 = first.find(' ', space + 1);
  if (space == string_view::npos || space2 == string_view::npos) return Parsed::broken;
  request.method = first.substr(0, space);
  const string_view target = first.substr(space + 1, space2 - space - 1);
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  request.query = mark == string_view::npos ? string_view{} : target.substr(mark + 1);

  size_t contentLength = 0;
  bool isChunked = false;
  while (lineEnd < headEnd) {
    const size_t start = lineEnd + 2;
    lineEnd = in.find("\r\n", start);
    const string_view line = in.substr(start, lineEnd - start);
    if (strncasecmp(line.data(), "content-length:", 15) == 0) contentLength = std::strtoul(line.data() + 15, nullptr, 10);
    if (strncasecmp(line.data(), "transfer-encoding:", 18) == 0) isChunked = line.find("chunked") != string_view::npos;
  }
  used = headEnd + 4;
  if (isChunked) return readChunks(in, used, request.body);
  if (in.size() < used + contentLength) return Parsed::incomplete;
  request.body = string(in.substr(used, contentLength));
  used += contentLength;
  return Parsed::complete;
}

inline string queryValue(string_view query, string_view key, string_view fallback) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == key && equals != string_view::npos) return string(pair.substr(equals + 1));
    query = end == string_view::npos ? string_view{} : query.substr(end + 1);
  }
  return string(fallback);
}

/** The string or literal after `"key":` in flat JSON. Enough for results, whose ids and status come unescaped. */
inline string_view jsonField(string_view json, string_view quotedKey) {
  const size_t key = json.find(quotedKey);
  if (key == string_view::npos) return {};
  size_t start = json.find_first_not_of(" :", key + quotedKey.size());
  if (start == string_view::npos) return {};
  const bool isString = json[start] == '"';
  if (isString) ++start;
  return json.substr(start, json.find_first_of(isString ? "\"" : ",}", start) - start);
}

inline void answer(Connection& connection, string_view status, string_view body, const char* type = "application/json") {
  string& out = connection.out;
  out.append("HTTP/1.1 ").append(status);
  if (status.substr(0, 3) != "204") {
    out.append("\r\nContent-Type: ").append(type).append("\r\nContent-Length: ").append(std::to_string(body.size()));
  }
  out.append("\r\n\r\n").append(body);
}
