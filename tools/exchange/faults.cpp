#include "tools/exchange/faults.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace ringside::exchange {
namespace {

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("--faults: '" + std::string(text) +
                              "' is none of corrupt:SYMBOL@N, drop:SYMBOL@N, close@N, stall@N, "
                              "reset@N, half-close@N (N from 1; several are separated by commas)");
}

}  // namespace

Faults::Faults(std::string_view text) {
  while (!text.empty()) {
    const auto comma = text.find(',');
    add(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
}

void Faults::add(std::string_view text) {
  const auto at_sign = text.rfind('@');
  if (at_sign == std::string_view::npos) refuse(text);
  const auto number = text.substr(at_sign + 1);
  std::uint64_t at = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), at);
  if (error != std::errc{} || stop != number.data() + number.size() || at == 0) refuse(text);
  const auto what = text.substr(0, at_sign);
  if (what == "close") return of_stream_.push_back({StreamFault::Close, at});
  if (what == "stall") return of_stream_.push_back({StreamFault::Stall, at});
  if (what == "reset") return of_stream_.push_back({StreamFault::Reset, at});
  if (what == "half-close") return of_stream_.push_back({StreamFault::HalfClose, at});
  const auto colon = what.find(':');
  if (colon == std::string_view::npos || colon + 1 == what.size()) refuse(text);
  const auto kind = what.substr(0, colon);
  if (kind != "corrupt" && kind != "drop") refuse(text);
  of_books_.push_back({std::string(what.substr(colon + 1)),
                       kind == "drop" ? BookFault::Drop : BookFault::Corrupt, at});
}

BookFault Faults::on_book_update(std::string_view symbol) {
  auto result = BookFault::None;
  for (auto& each : of_books_) {
    if (each.symbol == symbol && ++each.seen == each.at) result = each.fault;
  }
  return result;
}

StreamFault Faults::on_data_frame() {
  if (of_stream_.empty()) return StreamFault::None;
  ++data_frames_;
  for (const auto& each : of_stream_) {
    if (each.at == data_frames_) return each.fault;
  }
  return StreamFault::None;
}

std::vector<std::string> Faults::symbols() const {
  std::vector<std::string> names;
  for (const auto& each : of_books_) names.push_back(each.symbol);
  return names;
}

void FaultyOutlet::on_close(SessionId session) {
  std::erase_if(sessions_, [session](const Session& each) { return each.id == session; });
}

void FaultyOutlet::send(SessionId session, std::string_view text, Frame frame) {
  const auto at = std::find_if(sessions_.begin(), sessions_.end(),
                               [session](const Session& each) { return each.id == session; });
  if (at == sessions_.end() || at->stalled) return;
  next_.send(session, text, frame);
  if (frame != Frame::Data) return;
  switch (faults_.on_data_frame()) {
    case StreamFault::None:
      return;
    case StreamFault::Stall:
      for (auto& each : sessions_) each.stalled = true;
      return;
    case StreamFault::Close:
      return close_all(Ending::Cut);
    case StreamFault::Reset:
      return close_all(Ending::Reset);
    case StreamFault::HalfClose:
      for (auto& each : sessions_) each.stalled = true;
      return close_all(Ending::HalfClosed);
  }
}

void FaultyOutlet::close_all(Ending ending) {
  for (const auto& each : sessions_) next_.close(each.id, ending);
}

}  // namespace ringside::exchange
