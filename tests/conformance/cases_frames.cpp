// Framing, pings, reserved bits, opcodes, fragmentation, closing.
#include <algorithm>
#include <iterator>

#include "cases.hpp"

namespace ringside::conformance {

namespace {

std::string joined(const std::vector<std::string>& frames) {
  std::string out;
  for (const auto& frame : frames) out += frame;
  return out;
}

const char* const delivery_names[] = {" at once", " frame by frame", " octet by octet"};

void append(std::vector<Script>& to, std::vector<Script> more) {
  std::move(more.begin(), more.end(), std::back_inserter(to));
}

// A case for each delivery of the frames; `code` 0: the server closes.
std::vector<Script> delivered(const std::string& name, const std::vector<std::string>& frames,
                              const std::vector<Frame>& wanted, unsigned code) {
  std::vector<Script> out;
  const auto ways = deliveries(frames);
  for (std::size_t i = 0; i < ways.size(); ++i) {
    out.push_back(code == 0 ? passing(name + delivery_names[i], ways[i], wanted)
                            : failing(name + delivery_names[i], ways[i], wanted, code));
  }
  return out;
}

Frame echoed(std::string payload, unsigned opcode = op_text) {
  return {true, 0, opcode, std::move(payload)};
}

}  // namespace

Script passing(std::string name, std::vector<Step> steps, std::vector<Frame> wanted) {
  Script script;
  script.name = std::move(name);
  script.steps = std::move(steps);
  script.wanted = std::move(wanted);
  return script;
}

Script failing(std::string name, std::vector<Step> steps, std::vector<Frame> wanted,
               unsigned code) {
  Script script = passing(std::move(name), std::move(steps), std::move(wanted));
  script.wanted_close = close_payload(code);
  script.server_closes = false;
  return script;
}

std::vector<std::vector<Step>> deliveries(const std::vector<std::string>& frames) {
  std::vector<Step> each;
  for (const auto& frame : frames) each.push_back({frame});
  return {{{joined(frames)}}, each, {{joined(frames), 1}}};
}

std::vector<Script> framing_cases() {
  std::vector<Script> out;
  for (const unsigned opcode : {op_text, op_binary}) {
    for (const std::size_t bytes : {0U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
      const std::string payload(bytes, opcode == op_text ? '*' : '\xfe');
      out.push_back(passing("opcode " + std::to_string(opcode) + ", " + std::to_string(bytes),
                            {{frame(opcode, payload)}}, {echoed(payload, opcode)}));
    }
    const std::string payload(65536, opcode == op_text ? '*' : '\xfe');
    out.push_back(passing("opcode " + std::to_string(opcode) + ", 65536 in pieces of 997",
                          {{frame(opcode, payload), 997}}, {echoed(payload, opcode)}));
  }
  return out;
}

std::vector<Script> ping_cases() {
  const std::string noise("\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8);
  std::vector<Script> out;
  for (const std::string& payload :
       {std::string(), std::string("Hello, world!"), noise, std::string(125, '\xfe')}) {
    out.push_back(passing("ping of " + std::to_string(payload.size()), {{frame(op_ping, payload)}},
                          {echoed(payload, op_pong)}));
  }
  out.push_back(failing("ping of 126", {{frame(op_ping, std::string(126, '\xfe'))}}, {}, 1002));
  out.push_back(passing("ping of 125 octet by octet",
                        {{frame(op_ping, std::string(125, '\xfe')), 1}},
                        {echoed(std::string(125, '\xfe'), op_pong)}));
  out.push_back(passing("a pong nobody asked for, empty", {{frame(op_pong, "")}}, {}));
  out.push_back(passing("a pong nobody asked for", {{frame(op_pong, "unasked")}}, {}));
  out.push_back(passing("a pong nobody asked for, then a ping",
                        {{frame(op_pong, "unasked") + frame(op_ping, "asked")}},
                        {echoed("asked", op_pong)}));
  std::string pings;
  std::vector<Frame> pongs;
  for (int i = 0; i < 10; ++i) {
    pings += frame(op_ping, "number " + std::to_string(i));
    pongs.push_back(echoed("number " + std::to_string(i), op_pong));
  }
  out.push_back(passing("ten pings", {{pings}}, pongs));
  out.push_back(passing("ten pings octet by octet", {{pings, 1}}, pongs));
  return out;
}

std::vector<Script> reserved_bit_cases() {
  const std::string hello = frame(op_text, "Hello");
  return {
      failing("rsv 1 on text", {{frame(op_text, "Hello", true, 1)}}, {}, 1002),
      failing("rsv 2 behind a good text, a ping follows",
              {{hello + frame(op_text, "Hello", true, 2) + frame(op_ping, "")}}, {echoed("Hello")},
              1002),
      failing("rsv 3 behind a good text, frame by frame",
              deliveries({hello, frame(op_text, "Hello", true, 3), frame(op_ping, "")})[1],
              {echoed("Hello")}, 1002),
      failing("rsv 4 behind a good text, octet by octet",
              {{hello + frame(op_text, "Hello", true, 4) + frame(op_ping, ""), 1}},
              {echoed("Hello")}, 1002),
      failing("rsv 5 on binary", {{frame(op_binary, "\x00\xff", true, 5)}}, {}, 1002),
      failing("rsv 6 on a ping", {{frame(op_ping, "Hello", true, 6)}}, {}, 1002),
      failing("rsv 7 on a close", {{frame(op_close, close_payload(1000), true, 7)}}, {}, 1002),
  };
}

std::vector<Script> opcode_cases() {
  std::vector<Script> out;
  const std::string hello = frame(op_text, "Hello");
  for (const unsigned first : {3U, 11U}) {
    const std::string name = "opcode " + std::to_string(first);
    out.push_back(failing(name + ", empty", {{frame(first, "")}}, {}, 1002));
    out.push_back(
        failing(name + " + 1, with a payload", {{frame(first + 1, "reserved")}}, {}, 1002));
    const auto ways = deliveries({hello, frame(first + 2, ""), frame(op_ping, "")});
    out.push_back(failing(name + " + 2 behind a good text", ways[0], {echoed("Hello")}, 1002));
    const auto more = deliveries({hello, frame(first + 3, "reserved"), frame(op_ping, "")});
    out.push_back(failing(name + " + 3 behind a good text, frame by frame", more[1],
                          {echoed("Hello")}, 1002));
    const auto last = deliveries({hello, frame(first + 4, "reserved"), frame(op_ping, "")});
    out.push_back(failing(name + " + 4 behind a good text, octet by octet", last[2],
                          {echoed("Hello")}, 1002));
  }
  return out;
}

std::vector<Script> fragmentation_cases() {
  const std::string first = frame(op_text, "fragment1", false);
  const std::string second = frame(op_continuation, "fragment2");
  const std::string whole = frame(op_text, "whole");
  const std::string stray = frame(op_continuation, "stray");
  const std::string stray_open = frame(op_continuation, "stray", false);
  const Frame both = echoed("fragment1fragment2");
  std::vector<Script> out;
  out.push_back(failing("a ping in two fragments", {{frame(op_ping, "fragment1", false) + second}},
                        {}, 1002));
  out.push_back(failing("a pong in two fragments", {{frame(op_pong, "fragment1", false) + second}},
                        {}, 1002));
  append(out, delivered("text in two fragments", {first, second}, {both}, 0));
  append(out, delivered("text in two fragments, a ping between",
                        {first, frame(op_ping, "p"), second}, {echoed("p", op_pong), both}, 0));
  append(out, delivered("a last continuation of nothing", {stray, whole}, {}, 1002));
  append(out, delivered("a continuation of nothing", {stray_open, whole}, {}, 1002));
  out.push_back(failing("a continuation of nothing behind a fragmented text",
                        {{first + second + stray_open + whole}}, {both}, 1002));
  out.push_back(failing("continuations and texts in turns, open",
                        {{stray_open + whole + stray_open + whole}}, {}, 1002));
  out.push_back(failing("continuations and texts in turns, last", {{stray + whole + stray + whole}},
                        {}, 1002));
  out.push_back(failing("a text within a fragmented one", {{first + whole}}, {}, 1002));
  const std::vector<std::string> five = {frame(op_text, "one ", false),
                                         frame(op_continuation, "two ", false),
                                         frame(op_ping, "between"),
                                         frame(op_continuation, "three ", false),
                                         frame(op_continuation, "four ", false),
                                         frame(op_ping, "again"),
                                         frame(op_continuation, "five")};
  const auto ways = deliveries(five);
  for (const std::size_t way : {0U, 1U}) {
    out.push_back(passing(
        std::string("five fragments and two pings") + delivery_names[way], ways[way],
        {echoed("between", op_pong), echoed("again", op_pong), echoed("one two three four five")}));
  }
  return out;
}

namespace {

// The script's own bytes hold the server's Close; the client answers with `answer`.
Script closing(std::string name, std::string bytes, std::vector<Frame> wanted, std::string answer) {
  Script script = passing(std::move(name), {{std::move(bytes)}}, std::move(wanted));
  script.server_closes = false;
  script.wanted_close = std::move(answer);
  return script;
}

}  // namespace

std::vector<Script> close_cases() {
  const auto closed = [](unsigned code, std::string_view reason = {}) {
    return frame(op_close, close_payload(code, reason));
  };
  const std::string hello = frame(op_text, "Hello");
  const std::string large(262'144, '*');
  std::vector<Script> out = {
      closing("text, then close", hello + closed(1000), {echoed("Hello")}, close_payload(1000)),
      closing("close twice", closed(1000) + closed(1000), {}, close_payload(1000)),
      closing("a ping behind the close", closed(1000) + frame(op_ping, ""), {},
              close_payload(1000)),
      closing("text behind the close", closed(1000) + hello, {}, close_payload(1000)),
      closing(
          "a close between fragments",
          frame(op_text, "fragment1", false) + closed(1000) + frame(op_continuation, "fragment2"),
          {}, close_payload(1000)),
      closing("256 KiB of text, text, close, ping",
              frame(op_text, large) + hello + closed(1000) + frame(op_ping, ""),
              {echoed(large), echoed("Hello")}, close_payload(1000)),
      closing("no code", frame(op_close, ""), {}, ""),
      failing("half a code", {{frame(op_close, "a")}}, {}, 1002),
      closing("a code alone", closed(1000), {}, close_payload(1000)),
      closing("a reason", closed(1000, "Hello World!"), {}, close_payload(1000)),
      closing("the longest reason", closed(1000, std::string(123, '*')), {}, close_payload(1000)),
      failing("a reason too long", {{closed(1000, std::string(124, '*'))}}, {}, 1002),
      failing("a reason that is no UTF-8", {{closed(1000, "\xce\xba\xed\xa0\x80")}}, {}, 1007),
  };
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U,
                              3999U, 4000U, 4999U}) {
    out.push_back(closing("code " + std::to_string(code), closed(code), {}, close_payload(code)));
  }
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    out.push_back(failing("code " + std::to_string(code), {{closed(code)}}, {}, 1002));
  }
  return out;
}

}  // namespace ringside::conformance
