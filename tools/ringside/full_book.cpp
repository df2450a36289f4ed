#include "tools/ringside/full_book.hpp"

namespace ringside::tools {

using orderbook::Verdict;

void FullBook::invalidate() noexcept {
  tracked_.forget_epoch();
  has_state_ = false;
}

// The ring is in order, so that whatever epoch comes last is the one that counts; after a collector
// lost its state directory that may be a smaller number.
void FullBook::restart_epoch(const Record& terms) noexcept {
  tracked_.forget_epoch();
  static_cast<void>(tracked_.take_terms(terms));
}

BookStep FullBook::take_snapshot(const ipc::RecordBuffer& buffer) noexcept {
  const Record& record = buffer.record;
  if (record.first() && tracked_.has_terms() && record.epoch == tracked_.epoch()) {
    // Of an epoch whose book we have: one for late joiners, or an update that came as a whole book.
    Record terms = record;
    terms.price = tracked_.terms().packed();
    restart_epoch(terms);
  }
  const auto verdict = tracked_.take_snapshot(record, buffer.levels());
  if (verdict == Verdict::Whole) return BookStep::Snapshot;
  return verdict == Verdict::Partial ? BookStep::Nothing : BookStep::Refused;
}

BookStep FullBook::take(const ipc::RecordBuffer& buffer) noexcept {
  const Record& record = buffer.record;
  switch (record.kind) {
    case Kind::Instrument:
      if (!record.is_terms()) return BookStep::Nothing;
      if (!tracked_.has_terms() || record.epoch != tracked_.epoch()) restart_epoch(record);
      return BookStep::Nothing;
    case Kind::Snapshot:
      return take_snapshot(buffer);
    case Kind::Level:
    case Kind::Levels: {
      const auto verdict = tracked_.take_delta(record, buffer.levels(), counts_);
      if (verdict == Verdict::Whole) return BookStep::Update;
      return verdict == Verdict::Partial ? BookStep::Nothing : BookStep::Refused;
    }
    case Kind::Status:
    case Kind::Key:
      state_ = static_cast<State>(record.quantity);
      cause_ = record.cause();
      has_state_ = true;
      return BookStep::Nothing;
    default:
      return BookStep::Nothing;
  }
}

}  // namespace ringside::tools
