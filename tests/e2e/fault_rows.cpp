#include "tests/e2e/fault_rows.hpp"

namespace ringside::e2e {
namespace {

using exchange::FaultKind;

constexpr Outcome disconnected{State::Disconnected, Cause::SocketClosed};
constexpr Outcome failed_checksum{State::Gap, Cause::ChecksumFailed};
constexpr Outcome sequence_gap{State::Gap, Cause::SequenceGap};
constexpr Outcome bad_message{State::Gap, Cause::BadMessage};
constexpr Outcome halted{State::Halted, Cause::VenueHalt};
constexpr Outcome live{State::Live, Cause::None};
constexpr Outcome delisted{State::Failed, Cause::Delisted};
constexpr Outcome unlisted{State::Failed, Cause::UnknownSymbol};
constexpr Outcome unproven{State::Live, Cause::ChecksumFailed};
constexpr Outcome finer{State::Gap, Cause::PrecisionChanged};

FaultRow seen(FaultKind kind, const std::string& faults, std::vector<Outcome> outcomes,
              std::vector<std::string> counted) {
  return {kind, faults, faults, std::move(outcomes), {}, std::move(counted)};
}

FaultRow cuts(FaultKind kind, const std::string& faults, std::vector<Outcome> outcomes,
              std::vector<std::string> counted) {
  auto row = seen(kind, faults, std::move(outcomes), std::move(counted));
  row.of_connection = true;
  return row;
}

FaultRow either(FaultRow row, std::vector<Outcome> outcomes) {
  row.or_seen = std::move(outcomes);
  return row;
}

// It happens, and nothing is shown.
FaultRow unseen(FaultKind kind, const std::string& faults, std::vector<std::string> counted,
                const std::string& why) {
  FaultRow row{kind, faults, faults, {}, {}, std::move(counted)};
  row.unseen = why;
  return row;
}

// The venue has no such thing, or what it does to a book stays in it: it does not happen.
FaultRow absent(FaultKind kind, const std::string& name, const std::string& why) {
  FaultRow row{kind, name, {}};
  row.unseen = why;
  return row;
}

std::vector<FaultRow> of_connections(bool kraken) {
  std::vector<FaultRow> rows{
      cuts(FaultKind::Stall, "stall:$@150", {disconnected}, {"closed_silence_timeout"}),
      cuts(FaultKind::Reset, "reset:$@150", {disconnected}, {"closed_peer_reset"}),
      // A FIN, or an RST where the exchange had not read everything.
      cuts(FaultKind::Close, "close:$@150", {disconnected},
           {"closed_tls_truncated|closed_peer_reset"}),
      cuts(FaultKind::Close, "close=1012:$@150", {disconnected}, {"closed_peer_closed"}),
      cuts(FaultKind::HalfClose, "half-close:$@150", {disconnected}, {"closed_tls_truncated"})};
  if (kraken) {
    rows.push_back(cuts(FaultKind::Shutdown, "shutdown:$@150~300ms", {halted, disconnected},
                        {"venue_halts", "closed_peer_closed"}));
  } else {
    rows.push_back(cuts(FaultKind::Shutdown, "shutdown:$@150~30s", {disconnected},
                        {"planned_reconnects", "closed_requested"}));
  }
  return rows;
}

std::vector<FaultRow> of_kraken(bool first_version) {
  std::vector<FaultRow> rows{
      // Several in a row: what one message says, the next may say again.
      seen(FaultKind::Drop, "drop:$@150x3", {failed_checksum}, {"checksum_failed", "resyncs"}),
      unseen(FaultKind::Duplicate, "duplicate:$@150", {},
             "levels are absolute: the book is the same"),
      seen(FaultKind::Reorder, "reorder:$@150x3", {failed_checksum},
           {"checksum_failed", "resyncs"}),
      seen(FaultKind::Corrupt, "corrupt:$@150", {failed_checksum}, {"checksum_failed", "resyncs"}),
      seen(FaultKind::Corrupt, "corrupt=price:$@150", {failed_checksum},
           {"checksum_failed", "resyncs"}),
      seen(FaultKind::Corrupt, "corrupt=check:$@150", {failed_checksum},
           {"checksum_failed", "resyncs"}),
      unseen(FaultKind::Delay, "delay=700ms:$@150", {}, "it is whole and in order, only late"),
      seen(FaultKind::Mute, "mute:$@150~1s", {failed_checksum}, {"checksum_failed", "resyncs"}),
      seen(FaultKind::Refuse, "refuse:$@1", {{State::Failed, Cause::SubscriptionRefused}},
           {"subscriptions_refused"}),
      absent(FaultKind::TooMany, "429", "nothing is asked over REST"),
      // The snapshot that the loss is mended with is the old one, whose own checksum is good: the
      // next message shows it.
      seen(FaultKind::StaleSnapshot, "drop:$@150x3,stale-snapshot:$@2",
           {failed_checksum, live, failed_checksum}, {"checksum_failed", "resyncs"}),
      seen(FaultKind::WrongSnapshot, "drop:$@150x3,wrong-snapshot:$@2",
           {failed_checksum, live, failed_checksum}, {"checksum_failed", "resyncs"}),
      seen(FaultKind::ChecksumZero, "checksum-zero:$@1~16s", {failed_checksum, unproven},
           {"oracles_distrusted", "checksum_failed"}),
      // Its first message may still end in 0, and the checksum is over the digits.
      either(seen(FaultKind::Precision, "precision=+1/+0:$@150", {finer},
                  {"number_too_fine|checksum_failed", "resyncs"}),
             {failed_checksum})};
  const std::string no_metadata = "this version has no metadata";
  if (first_version) {
    rows.push_back(seen(FaultKind::Rename, "rename=NEW$:$@150~1s", {failed_checksum},
                        {"checksum_failed", "resyncs"}));
    rows.push_back(seen(FaultKind::Delist, "delist:$@150~1s", {failed_checksum},
                        {"checksum_failed", "resyncs"}));
    rows.push_back(seen(FaultKind::List, "list:$@+3s",
                        {{State::Failed, Cause::SubscriptionRefused}, live},
                        {"subscriptions_refused"}));
    rows.push_back(absent(FaultKind::Halt, "halt", no_metadata));
    rows.push_back(absent(FaultKind::Increments, "increments", no_metadata));
    return rows;
  }
  // It comes back under its old name, and its old book is not good any more.
  rows.push_back(
      seen(FaultKind::Rename, "rename=NEW$:$@150~1s", {delisted, live}, {"delisted", "listed"}));
  rows.push_back(
      seen(FaultKind::Delist, "delist:$@150~1s", {delisted, live}, {"delisted", "listed"}));
  rows.push_back(seen(FaultKind::List, "list:$@+3s", {unlisted, live}, {"listed"}));
  rows.push_back(seen(FaultKind::Halt, "halt:$@150~1s", {halted}, {"venue_halts"}));
  rows.push_back(unseen(FaultKind::Increments, "increments=5/10:$@150", {"increments_changed"},
                        "announced; its decimals, and so its book, stay as they are"));
  return rows;
}

std::vector<FaultRow> of_binance(const std::string& venue) {
  const std::string no_check = "ids chain the messages and say nothing of what is in them";
  std::vector<FaultRow> rows{
      seen(FaultKind::Drop, "drop:$@150", {sequence_gap}, {"sequence_gaps", "resyncs"}),
      unseen(FaultKind::Duplicate, "duplicate:$@150", {"duplicates_dropped"},
             "known by its ids, and dropped"),
      seen(FaultKind::Reorder, "reorder:$@150", {sequence_gap}, {"sequence_gaps", "resyncs"}),
      absent(FaultKind::Corrupt, "corrupt", no_check),
      absent(FaultKind::Corrupt, "corrupt=price", no_check),
      // Which digit it is decides whether the first id passes the last one, or only the chain
      // breaks.
      either(seen(FaultKind::Corrupt, "corrupt=check:$@150", {sequence_gap},
                  {"sequence_gaps|contradicting_ids", "resyncs"}),
             {bad_message}),
      unseen(FaultKind::Delay, "delay=700ms:$@150", {}, "it is whole and in order, only late"),
      seen(FaultKind::Mute, "mute:$@150~1s", {sequence_gap}, {"sequence_gaps", "resyncs"}),
      seen(FaultKind::StaleSnapshot, "drop:$@150,stale-snapshot:$@2", {sequence_gap},
           {"snapshots_stale", "sequence_gaps"}),
      absent(FaultKind::ChecksumZero, "checksum-zero", "there are no checksums"),
      seen(FaultKind::Rename, "rename=NEW$:$@150~1s", {sequence_gap}, {"sequence_gaps", "resyncs"}),
      seen(FaultKind::Precision, "precision=+1/+0:$@150", {finer}, {"number_too_fine", "resyncs"})};
  // It is looked at once a second here.
  rows.push_back(
      seen(FaultKind::Delist, "delist:$@150~3s", {delisted, live}, {"delisted", "listed"}));
  rows.push_back(seen(FaultKind::List, "list:$@+4s", {unlisted, live}, {"listed"}));
  rows.push_back(seen(FaultKind::Halt, "halt:$@150~3s", {halted}, {"venue_halts"}));
  rows.push_back(unseen(FaultKind::Increments, "increments=5/10:$@150", {"increments_changed"},
                        "announced; its decimals, and so its book, stay as they are"));
  // The handshake is refused, for the streams are in its URL.
  rows.push_back(cuts(FaultKind::Refuse, "refuse:$@1", {disconnected}, {"closed_upgrade_refused"}));
  // Which request of the symbol mends the loss: spot asks for its decimals by name first.
  const bool spot = venue == "binance" || venue == "binance-us";
  rows.push_back(seen(FaultKind::TooMany, std::string("drop:$@150,429=1:$@") + (spot ? "3" : "2"),
                      {sequence_gap}, {"requests_refused", "rest_status_throttled"}));
  // Spot: ids of its own, those of the listing's first symbol are lower. COIN-M: the body says
  // whose it is. USD-M: the ticker's price does, for the next symbol is a bystander, and dearer.
  rows.insert(spot ? rows.end() : rows.begin(),
              seen(FaultKind::WrongSnapshot, "drop:$@150,wrong-snapshot:$@2", {sequence_gap},
                   {spot ? "snapshots_stale" : "symbol_mismatch"}));
  return rows;
}

}  // namespace

std::vector<FaultRow> fault_rows(const std::string& venue) {
  const bool kraken = venue.starts_with("kraken");
  auto rows = of_connections(kraken);
  for (auto& row : kraken ? of_kraken(venue == "kraken-v1") : of_binance(venue)) {
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<FaultRow> whole_exchange_rows(const std::string& venue) {
  // USD-M has two connections, and its books end with one of them.
  const std::string life = venue == "binance-usdm" ? "life=4s:connection#1,life=4s:connection#2"
                                                   : "life=4s:connection#1";
  return {cuts(FaultKind::Restart, "restart@+4s~1500ms", {disconnected},
               {"closed_peer_reset", "closed_connect_failed"}),
          cuts(FaultKind::Life, life, {disconnected}, {"closed_peer_closed"})};
}

}  // namespace ringside::e2e
