#include "tests/simulation/collector_side.hpp"

#include "collector/collector_thread.hpp"
#include "ipc/check.hpp"

namespace ringside::simulation {

CollectorSide::CollectorSide(const Options& options)
    : plan_(options.plan),
      local_ns_(options.local_ns),
      exchange_(options.exchange),
      loop_(options.local_ns, options.exchange),
      ring_(std::make_shared<ipc::Segment>(ipc::spsc_in_memory(options.plan.ring_slots))),
      writer_(*ring_),
      records_(options.plan.symbols.size()),
      members_(options.plan.symbols.size()),
      channels_(options.venue.channels) {
  records_.add_ring(writer_);
  collector::VenueSessionOptions session{
      options.venue, {}, options.generation, options.plan.seed, options.plan.symbols.size()};
  for (ListingIndex i = 0; i < members_.size(); ++i) {
    members_[i].wanted = options.wanted[i];
    if (options.wanted[i]) session.instruments.push_back(enlist(i));
  }
  session_ = std::make_unique<collector::BasicVenueSession<VirtualSockets>>(
      loop_, std::move(session), records_,
      collector::SessionHooks{this, batch_end, nullptr, &options.notices});
  ring_->beat(loop_.now());
  session_->start();
}

// Its number is the listing's, for ever.
collector::VenueInstrument CollectorSide::enlist(ListingIndex listing) {
  auto& member = members_[listing];
  const auto id = InstrumentId::of(0, listing);
  if (member.place == nowhere) {
    member.place = places_++;
    member.record = records_.add_instrument(id, 0);
  }
  return {plan_.symbols[listing], id, member.record};
}

void CollectorSide::change(ListingIndex listing, bool add) {
  collector::ThreadChange change;
  change.what = add ? collector::ThreadChange::What::AddInstrument
                    : collector::ThreadChange::What::RemoveInstrument;
  change.instrument.id = InstrumentId::of(0, listing);
  RINGSIDE_CHECK(changes_.post(change));  // there are fewer than it has places
}

void CollectorSide::change(const collector::Channels& channels) {
  collector::ThreadChange change;
  change.what = collector::ThreadChange::What::SetChannels;
  change.channels = channels;
  RINGSIDE_CHECK(changes_.post(change));
}

// As a collector thread does.
void CollectorSide::apply_changes() {
  for (unsigned i = 0; i < collector::thread_changes_a_tick; ++i) {
    const auto* const change = changes_.front();
    if (change == nullptr) return;
    apply(*change);
    ++changed_;
    changes_.pop();
  }
}

void CollectorSide::apply(const collector::ThreadChange& change) {
  if (change.what == collector::ThreadChange::What::SetChannels) {
    channels_ = change.channels;
    return session_->set_channels(channels_);
  }
  const auto listing = change.instrument.id.ordinal();
  const bool add = change.what == collector::ThreadChange::What::AddInstrument;
  if (add) {
    RINGSIDE_CHECK(session_->add(enlist(listing)));
  } else {
    session_->remove(change.instrument.id);
  }
  members_[listing].wanted = add;
}

bool CollectorSide::joined(ListingIndex listing) const {
  const auto* const binance = dynamic_cast<const collector::BinanceAdapter*>(&session_->adapter());
  return binance != nullptr && lists(listing) && binance->live(members_[listing].place);
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
  apply_changes();
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
