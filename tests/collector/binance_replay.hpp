// A recorded feed through the adapter: the exponents from a first pass, a REST body at its line, to
// whoever asked for it by then.
#pragma once

#include <zlib.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/collector/binance_run.hpp"

namespace ringside::collector::binance_test {

struct Line {
  std::int64_t unix_ns = 0;
  std::string kind;
  std::string payload;
};

inline std::vector<Line> read_capture(const std::string& path) {
  std::vector<Line> lines;
  std::string text;
  gzFile file = gzopen(path.c_str(), "rb");
  std::vector<char> block(std::size_t{1} << 20);
  for (int n = 0; file != nullptr && (n = gzread(file, block.data(), 1U << 20)) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  gzclose(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    const auto third = line.find('\t', second + 1);
    lines.push_back({std::stoll(std::string(line.substr(0, first))),
                     std::string(line.substr(second + 1, third - second - 1)),
                     std::string(line.substr(third + 1))});
  }
  return lines;
}

inline std::string_view body_of(const Line& line) {
  return std::string_view(line.payload).substr(line.payload.find(' ') + 1);
}

struct Replay {
  // The first pass.
  Replay(const std::vector<Line>& lines, BinanceMarket market) {
    BinanceFirstPass pass;
    for (const auto& line : lines) {
      if (line.kind == "open") pass.on_open(line.payload);
      const auto padded = line.payload + std::string(64, ' ');
      const auto text = std::string_view(padded).substr(0, line.payload.size());
      if (line.kind == "recv") pass.on_message(text);
      if (line.kind == "http") pass.on_response(text, text.substr(text.find(' ') + 1));
    }
    run = std::make_unique<Bench>(BinanceConfig::for_capture(market, pass));
  }
  // `after` sees the index of each line once it has been taken.
  void play(const std::vector<Line>& lines,
            const std::function<void(std::size_t)>& after = nullptr) {
    const auto start_ns = lines.front().unix_ns;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& line = lines[i];
      run->steady_ns = 1 + line.unix_ns - start_ns;
      if (line.kind == "open") run->open();
      if (line.kind == "recv") run->receive(line.payload);
      if (line.kind == "http") {
        const auto request = run->host.take(std::string(symbol_of_target(line.payload)) + "&");
        if (request.id != 0) run->respond(request.id, body_of(line));
      }
      run->tick();
      if (after) after(i);
    }
  }

  std::unique_ptr<Bench> run;
};

}  // namespace ringside::collector::binance_test
