// The reader library through its C functions and their C++ types, against segments of this test.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <ringside/reader.hpp>
#include <string>

#include "ipc/book_table.hpp"
#include "ipc/broadcast_ring.hpp"
#include "ipc/catalogue.hpp"
#include "ipc/telemetry.hpp"
#include "tests/ipc/temporary_root.hpp"

namespace ringside::reader {
namespace {

constexpr InstrumentTerms terms{Exponent{-2}, Exponent{-8}, ChecksumRule::Kraken, 25};
constexpr std::uint64_t ring_slots = 64;

ipc::SegmentSpec named(ipc::SegmentSpec spec, const std::string& name) {
  spec.instance = "test";
  spec.name = name;
  return spec;
}

ipc::BookView book_of(std::uint32_t levels) {
  ipc::BookView view;
  view.state = State::Live;
  view.cause = Cause::None;
  view.verified = true;
  view.terms = terms;
  view.epoch = 7;
  view.receive = Ticks{11};
  view.publish = Ticks{12};
  view.exchange = UtcNs{13};
  view.updates = 14;
  view.bid_count = view.ask_count = levels;
  for (std::uint32_t i = 0; i < levels; ++i) {
    view.bids[i] = {Price{1000 - i}, Quantity{i + 1}};
    view.asks[i] = {Price{1001 + i}, Quantity{i + 2}};
  }
  return view;
}

class Reader : public ::testing::Test {
 protected:
  Reader() { std::filesystem::create_directory(root_.path() + "/test"); }
  void SetUp() override { ASSERT_EQ(instance_.open("test"), Status::Ok); }

  void make_books() {
    books_segment_ = ipc::create_segment(named(ipc::book_table_spec(4), "books.w0.0"));
    table_.emplace(books_segment_);
    table_->add(InstrumentId{5});
    table_->add(InstrumentId{6});
    table_->update(1, book_of(3));
    table_->beat(ipc::now_ticks());
  }
  void make_events() {
    events_segment_ = ipc::create_segment(named(ipc::broadcast_spec(ring_slots), "events.w0.0"),
                                          ipc::fill_broadcast);
    ring_.emplace(events_segment_);
    events_segment_.beat(ipc::now_ticks());
  }
  void publish(Kind kind, std::uint64_t reference) {
    Record record;
    record.kind = kind;
    record.instrument = 5;
    record.reference = reference;
    record.receive_tsc = 100;
    record.price = 1234;
    const std::array<Level, 4> levels{
        {{Price{1}, Quantity{2}}, {Price{3}, Quantity{4}}, {Price{5}, Quantity{6}}, {}}};
    const bool many = kind == Kind::Key || kind == Kind::Levels;
    if (many) record.set_counts(2, 1);
    ring_->publish(record, many ? std::span<const Level>(levels) : std::span<const Level>{},
                   Ticks{150});
  }

  const ipc::TemporaryRoot root_;
  Instance instance_;
  ipc::Segment books_segment_, events_segment_;
  std::optional<ipc::BookTableWriter> table_;
  std::optional<ipc::BroadcastWriter> ring_;
};

TEST_F(Reader, AnInstanceThatIsNotThereIsAbsentAndABadNameIsNone) {
  Instance other;
  EXPECT_EQ(other.open("nobody"), Status::Absent);
  EXPECT_EQ(other.get(), nullptr);
  EXPECT_EQ(other.open("../etc"), Status::BadArgument);
  EXPECT_EQ(other.open(""), Status::BadArgument);
  EXPECT_EQ(other.open(std::string(5000, 'x').c_str()), Status::BadArgument);
}

TEST_F(Reader, NullPointersAreRefusedEverywhere) {
  EXPECT_EQ(ringside_instance_open(nullptr, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_workers(nullptr, nullptr, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_catalogue_open(nullptr, "c0", nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_catalogue_count(nullptr), 0U);
  EXPECT_EQ(ringside_catalogue_at(nullptr, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_catalogue_find(nullptr, "", "", nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_open(instance_.get(), nullptr, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_find(nullptr, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_best(nullptr, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_read(nullptr, 0, 1, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_best_at(nullptr, 0, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_books_read_at(nullptr, 0, 1, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_events_next(nullptr, nullptr), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_events_rejoin(nullptr, RINGSIDE_JOIN_KEY), RINGSIDE_BAD_ARGUMENT);
  EXPECT_EQ(ringside_clock_utc(nullptr, 0, nullptr), RINGSIDE_BAD_ARGUMENT);
  ringside_events_lost(nullptr, nullptr, nullptr);
  ringside_events_close(nullptr);
  ringside_books_close(nullptr);
  ringside_catalogue_close(nullptr);
  ringside_clock_close(nullptr);
  ringside_instance_close(nullptr);
}

TEST_F(Reader, ListsWorkersAndCollectorsAndSaysHowManyThereAre) {
  make_books();
  const auto second = ipc::create_segment(named(ipc::book_table_spec(1), "books.w0.1"));
  std::array<ringside_name, 1> names{};
  std::uint32_t count = 0;
  EXPECT_EQ(instance_.workers(names, count), Status::Ok);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(std::string(names[0].text).substr(0, 3), "w0.");
  EXPECT_EQ(instance_.collectors(names, count), Status::Ok);
  EXPECT_EQ(count, 0U);
}

TEST_F(Reader, TheCatalogueIsListedAndSearched) {
  Catalogue catalogue;
  EXPECT_EQ(catalogue.open(instance_, "c0"), Status::Absent);
  ipc::Segment segment = ipc::create_segment(named(ipc::catalogue_spec(4), "catalogue.c0"));
  ipc::CatalogueWriter writer(segment);
  writer.append({InstrumentId{5}, 3, terms, "kraken", "BTC/USD", "w0.0"});
  ASSERT_EQ(catalogue.open(instance_, "c0"), Status::Ok);
  EXPECT_EQ(catalogue.count(), 1U);
  ringside_instrument found{};
  ASSERT_EQ(catalogue.at(0, found), Status::Ok);
  EXPECT_EQ(found.id, 5U);
  EXPECT_EQ(found.connection, 3U);
  EXPECT_EQ(found.terms.price_exponent, -2);
  EXPECT_EQ(found.terms.quantity_exponent, -8);
  EXPECT_EQ(found.terms.depth, 25U);
  EXPECT_STREQ(found.venue, "kraken");
  EXPECT_STREQ(found.symbol, "BTC/USD");
  EXPECT_STREQ(found.worker, "w0.0");
  EXPECT_EQ(catalogue.at(1, found), Status::Empty);
  EXPECT_EQ(catalogue.find("kraken", "BTC/USD", found), Status::Ok);
  EXPECT_EQ(catalogue.find("kraken", "ETH/USD", found), Status::NotFound);
}

TEST_F(Reader, ABookIsReadWithItsStateAndItsLevels) {
  make_books();
  Books books;
  ASSERT_EQ(books.open(instance_, "w0.0"), Status::Ok);
  std::uint32_t index = 9;
  EXPECT_EQ(books.find(InstrumentId{99}, index), Status::NotFound);
  ASSERT_EQ(books.find(InstrumentId{6}, index), Status::Ok);
  Best best{};
  ASSERT_EQ(books.best(index, best), Status::Ok);
  EXPECT_TRUE(best.live() && best.has_bid() && best.has_ask());
  EXPECT_EQ(best.id(), InstrumentId{6});
  EXPECT_EQ(best.bid.price, 1000);
  EXPECT_EQ(best.ask.price, 1001);
  Book book{};
  ASSERT_EQ(books.read(index, book, 2), Status::Ok);
  EXPECT_EQ(book.bid_levels().size(), 2U);
  EXPECT_EQ(level_of(book.ask_levels()[1]), (Level{Price{1002}, Quantity{3}}));
  EXPECT_EQ(book.price_exponent(), Exponent{-2});
  EXPECT_EQ(book.epoch, 7U);
  EXPECT_EQ(book.verified, 1U);
  EXPECT_EQ(book.receive_ticks, 11U);
  EXPECT_EQ(book.publish_ticks, 12U);
  EXPECT_EQ(book.exchange_utc_ns, 13);
  EXPECT_EQ(book.updates, 14U);
  ASSERT_EQ(books.read(index, book, 1000), Status::Ok) << "more levels than there can be";
  EXPECT_EQ(book.bid_levels().size(), 3U);
  EXPECT_EQ(books.best(0, best), Status::Empty) << "not published yet";
  EXPECT_EQ(books.best(4000, best), Status::Empty);
}

TEST_F(Reader, ABookIsReadAsOfTheTimeThatTheCallerGives) {
  make_books();
  Books books;
  ASSERT_EQ(books.open(instance_, "w0.0"), Status::Ok);
  std::uint32_t index = 9;
  ASSERT_EQ(books.find(InstrumentId{6}, index), Status::Ok);
  const Ticks now = ipc::now_ticks();
  table_->beat(now);
  const Ticks far{now.value + 20'000'000'000};  // seconds, at any rate of ticks
  Best best{};
  Book book{};
  ASSERT_EQ(books.best(index, now, best), Status::Ok);
  EXPECT_EQ(best.bid.price, 1000);
  ASSERT_EQ(books.read(index, now, book, 2), Status::Ok);
  EXPECT_EQ(book.bids[0].price, 1000);
  EXPECT_EQ(books.best(index, far, best), Status::WriterStale);
  EXPECT_EQ(books.read(index, far, book), Status::WriterStale);
}

TEST_F(Reader, RecordsComeInOrderAndLevelsWithThem) {
  make_events();
  Events events;
  ASSERT_EQ(events.open(instance_, "w0.0", Join::Start), Status::Ok);
  Event event{};
  EXPECT_EQ(events.next(event), Status::Empty);
  publish(Kind::Trade, 1);
  publish(Kind::Levels, 2);
  ASSERT_EQ(events.next(event), Status::Ok);
  EXPECT_EQ(event.what(), Kind::Trade);
  EXPECT_EQ(event.position, 0U);
  EXPECT_EQ(event.price, 1234);
  EXPECT_EQ(event.receive_ticks, 100U);
  EXPECT_EQ(event.publish_ticks, 150U);
  EXPECT_EQ(event.bid_levels().size(), 0U);
  ASSERT_EQ(events.next(event), Status::Ok);
  EXPECT_EQ(event.position, 1U);
  ASSERT_EQ(event.bid_levels().size(), 2U);
  ASSERT_EQ(event.ask_levels().size(), 1U);
  EXPECT_EQ(event.bid_levels()[1].price, 3);
  EXPECT_EQ(event.ask_levels()[0].price, 5);
  EXPECT_EQ(event.level_count, 4U);
  EXPECT_EQ(events.next(event), Status::Empty);
}

TEST_F(Reader, ALappedReaderLearnsWhatIsGoneAndGoesOnAtTheNewestKey) {
  make_events();
  Events events;
  ASSERT_EQ(events.open(instance_, "w0.0", Join::Start), Status::Ok);
  for (std::uint64_t i = 0; i < 100; ++i) publish(i == 90 ? Kind::Key : Kind::Trade, i);
  Event event{};
  ASSERT_EQ(events.next(event), Status::Lost);
  EXPECT_EQ(events.lost_from(), 0U);
  EXPECT_EQ(events.lost_to(), 90U);
  ASSERT_EQ(events.next(event), Status::Ok);
  EXPECT_EQ(event.what(), Kind::Key);
  EXPECT_EQ(event.reference, 90U);
  ASSERT_EQ(events.rejoin(Join::Tail), Status::Ok);
  EXPECT_EQ(events.next(event), Status::Empty);
  EXPECT_EQ(ringside_events_rejoin(nullptr, RINGSIDE_JOIN_TAIL), RINGSIDE_BAD_ARGUMENT);
}

// The writer in a process of its own, which is killed; the handle of the test then says so.
TEST_F(Reader, AKilledWritersBooksAndEventsAreNotGivenOutAsGood) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    make_books();
    make_events();
    publish(Kind::Trade, 1);
    (void)!::write(ready[1], "r", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  Books books;
  Events events;
  EXPECT_EQ(books.open(instance_, "w0.0"), Status::Ok);
  EXPECT_EQ(events.open(instance_, "w0.0", Join::Start), Status::Ok);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  Best best{};
  Status status = Status::Ok;
  while (status == Status::Ok) status = books.best(1, best);  // its heartbeat is believed for 5 ms
  EXPECT_EQ(status, Status::WriterGone);
  Event event{};
  EXPECT_EQ(events.next(event), Status::Ok) << "what it said is still heard";
  do {
    status = events.next(event);
  } while (status == Status::Empty);
  EXPECT_EQ(status, Status::WriterGone);
  EXPECT_TRUE(is_final(status));
  EXPECT_EQ(books.open(instance_, "w0.0"), Status::WriterGone);
  make_books();  // its successor
  EXPECT_EQ(books.open(instance_, "w0.0"), Status::Ok);
  EXPECT_EQ(books.best(1, best), Status::Ok);
}

TEST_F(Reader, TicksBecomeUtcByTheCollectorsPage) {
  Clock clock;
  EXPECT_EQ(clock.open(instance_, "c0"), Status::Absent);
  ipc::Telemetry telemetry({"test", "c0", "collector", "", 1});
  ASSERT_EQ(clock.open(instance_, "c0"), Status::Ok);
  telemetry.on_tick(ipc::now_ticks());
  ipc::ClockReading reading;
  ASSERT_TRUE(ipc::TelemetryReader(telemetry.segment()).clock(reading));
  UtcNs utc;
  const Ticks now{ringside_now_ticks()};
  ASSERT_EQ(clock.utc(now, utc), Status::Ok);
  EXPECT_EQ(utc, reading.utc_of(now));
}

TEST_F(Reader, AFileThatIsNoSegmentIsToldFromOneOfAnotherVersionAndOneCutShort) {
  make_books();
  const auto path = root_.path() + "/test/";
  const auto put = [&](const std::string& bytes) {
    std::ofstream(path + "books.x", std::ios::binary) << bytes;
    Books books;
    return books.open(instance_, "x");
  };
  std::ifstream file(path + "books.w0.0", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(put(good), Status::WriterGone) << "nobody holds its lock";
  EXPECT_EQ(put("short"), Status::Hostile);
  EXPECT_EQ(put(std::string(8192, 'x')), Status::WrongFormat);
  EXPECT_EQ(put(std::string(8192, '\0')), Status::Initialising);
  EXPECT_EQ(put(good.substr(0, 4096)), Status::Hostile);
  std::string other = good;
  other[8] = 9;  // abi_major
  EXPECT_EQ(put(other), Status::WrongVersion);
  Events events;
  std::filesystem::rename(path + "books.x", path + "events.x");
  EXPECT_EQ(events.open(instance_, "x"), Status::WrongVersion);
  std::ofstream(path + "events.x", std::ios::binary) << good;
  EXPECT_EQ(events.open(instance_, "x"), Status::WrongFormat) << "a book table by another name";
  std::filesystem::create_directory(path + "events.y");
  EXPECT_EQ(events.open(instance_, "y"), Status::WrongFormat);
  EXPECT_EQ(events.open(instance_, "../x"), Status::BadArgument);
}

TEST(ReaderAbi, EveryStatusHasAName) {
  for (int i = 0; i <= RINGSIDE_SYSTEM; ++i) {
    EXPECT_STRNE(ringside_status_name(static_cast<ringside_status>(i)), "unknown");
  }
  EXPECT_STREQ(ringside_status_name(static_cast<ringside_status>(RINGSIDE_SYSTEM + 1)), "unknown");
  EXPECT_EQ(ringside_abi_version(), std::uint32_t{RINGSIDE_ABI_MAJOR} << 16 | RINGSIDE_ABI_MINOR);
}

// Frozen within one major version: programs that were compiled before rely on these.
TEST(ReaderAbi, SizesAndPlacesOfEveryPublicStructAreAsPromised) {
  EXPECT_EQ(sizeof(ringside_status), 4U);
  EXPECT_EQ(sizeof(ringside_level), 16U);
  EXPECT_EQ(offsetof(ringside_level, quantity), 8U);
  EXPECT_EQ(sizeof(ringside_terms), 8U);
  EXPECT_EQ(offsetof(ringside_terms, quantity_exponent), 1U);
  EXPECT_EQ(offsetof(ringside_terms, checksum_rule), 2U);
  EXPECT_EQ(offsetof(ringside_terms, depth), 4U);
  EXPECT_EQ(sizeof(ringside_name), 65U);
  EXPECT_EQ(sizeof(ringside_instrument), 136U);
  EXPECT_EQ(offsetof(ringside_instrument, connection), 4U);
  EXPECT_EQ(offsetof(ringside_instrument, terms), 8U);
  EXPECT_EQ(offsetof(ringside_instrument, venue), 16U);
  EXPECT_EQ(offsetof(ringside_instrument, symbol), 40U);
  EXPECT_EQ(offsetof(ringside_instrument, worker), 104U);
  EXPECT_EQ(sizeof(ringside_best), 64U);
  EXPECT_EQ(alignof(ringside_best), 16U);
  EXPECT_EQ(offsetof(ringside_best, state), 0U);
  EXPECT_EQ(offsetof(ringside_best, cause), 1U);
  EXPECT_EQ(offsetof(ringside_best, verified), 2U);
  EXPECT_EQ(offsetof(ringside_best, bid_count), 4U);
  EXPECT_EQ(offsetof(ringside_best, ask_count), 6U);
  EXPECT_EQ(offsetof(ringside_best, receive_ticks), 8U);
  EXPECT_EQ(offsetof(ringside_best, bid), 16U);
  EXPECT_EQ(offsetof(ringside_best, ask), 32U);
  EXPECT_EQ(offsetof(ringside_best, epoch), 48U);
  EXPECT_EQ(offsetof(ringside_best, instrument), 52U);
  EXPECT_EQ(sizeof(ringside_book), 864U);
  EXPECT_EQ(alignof(ringside_book), 16U);
  EXPECT_EQ(offsetof(ringside_book, state), 0U);
  EXPECT_EQ(offsetof(ringside_book, bid_count), 4U);
  EXPECT_EQ(offsetof(ringside_book, ask_count), 8U);
  EXPECT_EQ(offsetof(ringside_book, receive_ticks), 16U);
  EXPECT_EQ(offsetof(ringside_book, epoch), 24U);
  EXPECT_EQ(offsetof(ringside_book, instrument), 28U);
  EXPECT_EQ(offsetof(ringside_book, publish_ticks), 32U);
  EXPECT_EQ(offsetof(ringside_book, exchange_utc_ns), 40U);
  EXPECT_EQ(offsetof(ringside_book, terms), 48U);
  EXPECT_EQ(offsetof(ringside_book, updates), 56U);
  EXPECT_EQ(offsetof(ringside_book, bids), 64U);
  EXPECT_EQ(offsetof(ringside_book, asks), 464U);
  EXPECT_EQ(sizeof(ringside_record), 88U);
  EXPECT_EQ(offsetof(ringside_record, instrument), 8U);
  EXPECT_EQ(offsetof(ringside_record, kind), 12U);
  EXPECT_EQ(offsetof(ringside_record, flags), 13U);
  EXPECT_EQ(offsetof(ringside_record, side_or_cause), 14U);
  EXPECT_EQ(offsetof(ringside_record, receive_ticks), 16U);
  EXPECT_EQ(offsetof(ringside_record, publish_ticks), 24U);
  EXPECT_EQ(offsetof(ringside_record, exchange_utc_ns), 32U);
  EXPECT_EQ(offsetof(ringside_record, price), 40U);
  EXPECT_EQ(offsetof(ringside_record, quantity), 48U);
  EXPECT_EQ(offsetof(ringside_record, reference), 56U);
  EXPECT_EQ(offsetof(ringside_record, epoch), 64U);
  EXPECT_EQ(offsetof(ringside_record, bid_count), 68U);
  EXPECT_EQ(offsetof(ringside_record, ask_count), 72U);
  EXPECT_EQ(offsetof(ringside_record, level_count), 76U);
  EXPECT_EQ(offsetof(ringside_record, levels), 80U);
}

}  // namespace
}  // namespace ringside::reader
