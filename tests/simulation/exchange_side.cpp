#include "tests/simulation/exchange_side.hpp"

#include <algorithm>
#include <cctype>

#include "tools/exchange/spec.hpp"

namespace ringside::simulation {

using exchange::Ending;
using exchange::RequestId;
using exchange::SessionId;

ExchangeSide::ExchangeSide(const Options& options)
    : plan_(options.plan),
      now_ns_(options.now_ns),
      trace_(options.trace),
      live_(options.live),
      joined_(options.joined),
      kraken_(is_kraken(options.plan.venue)),
      random_(options.plan.seed ^ 0x5851f42d4c957f2dU) {
  exchange::GeneratorSpec spec;
  spec.venue = plan_.venue;
  spec.symbols = plan_.symbols;
  spec.depth = kraken_depth;
  spec.rate = plan_.rate;
  spec.burst = 3;
  spec.levels = book_levels;
  spec.rest_ms = 5;
  exchange::VenueServices services{market_, *this, no_faults_};
  services.rest_delay_ns = std::int64_t{spec.rest_ms} * ms;
  services.split_layout = plan_.venue == "binance-usdm" && !plan_.single_layout;
  // The listings come first: the truth counts them.
  Random random(plan_.seed);
  const auto shape = exchange::make_venue(plan_.venue, services)->shape();
  exchange::list_instruments(market_, spec, shape, random);
  for (ListingIndex i = 0; i < market_.size(); ++i) {
    if (plan_.unlisted[i]) market_.set_trading(i, exchange::Trading::Unlisted);
  }
  truth_ = std::make_unique<BookTruth>(market_);
  services.truth = truth_.get();
  venue_ = exchange::make_venue(plan_.venue, services);
  venue_->begin(utc());
  generator_ = std::make_unique<exchange::Generator>(exchange::Generator::Options{spec, plan_.seed},
                                                     random, market_, *venue_, *this);
  stale_bodies_.resize(market_.size());
  brought_.resize(market_.size());
  forget_heard();
  brought_most_.resize(market_.size());
  corrupted_ns_.resize(market_.size(), -10 * second);
  for (const auto& symbol : plan_.symbols) quoted_.push_back('"' + symbol + '"');
}

// --- What travels -------------------------------------------------------------------------------

std::int64_t ExchangeSide::latency() {
  return 50 * us + static_cast<std::int64_t>(random_.below(400)) * us;
}

ExchangeSide::Link* ExchangeSide::link_of(const VirtualWebSocket& client) {
  for (auto& link : links_) {
    if (link->client == &client) return link.get();
  }
  return nullptr;
}

ExchangeSide::Link* ExchangeSide::link_of(SessionId session) {
  for (auto& link : links_) {
    if (link->session == session && session != 0) return link.get();
  }
  return nullptr;
}

// In order, unless it is held back on purpose.
void ExchangeSide::push(Link& link, Arrival arrival, std::int64_t extra_ns) {
  if (link.stalled || link.client == nullptr) return;
  arrival.at_ns = now_ns_ + link.latency_ns + lag_ns();
  auto& arrivals = link.arrivals;
  if (extra_ns == 0) {
    if (!arrivals.empty()) arrival.at_ns = std::max(arrival.at_ns, arrivals.back().at_ns);
    arrivals.push_back(std::move(arrival));
    return;
  }
  arrival.at_ns += extra_ns;
  const auto behind =
      std::upper_bound(arrivals.begin(), arrivals.end(), arrival.at_ns,
                       [](std::int64_t at_ns, const Arrival& each) { return at_ns < each.at_ns; });
  arrivals.insert(behind, std::move(arrival));
}

void ExchangeSide::deliver() {
  // By index: what is delivered may end links, or make new ones.
  for (std::size_t i = 0; i < links_.size(); ++i) {
    auto& link = *links_[i];
    bool batch = false;
    while (link.client != nullptr && !link.arrivals.empty() &&
           link.arrivals.front().at_ns <= now_ns_) {
      auto arrival = std::move(link.arrivals.front());
      link.arrivals.pop_front();
      auto& client = *link.client;
      handed_over_ = true;
      switch (arrival.what) {
        case Arrival::What::Open:
          client.arrive_open();
          break;
        case Arrival::What::Text:
          if (arrival.damage) damage(arrival);
          trace_.text(now_ns_, ">", arrival.text);
          if (client.open()) note_brought(arrival);
          link.tickers_seen |= arrival.tickers;
          client.arrive_text(arrival.text);
          batch = true;
          break;
        case Arrival::What::Close:
          end_session(link);
          link.client = nullptr;
          client.arrive_close(arrival.reason, 1006, arrival.retry_after_s);
          break;
      }
    }
    if (batch && link.client != nullptr) link.client->arrive_batch_end();
  }
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    auto& request = *requests_[i];
    if (request.client == nullptr || request.answer_ns > now_ns_) continue;
    auto& client = *request.client;
    request.client = nullptr;
    handed_over_ = true;
    trace_.note(now_ns_, static_cast<std::uint64_t>(request.status), [&] {
      return "> answer " + std::to_string(request.status) + " to " + request.target + " " +
             request.body.substr(0, 60);
    });
    if (request.status == 0) {
      client.arrive_failure(net::HttpError::Connection);
    } else {
      client.arrive_answer(request.status, request.body);
    }
  }
  forget_ended();
}

void ExchangeSide::note_brought(const Arrival& arrival) {
  if (arrival.listing == no_listing) return;
  heard_[arrival.listing] = true;
  auto& most = brought_most_[arrival.listing];
  auto& brought = brought_[arrival.listing];
  // What comes late may undo what came before it, and no venue's rule shows that at once.
  brought = arrival.book.number < most ? BookTruth::Book{} : arrival.book;
  most = std::max(most, arrival.book.number);
}

void ExchangeSide::forget_ended() {
  std::erase_if(links_, [](const auto& link) {
    return link->client == nullptr && link->session == 0 && link->errands.empty();
  });
  std::erase_if(requests_, [](const auto& request) { return request->client == nullptr; });
}

std::int64_t ExchangeSide::next_arrival_ns() const {
  auto next = never_ns;
  for (const auto& link : links_) {
    if (link->client != nullptr && !link->arrivals.empty())
      next = std::min(next, link->arrivals.front().at_ns);
  }
  for (const auto& request : requests_) {
    if (request->client != nullptr) next = std::min(next, request->answer_ns);
  }
  return next;
}

bool ExchangeSide::reachable() const {
  return std::none_of(links_.begin(), links_.end(),
                      [](const auto& link) { return link->stalled && link->client != nullptr; });
}

std::int64_t ExchangeSide::last_arrival_ns() const {
  auto last = now_ns_;
  for (const auto& link : links_) {
    if (!link->arrivals.empty()) last = std::max(last, link->arrivals.back().at_ns);
  }
  return last;
}

// --- The exchange -------------------------------------------------------------------------------

std::int64_t ExchangeSide::next_ns() const {
  auto next = due_ns_;
  for (const auto& link : links_) {
    if (!link->errands.empty()) next = std::min(next, link->errands.front().at_ns);
  }
  for (const auto& request : requests_) next = std::min(next, request->at_ns);
  return next;
}

void ExchangeSide::advance() {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    while (!links_[i]->errands.empty() && links_[i]->errands.front().at_ns <= now_ns_) {
      run_errand(*links_[i]);
    }
  }
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i]->at_ns <= now_ns_) run_request(*requests_[i]);
  }
  if (due_ns_ > now_ns_) return;
  const auto moved = market_moves_ ? generator_->advance(utc()).value - utc_base_ns : never_ns;
  const auto ticked = venue_->on_tick(utc()).value - utc_base_ns;
  due_ns_ = std::max(std::min(moved, ticked), now_ns_ + 1);
}

void ExchangeSide::run_errand(Link& link) {
  const auto errand = std::move(link.errands.front());
  link.errands.pop_front();
  switch (errand.what) {
    case Errand::What::Connect:
      return connect(link);
    case Errand::What::Text:
      trace_.text(now_ns_, "<", errand.text);
      if (link.session != 0) venue_->on_text(link.session, errand.text, utc());
      return;
    case Errand::What::Close:
      end_session(link);
      if (!link.stalled) cut(link, net::CloseReason::PeerClosed);
      return;
  }
}

void ExchangeSide::connect(Link& link) {
  if (lasting(FaultKind::Blackhole) || link.client == nullptr) return;
  Arrival arrival;
  arrival.what = Arrival::What::Close;
  arrival.reason = net::CloseReason::ConnectFailed;
  if (lasting(FaultKind::Restart)) return push(link, std::move(arrival));
  if (lasting(FaultKind::RetryAfter)) {
    arrival.reason = net::CloseReason::UpgradeRefused;
    arrival.retry_after_s = 2;
    return push(link, std::move(arrival));
  }
  if (!venue_->accepts(link.client->target())) {
    arrival.reason = net::CloseReason::UpgradeRefused;
    return push(link, std::move(arrival));
  }
  arrival.what = Arrival::What::Open;
  push(link, std::move(arrival));
  link.session = ++last_session_;
  venue_->on_open(link.session, link.client->target(), utc());
  due_ns_ = now_ns_;
}

void ExchangeSide::end_session(Link& link) {
  if (link.session != 0) venue_->on_close(link.session);
  link.session = 0;
}

bool ExchangeSide::is_depth(std::string_view target) {
  return target.find("/depth?") != std::string_view::npos;
}

ListingIndex ExchangeSide::listing_of(std::string_view target) const {
  for (ListingIndex i = 0; i < plan_.symbols.size(); ++i) {
    if (target.find("symbol=" + plan_.symbols[i] + "&") != std::string_view::npos) return i;
  }
  return no_listing;
}

void ExchangeSide::run_request(Request& request) {
  request.at_ns = never_ns;
  if (lasting(FaultKind::Restart)) {
    request.status = 0;
    request.answer_ns = now_ns_ + latency();
    return;
  }
  trace_.text(now_ns_, "< GET", request.target);
  strike_request(request);
  if (request.id == 0) return;  // it has been seen to
  if (const auto index = listing_of(request.target); index != no_listing) truth_->note_id(index);
  venue_->on_get(request.id, request.target, utc());
  due_ns_ = std::min(due_ns_, venue_->on_tick(utc()).value - utc_base_ns);
}

// --- What it has --------------------------------------------------------------------------------

void ExchangeSide::set_trading(ListingIndex index, exchange::Trading trading) {
  market_.set_trading(index, trading);
  venue_->on_listing(index);
}

void ExchangeSide::change(const Change& change) {
  auto& listing = market_[change.listing];
  constexpr exchange::Decimals one{1, 1};
  switch (change.what) {
    case Change::What::Add:
    case Change::What::Remove:
    case Change::What::Channels:
      return;
    case Change::What::List:
      return set_trading(change.listing, exchange::Trading::Online);
    case Change::What::Delist:
      return set_trading(change.listing, exchange::Trading::Delisted);
    case Change::What::Halt:
      return set_trading(change.listing, exchange::Trading::Halted);
    case Change::What::Increments:
      listing.steps = {listing.steps.price + 1, listing.steps.quantity + 4};
      return venue_->on_listing(change.listing);
    case Change::What::Refine:
      listing.refine(one);
      generator_->on_refined(change.listing, one);
      return venue_->on_refined(change.listing, one);
  }
}

void ExchangeSide::list_all() {
  for (ListingIndex i = 0; i < market_.size(); ++i) {
    if (market_[i].trading != exchange::Trading::Online) set_trading(i, exchange::Trading::Online);
  }
}

bool ExchangeSide::sends_book(ListingIndex listing) const {
  constexpr exchange::ChannelIndex books = 0;  // of both protocols
  return std::any_of(links_.begin(), links_.end(), [&](const auto& link) {
    return link->session != 0 && venue_->subscriptions().hears(link->session, books, listing);
  });
}

bool ExchangeSide::sends_any(ListingIndex listing) const {
  return std::any_of(links_.begin(), links_.end(), [&](const auto& link) {
    return link->session != 0 && venue_->subscriptions().hears(link->session, listing);
  });
}

bool ExchangeSide::wire_is_empty() const {
  return std::all_of(links_.begin(), links_.end(), [](const auto& link) {
    return link->arrivals.empty() && link->errands.empty();
  });
}

// --- Wire ---------------------------------------------------------------------------------------

void ExchangeSide::on_connect(VirtualWebSocket& client) {
  on_client_gone(client);
  auto link = std::make_unique<Link>();
  link->client = &client;
  link->latency_ns = latency();
  link->errands.push_back({now_ns_ + link->latency_ns, Errand::What::Connect, {}});
  links_.push_back(std::move(link));
}

bool ExchangeSide::on_client_text(VirtualWebSocket& client, std::string_view text) {
  auto* const link = link_of(client);
  if (link == nullptr) return true;
  if (auto* const rule = rule_of(FaultKind::SendFull, no_listing)) {
    spend(*rule);
    return false;
  }
  for (ListingIndex listing = 0; listing < plan_.symbols.size(); ++listing) {
    std::string name = plan_.symbols[listing];
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    if (text.find(name + "@") != text.npos) begun_anew_[listing] = true;
  }
  if (link->stalled) return true;
  Errand errand{now_ns_ + link->latency_ns, Errand::What::Text, std::string(text)};
  if (!refuse(errand.text)) errand.text = text;
  link->errands.push_back(std::move(errand));
  return true;
}

void ExchangeSide::on_client_close(VirtualWebSocket& client) {
  auto* const link = link_of(client);
  if (link == nullptr || link->stalled) return;
  link->errands.push_back({now_ns_ + link->latency_ns, Errand::What::Close, {}});
}

// It has gone without a word: the exchange notices by and by.
void ExchangeSide::on_client_gone(VirtualWebSocket& client) {
  auto* const link = link_of(client);
  if (link == nullptr) return;
  link->client = nullptr;
  link->arrivals.clear();
  link->errands.clear();
  link->errands.push_back({now_ns_ + link->latency_ns, Errand::What::Close, {}});
}

void ExchangeSide::on_get(VirtualHttpClient& client, std::string_view target) {
  auto request = std::make_unique<Request>();
  request->client = &client;
  request->id = ++last_request_;
  request->at_ns = now_ns_ + latency();
  request->answer_ns = never_ns;
  request->target = target;
  if (is_depth(target)) request->listing = listing_of(target);
  requests_.push_back(std::move(request));
}

void ExchangeSide::on_http_gone(VirtualHttpClient& client) {
  for (auto& request : requests_) {
    if (request->client == &client) request->client = nullptr;
  }
}

// --- exchange::Outlet ---------------------------------------------------------------------------

void ExchangeSide::close(SessionId session, Ending, std::uint16_t) {
  if (auto* const link = link_of(session)) cut(*link, net::CloseReason::PeerReset);
}

void ExchangeSide::answer(RequestId id, int status, std::string_view body) {
  if (id == stale_request_) {
    if (status == 200) stale_bodies_[stale_listing_] = body;
    stale_request_ = 0;
    return;
  }
  for (auto& request : requests_) {
    if (request->id != id) continue;
    request->status = status;
    request->body = body;
    if (request->stale) request->body = stale_bodies_[request->listing];
    if (request->garbage) request->body.resize(request->body.size() * 2 / 3);
    request->answer_ns = now_ns_ + latency() + lag_ns() + request->delay_ns;
  }
}

}  // namespace ringside::simulation
