#include "tools/ringside/capture_source.hpp"

#include "tools/ringside/command.hpp"

namespace ringside::tools {
namespace {

// What one line of a capture may publish: a book of 10,000 levels for the book and once more for
// late joiners, and all that follows it from a buffer of messages.
constexpr std::uint64_t source_events_slots = 1U << 16U;

}  // namespace

CaptureSource::CaptureSource(std::string_view venue, const capture::CaptureInput& capture)
    : venue_(venue),
      capture_(capture.path),
      run_(venue, capture, {}, source_events_slots),
      reader_(run_.events()) {
  reader_.join_at_start();
  for (const auto& instrument : run_.instruments()) {
    instruments_.push_back({instrument.symbol, instrument.has_book});
    known_.emplace_back();
    known_.back().terms = instrument.terms;
  }
}

bool CaptureSource::next(SourceEvent& event) {
  for (;;) {
    switch (reader_.poll(buffer_)) {
      case ipc::PollStatus::Ok:
        if (buffer_.record.id().ordinal() >= known_.size()) continue;
        take(event);
        return true;
      case ipc::PollStatus::Empty:
        if (!run_.step()) return false;
        continue;
      case ipc::PollStatus::Lost:
      case ipc::PollStatus::Corrupt:
        throw CommandError(capture_ + ": line " + std::to_string(run_.line_number()) +
                           " publishes more than " + std::to_string(source_events_slots) +
                           " slots of events at once; the capture cannot be analysed");
    }
  }
}

void CaptureSource::take(SourceEvent& event) {
  const auto& record = buffer_.record;
  event = SourceEvent{};
  event.instrument = record.id().ordinal();
  auto& known = known_[event.instrument];
  if (record.is_terms()) known.terms = InstrumentTerms::unpacked(record.price);
  event.record = &record;
  event.terms = known.terms;
  event.received_ns = static_cast<std::int64_t>(record.receive_tsc);
  take_book(known, buffer_, event);
}

void CaptureSource::take_book(Known& known, const ipc::RecordBuffer& buffer, SourceEvent& event) {
  if (!known.book) known.book = std::make_unique<FullBook>();
  auto& book = *known.book;
  const auto step = book.take(buffer);
  const bool live = book.has_state() && book.state() == State::Live;
  if (known.live && !live) ++known.gaps;
  known.live = live;
  event.gaps = known.gaps;
  if (book.has_state()) event.state = book.state();
  if (step == BookStep::Refused) known.whole = false;
  if (step != BookStep::Snapshot && step != BookStep::Update) return;
  event.book = &book.book();
  event.new_book = !known.whole || known.epoch != book.epoch();
  known.whole = true;
  known.epoch = book.epoch();
}

}  // namespace ringside::tools
