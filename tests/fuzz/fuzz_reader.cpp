// A segment whose contents are hostile, through the C functions of the reader library: whatever it
// says, every answer is one of the enumerators, no read leaves the mapping, and polling ends.
//
// Input: one byte of kind, then patches as in tests/fuzz/segment_images.hpp.
#include <fcntl.h>
#include <ringside/ringside.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "ipc/check.hpp"
#include "ipc/file_lock.hpp"
#include "tests/fuzz/segment_images.hpp"

namespace {

using namespace ringside;
using namespace ringside::ipc;

constexpr int polls = 300;
std::uint64_t sum;  // so that no read can be left out

struct Target {
  const char* name;
  Bytes image;
  int file = -1;
};

// An instance with one segment of each kind that the library reads. Their lock is held, as if a
// writer lived; what is in them is the fuzzer's.
struct Scene {
  Scene() {
    std::string pattern = "/dev/shm/ringside-fuzz-XXXXXX";
    RINGSIDE_CHECK(::mkdtemp(pattern.data()) != nullptr);
    root = pattern;
    ::setenv("RINGSIDE_SHM_ROOT", root.c_str(), 1);
    std::filesystem::create_directory(instance_path("fuzz"));
    for (Target& target : targets) {
      const auto path = segment_path("fuzz", target.name);
      target.file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      RINGSIDE_CHECK(target.file >= 0);
      RINGSIDE_CHECK(take_writer_lock(target.file));
    }
    RINGSIDE_CHECK(ringside_instance_open("fuzz", &instance) == RINGSIDE_OK);
  }
  ~Scene() {
    ringside_instance_close(instance);
    for (const Target& target : targets) ::close(target.file);
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }

  std::string root;
  std::array<Target, 4> targets{{{"events.t", broadcast_image()},
                                 {"books.t", books_image()},
                                 {"catalogue.t", catalogue_image()},
                                 {"telemetry.t", telemetry_image()}}};
  ringside_instance* instance = nullptr;
};

// Readable to the end, and no further than there is.
void touch(const ringside_level* levels, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    sum += static_cast<std::uint64_t>(levels[i].price ^ levels[i].quantity);
  }
}

void read_events(const ringside_instance* instance) {
  ringside_events* events = nullptr;
  if (ringside_events_open(instance, "t", RINGSIDE_JOIN_KEY, &events) != RINGSIDE_OK) return;
  ringside_record record;
  for (int i = 0; i < polls; ++i) {
    if (i == polls / 3) (void)ringside_events_rejoin(events, RINGSIDE_JOIN_START);
    if (i == polls / 2) (void)ringside_events_rejoin(events, RINGSIDE_JOIN_TAIL);
    const auto status = ringside_events_next(events, &record);
    RINGSIDE_CHECK(status <= RINGSIDE_CORRUPT);
    if (status == RINGSIDE_LOST) {
      std::uint64_t from = 0, to = 0;
      ringside_events_lost(events, &from, &to);
      RINGSIDE_CHECK(from < to);
    }
    if (status != RINGSIDE_OK) continue;
    RINGSIDE_CHECK(record.level_count <= record_levels_max);
    RINGSIDE_CHECK(std::uint64_t{record.bid_count} + record.ask_count <= record.level_count);
    touch(record.levels, record.level_count);
  }
  ringside_events_close(events);
}

void read_books(const ringside_instance* instance) {
  ringside_books* books = nullptr;
  if (ringside_books_open(instance, "t", &books) != RINGSIDE_OK) return;
  std::uint32_t index = 0;
  if (ringside_books_find(books, 2, &index) == RINGSIDE_OK) sum += index;
  for (std::uint32_t i = 0; i < entries + 2; ++i) {
    ringside_best best;
    if (ringside_books_best(books, i, &best) == RINGSIDE_OK) {
      RINGSIDE_CHECK(best.state <= RINGSIDE_STATE_LIVE && best.bid_count <= RINGSIDE_LEVELS_MAX &&
                     best.ask_count <= RINGSIDE_LEVELS_MAX && best.verified <= 1);
    }
    ringside_book book;
    if (ringside_books_read(books, i, ~0U, &book) != RINGSIDE_OK) continue;
    RINGSIDE_CHECK(book.state <= RINGSIDE_STATE_LIVE);
    RINGSIDE_CHECK(book.bid_count <= RINGSIDE_LEVELS_MAX && book.ask_count <= RINGSIDE_LEVELS_MAX);
    touch(book.bids, book.bid_count);
    touch(book.asks, book.ask_count);
  }
  ringside_books_close(books);
}

void read_catalogue(const ringside_instance* instance) {
  ringside_catalogue* catalogue = nullptr;
  if (ringside_catalogue_open(instance, "t", &catalogue) != RINGSIDE_OK) return;
  ringside_instrument entry;
  for (std::uint32_t i = 0; i < entries + 2; ++i) {
    if (ringside_catalogue_at(catalogue, i, &entry) != RINGSIDE_OK) continue;
    RINGSIDE_CHECK(::strnlen(entry.venue, sizeof entry.venue) < sizeof entry.venue);
    RINGSIDE_CHECK(::strnlen(entry.symbol, sizeof entry.symbol) < sizeof entry.symbol);
    RINGSIDE_CHECK(::strnlen(entry.worker, sizeof entry.worker) < sizeof entry.worker);
  }
  (void)ringside_catalogue_find(catalogue, "kraken", "S1", &entry);
  ringside_catalogue_close(catalogue);
}

void read_utc(const ringside_instance* instance) {
  ringside_clock* clock = nullptr;
  if (ringside_clock_open(instance, "t", &clock) != RINGSIDE_OK) return;
  std::int64_t utc_ns = 0;
  for (const std::uint64_t ticks : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0}}) {
    if (ringside_clock_utc(clock, ticks, &utc_ns) == RINGSIDE_OK) {
      sum += static_cast<std::uint64_t>(utc_ns);
    }
  }
  ringside_clock_close(clock);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Scene scene;
  if (size == 0) return 0;
  constexpr std::array readers{read_events, read_books, read_catalogue, read_utc};
  const std::size_t which = data[0] % readers.size();
  Target& target = scene.targets[which];
  Bytes image = target.image;
  deface(image, data + 1, size - 1);
  RINGSIDE_CHECK(::ftruncate(target.file, 0) == 0);
  RINGSIDE_CHECK(::pwrite(target.file, image.data(), image.size(), 0) ==
                 static_cast<ssize_t>(image.size()));
  readers[which](scene.instance);
  return 0;
}
