// Faults on request, each at one exact message, so that a test can name what it broke.
//
//   faults := fault { "," fault }
//   fault  := "corrupt:" SYMBOL "@" N     flips one digit of the Nth book update of SYMBOL
//           | "drop:" SYMBOL "@" N        never sends it
//           | "close@" N                  cuts every connection after N data frames
//           | "stall@" N                  sends nothing more on the connections open then
//           | "reset@" N                  ends every connection by RST
//           | "half-close@" N             ends our direction of each (FIN), and keeps the sockets
//
// Book updates are counted from 1, for each symbol, from the first one that somebody was subscribed
// to; snapshots are not counted. Data frames are counted over all connections; acknowledgements,
// heartbeats and snapshots at subscription are none.
//
// Threads: one. Fails by: std::invalid_argument at construction, in one line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/exchange/outlet.hpp"

namespace ringside::exchange {

enum class BookFault : std::uint8_t { None, Corrupt, Drop };
enum class StreamFault : std::uint8_t { None, Close, Stall, Reset, HalfClose };

class Faults {
 public:
  Faults() = default;
  explicit Faults(std::string_view text);

  // To be called once for each book update of the symbol.
  [[nodiscard]] BookFault on_book_update(std::string_view symbol);
  // To be called once for each data frame sent.
  [[nodiscard]] StreamFault on_data_frame();

  // Named by some fault.
  [[nodiscard]] std::vector<std::string> symbols() const;

 private:
  struct OfBook {
    std::string symbol;
    BookFault fault;
    std::uint64_t at;
    std::uint64_t seen = 0;
  };
  struct OfStream {
    StreamFault fault;
    std::uint64_t at;
  };
  void add(std::string_view text);

  std::vector<OfBook> of_books_;
  std::vector<OfStream> of_stream_;
  std::uint64_t data_frames_ = 0;
};

// Between the venue and the sockets: carries out what hits whole connections.
class FaultyOutlet final : public Outlet {
 public:
  FaultyOutlet(Outlet& next, Faults& faults) : next_(next), faults_(faults) {}

  void on_open(SessionId session) { sessions_.push_back({session, false}); }
  void on_close(SessionId session);

  void send(SessionId session, std::string_view text, Frame frame) override;
  void close(SessionId session, Ending ending) override { next_.close(session, ending); }
  void answer(RequestId request, int status, std::string_view body) override {
    next_.answer(request, status, body);
  }
  [[nodiscard]] bool congested() const override { return next_.congested(); }

 private:
  struct Session {
    SessionId id;
    bool stalled;
  };
  void close_all(Ending ending);

  Outlet& next_;
  Faults& faults_;
  std::vector<Session> sessions_;
};

}  // namespace ringside::exchange
