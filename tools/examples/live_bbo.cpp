// Prints each change of a live book's best bid and ask:   live_bbo [INSTANCE]
#include <iostream>
#include <map>

#include "tools/ringside/command.hpp"
#include "tools/ringside/consumer.hpp"
#include "tools/ringside/decimal_text.hpp"
using namespace ringside;
using namespace ringside::tools;

static std::string best_of(const FullBook& full) {
  const auto& book = full.book();
  const bool live = full.valid() && full.has_state() && full.state() == State::Live;
  if (!live || book.count(Side::Bid) == 0 || book.count(Side::Ask) == 0) return "-";
  const auto text = [&](Level best) { return text_of(best.price, full.terms().price_exponent); };
  return text(book.level(Side::Bid, 0)) + " " + text(book.level(Side::Ask, 0));
}

int main(int argc, char** argv) try {
  stop_on_signals();
  Consumer consumer({choose_instance(argc > 1 ? argv[1] : ""), Join::NewestKey, true});
  std::map<std::string, std::string> shown;
  const auto say = [](const std::string& line) { std::cout << line << std::endl; };
  for (IdleLadder ladder; std::cout && !stop_asked();) {
    const Step step = consumer.poll(ipc::now_ticks());
    step == Step::Idle ? ladder.pause() : ladder.busy();
    if (step == Step::Lost) say("# records lost of " + consumer.worker().name);
    if (step == Step::WriterGone) say("# " + consumer.worker().name + " is gone");
    if (step == Step::Lost || step == Step::WriterGone) shown.clear();  // its books come anew
    if (step != Step::Record) continue;
    const Record& record = consumer.buffer().record;
    const auto* const book = consumer.book(record.id());
    if (book == nullptr || consumer.info(record.id()) == nullptr) continue;
    if (consumer.book_step() == BookStep::Nothing && record.kind != Kind::Status) continue;
    const auto name = consumer.info(record.id())->symbol, now = best_of(*book);
    if (std::exchange(shown[name], now) != now) say(name + " " + now);
  }
} catch (const std::exception& error) {
  return std::cerr << "live_bbo: " << error.what() << std::endl, 2;
}
