// What the tests of the simulated exchange share: an outlet that keeps everything, a client that
// knows Kraken's rules in the plainest form (maps, a checksum by bits, JSON through nlohmann with
// the numbers' own digits), and capture files made on the spot.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/exchange/exchange.hpp"

namespace ringside::exchange {

inline constexpr UtcNs test_start{1'785'641'750'000'000'000};
inline constexpr std::int64_t test_second = 1'000'000'000;

struct SentFrame {
  SessionId session;
  std::string text;
  Frame frame;
};
struct Answer {
  RequestId request;
  int status;
  std::string body;
};

class KeepingOutlet final : public Outlet {
 public:
  void send(SessionId session, std::string_view text, Frame frame) override {
    frames.push_back({session, std::string(text), frame});
  }
  void close(SessionId session, Ending ending, std::uint16_t code) override {
    closed.push_back(session);
    endings.push_back(ending);
    codes.push_back(code);
  }
  void answer(RequestId request, int status, std::string_view body) override {
    answers.push_back({request, status, std::string(body)});
  }
  void refuse(RequestId request, int status, std::uint32_t retry_after_s) override {
    answers.push_back({request, status, std::to_string(retry_after_s)});
  }
  void go_away() override { away = true; }
  [[nodiscard]] bool come_back() override {
    away = false;
    return true;
  }
  [[nodiscard]] bool congested() const override { return full; }

  // The frames since the last call.
  std::vector<SentFrame> take() { return std::exchange(frames, {}); }

  std::vector<SentFrame> frames;
  std::vector<SessionId> closed;
  std::vector<Ending> endings;  // of each
  std::vector<std::uint16_t> codes;
  std::vector<Answer> answers;
  bool full = false;
  bool away = false;
};

// JSON whose numbers are strings of their own digits.
nlohmann::json parse_keeping_digits(std::string_view text);

// Advances from `from` for `duration_ns` in the steps that the exchange asks for.
UtcNs run(Exchange& exchange, UtcNs from, std::int64_t duration_ns);

// One book, as text: "12345" for price and quantity digits at wire precision.
class PlainBook {
 public:
  using Levels = std::map<std::int64_t, std::int64_t>;  // price -> quantity, mantissas

  void clear() { bids.clear(), asks.clear(); }
  void set(bool bid, std::string_view price, std::string_view quantity);
  void truncate(std::size_t depth);
  [[nodiscard]] std::uint32_t checksum() const;
  [[nodiscard]] std::string canonical_hash() const;

  Levels bids, asks;
};

// Follows the book frames of one session; counts what does not hold.
class PlainKrakenClient {
 public:
  explicit PlainKrakenClient(std::size_t depth) : depth_(depth) {}

  void on_frame(const std::string& text);

  std::map<std::string, PlainBook> books;
  std::map<std::string, std::string> points;  // "symbol ns" -> hash
  std::map<std::string, std::int64_t> last_ns;
  std::vector<std::string> failed;  // frames whose checksum does not fit
  std::size_t book_frames = 0, trades = 0, tickers = 0, snapshots = 0, heartbeats = 0;
  std::size_t prices_touched_twice = 0, times_not_growing = 0, crossed = 0, levels = 0;

 private:
  void on_book(const nlohmann::json& frame, const std::string& text);

  std::size_t depth_;
};

std::int64_t parse_utc_ns(const std::string& rfc3339);

// A file that goes away with its owner.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& content = {});
  ~ScratchFile() { std::filesystem::remove(path); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  [[nodiscard]] std::string content() const;
  std::string path;
};

// "symbol ns" -> hash.
std::map<std::string, std::string> read_truth(const std::string& path);

}  // namespace ringside::exchange
