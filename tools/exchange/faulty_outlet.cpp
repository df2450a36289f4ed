#include "tools/exchange/faulty_outlet.hpp"

#include <algorithm>

#include "tools/exchange/venue.hpp"

namespace ringside::exchange {
namespace {

constexpr std::int64_t idle_ns = 1'000'000'000;

std::int64_t or_else(std::int64_t said, std::int64_t otherwise) {
  return said != 0 ? said : otherwise;
}

}  // namespace

void FaultyOutlet::on_open(SessionId session) {
  sessions_.push_back({.id = session, .number = ++opened_, .opened = faults_.now()});
}

void FaultyOutlet::on_close(SessionId session) {
  std::erase_if(sessions_, [session](const Session& each) { return each.id == session; });
  std::erase_if(held_, [session](const HeldFrame& each) { return each.session == session; });
}

FaultyOutlet::Session* FaultyOutlet::find(SessionId session) {
  const auto at = std::find_if(sessions_.begin(), sessions_.end(),
                               [session](const Session& each) { return each.id == session; });
  return at == sessions_.end() ? nullptr : &*at;
}

void FaultyOutlet::close(SessionId session, Ending ending, std::uint16_t code) {
  if (auto* const of = find(session)) of->stalled = true;
  next_.close(session, ending, code);
}

// --- Frames -------------------------------------------------------------------------------------

void FaultyOutlet::send(SessionId id, std::string_view text, Frame frame) {
  const auto* const session = find(id);
  if (session == nullptr || session->stalled) return;
  if (frame != Frame::Data) return next_.send(id, text, frame);
  if (faults_.message().dropped) return;
  const auto fate = faults_.on_frame(session->number);
  if (!fate.dropped && !hold(*session, text, fate)) {
    next_.send(id, text, frame);
    if (fate.doubled) next_.send(id, text, frame);
    if (!held_.empty()) release_behind(id);
  }
  for (const auto& fault : faults_.take_struck()) carry_out(fault);
}

bool FaultyOutlet::in_the_way(const HeldFrame& held, SessionId session) const {
  return held.session == session && (held.stream.empty() || held.stream == faults_.stream());
}

bool FaultyOutlet::hold(const Session& session, std::string_view text, const MessageFate& fate) {
  UtcNs due = faults_.now();
  due.value += fate.behind_next ? reorder_ns_max : fate.delay_ns;
  bool later = fate.behind_next || fate.delay_ns != 0;
  // Order within a stream is kept: what comes behind a delayed frame waits for it.
  for (const auto& each : held_) {
    if (each.behind_next || !in_the_way(each, session.id)) continue;
    due = std::max(due, each.due);
    later = true;
  }
  if (!later || held_.size() == held_max) return false;
  // What strikes frames holds all of the session back, what strikes messages their stream.
  const bool of_message = faults_.message().behind_next || faults_.message().delay_ns != 0;
  const bool of_frame = !of_message && (fate.behind_next || fate.delay_ns != 0);
  held_.push_back({session.id, std::string(text), of_frame ? std::string{} : faults_.stream(), due,
                   fate.behind_next});
  if (fate.doubled) held_.push_back(held_.back());
  return true;
}

void FaultyOutlet::release_behind(SessionId session) {
  for (auto at = held_.begin(); at != held_.end();) {
    if (!at->behind_next || !in_the_way(*at, session)) {
      ++at;
      continue;
    }
    next_.send(session, at->text, Frame::Data);
    at = held_.erase(at);
  }
}

void FaultyOutlet::release_due() {
  for (auto at = held_.begin(); at != held_.end();) {
    if (at->due > faults_.now()) {
      ++at;
      continue;
    }
    const auto* const session = find(at->session);
    if (session != nullptr && !session->stalled) next_.send(at->session, at->text, Frame::Data);
    at = held_.erase(at);
  }
}

// --- Answers ------------------------------------------------------------------------------------

void FaultyOutlet::hold_answer(RequestId request, std::int64_t delay_ns) {
  if (answers_.size() < held_max) answers_.push_back({.request = request, .delay_ns = delay_ns});
}

void FaultyOutlet::answer(RequestId request, int status, std::string_view body) {
  const auto held = std::find_if(answers_.begin(), answers_.end(), [&](const HeldAnswer& each) {
    return each.request == request && each.status == 0;
  });
  if (held == answers_.end()) return next_.answer(request, status, body);
  held->status = status;
  held->body = body;
  held->due.value = faults_.now().value + held->delay_ns;
}

// --- Connections --------------------------------------------------------------------------------

bool FaultyOutlet::aimed_at(const Fault& fault, const Session& session) const {
  if (fault.aim.connection != 0) return fault.aim.connection == session.number;
  if (fault.aim.symbol.empty()) return true;
  const auto listing = market_->find(fault.aim.symbol);
  return listing != no_listing && venue_->subscriptions().hears(session.id, listing);
}

void FaultyOutlet::carry_out(const Fault& fault) {
  if (fault.kind == FaultKind::Restart) return restart(or_else(fault.lasts_ns, restart_ns));
  std::vector<SessionId> struck;
  for (const auto& session : sessions_) {
    if (!session.stalled && aimed_at(fault, session)) struck.push_back(session.id);
  }
  for (const auto id : struck) {
    switch (fault.kind) {
      case FaultKind::Stall:
        if (auto* const session = find(id)) session->stalled = true;
        break;
      case FaultKind::Reset:
        close(id, Ending::Reset, 0);
        break;
      case FaultKind::Close:
        close(id, fault.number == 0 ? Ending::Cut : Ending::Handshake,
              static_cast<std::uint16_t>(fault.number));
        break;
      case FaultKind::HalfClose:
        close(id, Ending::HalfClosed, 0);
        break;
      case FaultKind::Shutdown:
        next_.send(id, venue_->shutdown_text(faults_.now()), Frame::Control);
        if (auto* const session = find(id)) {
          session->ends.value = faults_.now().value + or_else(fault.lasts_ns, shutdown_ns);
        }
        break;
      default:
        break;
    }
  }
}

void FaultyOutlet::restart(std::int64_t away_ns) {
  for (auto& session : sessions_) session.stalled = true;
  held_.clear();
  answers_.clear();
  next_.go_away();
  back_.value = faults_.now().value + away_ns;
}

void FaultyOutlet::end_sessions() {
  std::vector<SessionId> over;
  for (const auto& session : sessions_) {
    const auto life_ns = faults_.life_ns(session.number);
    const bool old = life_ns != 0 && faults_.now().value - session.opened.value >= life_ns;
    const bool ends = session.ends.value != 0 && session.ends <= faults_.now();
    if (!session.stalled && (old || ends)) over.push_back(session.id);
  }
  for (const auto id : over) close(id, Ending::Handshake, going_away_code);
}

UtcNs FaultyOutlet::on_tick() {
  const auto now = faults_.now();
  for (const auto& fault : faults_.take_due()) carry_out(fault);
  if (back_.value != 0 && back_ <= now && next_.come_back()) back_ = {};
  end_sessions();
  release_due();
  UtcNs next = std::min(UtcNs{now.value + idle_ns}, faults_.next_due());
  if (back_.value != 0) next = std::min(next, std::max(back_, now));
  for (const auto& each : held_) next = std::min(next, each.due);
  for (auto at = answers_.begin(); at != answers_.end();) {
    if (at->status != 0 && at->due <= now) {
      next_.answer(at->request, at->status, at->body);
      at = answers_.erase(at);
      continue;
    }
    if (at->status != 0) next = std::min(next, at->due);
    ++at;
  }
  for (const auto& session : sessions_) {
    const auto life_ns = faults_.life_ns(session.number);
    if (session.stalled) continue;
    if (life_ns != 0) next = std::min(next, UtcNs{session.opened.value + life_ns});
    if (session.ends.value != 0) next = std::min(next, session.ends);
  }
  return next;
}

}  // namespace ringside::exchange
