#include "tests/simulation/collector_side.hpp"

#include "collector/collector_thread.hpp"

namespace ringside::simulation {

CollectorSide::CollectorSide(const Options& options)
    : local_ns_(options.local_ns),
      exchange_(options.exchange),
      loop_(options.local_ns, options.exchange),
      ring_(std::make_shared<ipc::Segment>(ipc::spsc_in_memory(options.plan.ring_slots))),
      writer_(*ring_),
      records_(options.plan.symbols.size()) {
  records_.add_ring(writer_);
  collector::VenueSessionOptions session{options.venue, {}, options.generation, options.plan.seed};
  for (std::uint32_t i = 0; i < options.plan.symbols.size(); ++i) {
    const auto id = InstrumentId::of(0, i);
    session.instruments.push_back({options.plan.symbols[i], id, records_.add_instrument(id, 0)});
  }
  session_ = std::make_unique<collector::BasicVenueSession<VirtualSockets>>(
      loop_, std::move(session), records_,
      collector::SessionHooks{this, batch_end, nullptr, &options.notices});
  ring_->beat(loop_.now());
  session_->start();
}

void CollectorSide::batch_end(void* context) noexcept {
  static_cast<CollectorSide*>(context)->publish();
}

void CollectorSide::publish() noexcept {
  if (records_.pending(0)) records_.publish(0, loop_.now());
}

void CollectorSide::round() {
  exchange_.deliver();
  loop_.fire_timers();
}

void CollectorSide::tick() {
  ring_->beat(loop_.now());
  if (cursor_segment_ && !cursor_.bound() && cursor_.bind(ring_name, *ring_)) {
    writer_.set_read_position_source(cursor_.read_position());
  }
  for (unsigned i = 0; looks_at_requests && i < collector::requests_a_tick; ++i) {
    const auto request = cursor_.poll_request();
    if (!request) break;
    if (request->instrument.collector() != 0) continue;  // of nobody here
    session_->adapter().on_resync(request->instrument, request->epoch, request->cause,
                                  {loop_.now(), local_ns_});
  }
  session_->on_tick();
  publish();
}

void CollectorSide::meet(std::shared_ptr<ipc::Segment> cursor_segment) {
  writer_.set_read_position_source(nullptr);
  cursor_ = {};
  cursor_segment_ = std::move(cursor_segment);
  cursor_ = ipc::CursorReader(*cursor_segment_);
}

}  // namespace ringside::simulation
