// Prints every trade of one worker thread with its UTC time of receipt, and what it lost, COUNT
// lines or for ever. In C++, against the installed library:
//   c++ -std=c++20 follow_trades.cpp $(pkg-config --cflags --libs ringside) -o follow_trades
//   follow_trades INSTANCE WORKER COLLECTOR [COUNT]
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <ringside/reader.hpp>
#include <string>

using namespace ringside;
using namespace ringside::reader;

struct Follower {
  Instance instance;
  Events events;
  Clock clock;
  Catalogue catalogue;
  std::map<std::uint32_t, std::string> symbols;

  Status open(const char* name, const char* worker, const char* collector) {
    auto status = instance.open(name);
    if (status == Status::Ok) status = clock.open(instance, collector);
    if (status == Status::Ok) status = catalogue.open(instance, collector);
    if (status == Status::Ok) status = events.open(instance, worker, Join::Tail);
    ringside_instrument instrument{};
    for (std::uint32_t i = 0; status == Status::Ok && i < catalogue.count(); ++i) {
      if (catalogue.at(i, instrument) == Status::Ok) symbols[instrument.id] = instrument.symbol;
    }
    return status;
  }
  void print(const Event& trade) {
    UtcNs utc;
    if (clock.utc(Ticks{trade.receive_ticks}, utc) != Status::Ok) return;
    std::cout << utc.value << ' ' << symbols[trade.instrument] << ' '
              << (trade.side_or_cause == RINGSIDE_SIDE_BID ? "buy" : "sell") << ' ' << trade.price
              << ' ' << trade.quantity << '\n';
  }
};

int main(int argc, char** argv) {
  if (argc < 4) return std::cerr << "follow_trades INSTANCE WORKER COLLECTOR [COUNT]\n", 2;
  long left = argc > 4 ? std::atol(argv[4]) : -1;
  Follower follower;
  auto status = follower.open(argv[1], argv[2], argv[3]);
  for (Event event{}; left != 0 && !is_final(status);) {
    status = follower.events.next(event);
    if (status == Status::Ok && event.what() == Kind::Trade) {
      follower.print(event);
      left -= left > 0 ? 1 : 0;
    } else if (status == Status::Lost) {
      std::cout << "# lost " << follower.events.lost_to() - follower.events.lost_from()
                << " positions\n";
    } else if (status != Status::Ok) {
      const std::timespec moment{0, 1'000'000};
      std::cout.flush();
      ::nanosleep(&moment, nullptr);
      if (status != Status::Empty && status != Status::WriterStale) break;
    }
  }
  if (left == 0) return 0;
  return std::cerr << "follow_trades: " << name_of(status) << '\n', 2;
}
