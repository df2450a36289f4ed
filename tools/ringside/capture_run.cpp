#include "tools/ringside/capture_run.hpp"

#include <algorithm>
#include <iterator>

#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

constexpr std::uint64_t ring_slots = 1U << 16U;
constexpr orderbook::SourceIndex only_source = 0;

}  // namespace

CaptureRun::CaptureRun(std::string_view venue, const capture::CaptureInput& capture,
                       CaptureHooks hooks, std::uint64_t events_slots)
    : hooks_(hooks),
      ring_(ipc::spsc_in_memory(ring_slots)),
      events_segment_(ipc::broadcast_in_memory(events_slots)),
      table_segment_(ipc::create_private_segment(ipc::book_table_spec(capture_instruments_max))),
      reader_of_lines_(capture) {
  reader_.set_position_word(&read_position_);
  writer_.set_read_position_source(&read_position_);
  const auto ring = records_.add_ring(writer_);
  venue_ = make_offline_venue(venue, capture, {&records_, ring, &host_});
  orderbook::WorkerOptions options;
  options.instruments_max = capture_instruments_max;
  options.observer = {hooks_.applied, hooks_.context};
  worker_.emplace(options, events_, table_);
  worker_->source_attached(only_source, 0, Ticks{});
  opened_.resize(venue_.adapter->connection_count());
}

bool CaptureRun::step() {
  if (reader_of_lines_.next(line_)) {
    take(line_);
    return true;
  }
  if (reader_of_lines_.status() != capture::CaptureStatus::End) {
    throw CommandError(reader_of_lines_.message());
  }
  return false;
}

bool CaptureRun::drain(Ticks now) {
  bool any = false;
  while (const Record* record = reader_.peek()) {
    any = true;
    if (hooks_.collected != nullptr) hooks_.collected(hooks_.context, *record);
    worker_->take(only_source, *record, reader_.levels(), now);
    reader_.advance();
  }
  worker_->source_drops(only_source, reader_.drops(), now);
  return any;
}

// Records into the worker and its requests back, until both have nothing more to say.
void CaptureRun::pump(collector::Now now) {
  for (bool more = true; more;) {
    records_.publish(0, now.ticks);
    more = drain(now.ticks);
    while (const auto pending = worker_->next_resync(now.ticks)) {
      const auto& request = pending->request;
      venue_.adapter->on_resync(request.instrument, request.epoch, request.cause, now);
      more = true;
    }
  }
}

void CaptureRun::open(collector::ConnectionIndex connection, collector::Now now) {
  if (connection >= opened_.size() || opened_[connection]) return;
  opened_[connection] = true;
  venue_.adapter->on_open(connection, now);
}

void CaptureRun::answer(std::string_view payload, collector::Now now) {
  const auto response = capture::split_http(payload);
  auto& open_requests = host_.open_requests;
  // The newest: what was asked before it has been given up.
  const auto asked = std::find_if(
      open_requests.rbegin(), open_requests.rend(),
      [&](const auto& request) { return venue_.answers(response.url, request.second); });
  if (asked == open_requests.rend()) return;
  const auto id = asked->first;
  open_requests.erase(std::next(asked).base());
  venue_.adapter->on_response(id, {200, response.body}, now);
}

void CaptureRun::take(const capture::CaptureLine& line) {
  const collector::Now now{Ticks{static_cast<std::uint64_t>(line.unix_ns)}, line.unix_ns};
  const auto connection =
      line.connection == 0 ? collector::ConnectionIndex{0} : venue_.connection_of(line.connection);
  switch (line.kind) {
    case capture::CaptureKind::Open:
      open(connection, now);
      break;
    case capture::CaptureKind::Recv:
      ++messages_;
      open(connection, now);  // captures without the line for it
      if (connection < opened_.size()) venue_.adapter->on_message(connection, line.payload, now);
      break;
    case capture::CaptureKind::Http:
      ++responses_;
      answer(line.payload, now);
      break;
    case capture::CaptureKind::Sent:
      break;
  }
  pump(now);
  venue_.adapter->on_tick(now);
  worker_->on_tick(now.ticks);
  pump(now);
}

}  // namespace ringside::tools
