#include "ipc/segment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "tests/ipc/temporary_root.hpp"

namespace ringside::ipc {
namespace {

namespace fs = std::filesystem;

SegmentSpec spec_of(const std::string& name) {
  SegmentSpec spec;
  spec.instance = "test";
  spec.name = name;
  spec.kind = SegmentKind::Spsc;
  spec.payload_bytes = 1024;
  spec.item_bytes = 64;
  spec.item_count = 16;
  return spec;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A file that looks like the segment of a writer that is gone, for a test to deface.
std::string image_of_a_segment() {
  const Segment segment = create_segment(spec_of("image"));
  return bytes_of(segment.path());
}

template <typename Field>
void patch(std::string& image, std::size_t offset, Field value) {
  std::memcpy(image.data() + offset, &value, sizeof(value));
}

AttachStatus attach_image(const std::string& image, SegmentKind kind = SegmentKind::Spsc,
                          AttachDetail* detail = nullptr) {
  fs::create_directories(instance_path("test"));
  write_bytes(segment_path("test", "defaced"), image);
  Segment segment;
  return attach_segment("test", "defaced", kind, segment, detail);
}

TEST(Segment, IsListedUnderItsNameAndClosedToOthers) {
  const TemporaryRoot root;
  const Segment segment = create_segment(spec_of("spsc.c0.0.w0.0"));
  EXPECT_EQ(list_instances(), std::vector<std::string>{"test"});
  EXPECT_EQ(list_segments("test"), std::vector<std::string>{"spsc.c0.0.w0.0"});
  struct stat facts {};
  ASSERT_EQ(::stat(segment.path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0640U);
  EXPECT_EQ(facts.st_size % ::sysconf(_SC_PAGESIZE), 0);
  ASSERT_EQ(::stat(instance_path("test").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0750U);
}

TEST(Segment, AReaderSeesWhatTheWriterFilledAndWhoItIs) {
  const TemporaryRoot root;
  SegmentSpec spec = spec_of("filled");
  spec.generation = 7;
  const Segment writer = create_segment(
      spec, [](Segment& segment) { std::memcpy(segment.writable_data().data(), "filled", 6); });
  Segment reader;
  ASSERT_EQ(attach_segment("test", "filled", SegmentKind::Spsc, reader), AttachStatus::Ok);
  EXPECT_FALSE(reader.writable());
  EXPECT_EQ(std::memcmp(reader.data().data(), "filled", 6), 0);
  EXPECT_EQ(reader.data().size(), 1024U);
  EXPECT_EQ(reader.geometry().item_count, 16U);
  EXPECT_EQ(reader.geometry().generation, 7U);
  EXPECT_EQ(reader.geometry().writer_pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_GT(reader.geometry().writer_start_time, 0U);
  EXPECT_GT(reader.geometry().created.value, 0);
  EXPECT_TRUE(reader.writer_alive());
}

TEST(Segment, CannotBeFoundBeforeItIsFilled) {
  const TemporaryRoot root;
  const Segment writer = create_segment(spec_of("late"), [](Segment&) {
    Segment reader;
    EXPECT_EQ(attach_segment("test", "late", SegmentKind::Spsc, reader), AttachStatus::Absent);
    EXPECT_TRUE(list_segments("test").empty());
  });
  EXPECT_EQ(list_segments("test").size(), 1U);
}

TEST(Segment, AFillThatThrowsLeavesNothing) {
  const TemporaryRoot root;
  EXPECT_THROW(
      (void)create_segment(spec_of("broken"), [](Segment&) { throw std::runtime_error("no"); }),
      std::runtime_error);
  EXPECT_TRUE(fs::is_empty(instance_path("test")));
}

TEST(Segment, HooksSeeAllOfTheMemoryInTheirOrder) {
  const TemporaryRoot root;
  std::string order;
  SegmentSpec spec = spec_of("hooks");
  spec.before_touch = [&](std::span<std::byte> memory) {
    order += "bind ";
    EXPECT_EQ(memory.size(), 8192U);
  };
  spec.after_touch = [&](std::span<std::byte> memory) {
    order += "lock ";
    EXPECT_EQ(memory.size(), 8192U);
  };
  const Segment segment = create_segment(spec, [&](Segment&) { order += "fill"; });
  EXPECT_EQ(order, "bind lock fill");
}

TEST(Segment, ASecondWriterIsToldWhoRunsAlready) {
  const TemporaryRoot root;
  const Segment first = create_segment(spec_of("taken"));
  try {
    const Segment second = create_segment(spec_of("taken"));
    FAIL() << "two writers of one segment";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBUSY);
    EXPECT_NE(
        std::string(error.what()).find("already running: process " + std::to_string(::getpid())),
        std::string::npos)
        << error.what();
  }
  Segment reader;
  EXPECT_EQ(attach_segment("test", "taken", SegmentKind::Spsc, reader), AttachStatus::Ok);
}

TEST(Segment, ADeadWritersFileIsTakenOverWithTheNextGeneration) {
  const TemporaryRoot root;
  SegmentSpec spec = spec_of("restarted");
  spec.generation = 41;
  std::string image;
  {
    const Segment first = create_segment(spec);
    image = bytes_of(first.path());
  }
  fs::create_directories(instance_path("test"));
  write_bytes(segment_path("test", "restarted"), image);
  Segment old;
  EXPECT_EQ(attach_segment("test", "restarted", SegmentKind::Spsc, old), AttachStatus::WriterDead);
  EXPECT_EQ(old.liveness(Ticks{1}, {0, 0}), Liveness::Gone);

  spec.generation = 0;
  const Segment second = create_segment(spec);
  EXPECT_EQ(second.geometry().generation, 42U);
  EXPECT_EQ(old.liveness(Ticks{1}, {0, 0}), Liveness::Superseded);
  Segment reader;
  EXPECT_EQ(attach_segment("test", "restarted", SegmentKind::Spsc, reader), AttachStatus::Ok);
  EXPECT_EQ(reader.geometry().generation, 42U);
}

TEST(Segment, GarbageUnderItsNameIsReplaced) {
  const TemporaryRoot root;
  fs::create_directories(instance_path("test"));
  write_bytes(segment_path("test", "garbage"), "short");
  const Segment segment = create_segment(spec_of("garbage"));
  EXPECT_EQ(segment.geometry().generation, 1U);
}

TEST(Segment, AnOrderlyEndClosesAndRemovesIt) {
  const TemporaryRoot root;
  Segment reader;
  {
    const Segment writer = create_segment(spec_of("closed"));
    ASSERT_EQ(attach_segment("test", "closed", SegmentKind::Spsc, reader), AttachStatus::Ok);
  }
  EXPECT_EQ(reader.liveness(Ticks{1}, {0, 0}), Liveness::Closed);
  EXPECT_FALSE(fs::exists(instance_path("test")));
}

TEST(Segment, MovingKeepsItAliveAndAssigningOverItClosesIt) {
  const TemporaryRoot root;
  Segment first = create_segment(spec_of("first"));
  Segment moved = std::move(first);
  EXPECT_TRUE(moved.mapped());
  EXPECT_FALSE(first.mapped());  // NOLINT(bugprone-use-after-move)
  moved = create_segment(spec_of("second"));
  EXPECT_EQ(list_segments("test"), std::vector<std::string>{"second"});
}

TEST(Segment, ASilentWriterIsStaleAndASlowOneIsNot) {
  const TemporaryRoot root;
  Segment writer = create_segment(spec_of("silent"));
  Segment reader;
  ASSERT_EQ(attach_segment("test", "silent", SegmentKind::Spsc, reader), AttachStatus::Ok);
  const LivenessBounds bounds{10, 100};
  EXPECT_EQ(reader.liveness(Ticks{100000}, bounds), Liveness::Alive) << "has not beaten yet";
  writer.beat(Ticks{1000});
  EXPECT_EQ(reader.liveness(Ticks{900}, bounds), Liveness::Alive) << "a beat from the future";
  EXPECT_EQ(reader.heartbeat_age(Ticks{900}), 0U);
  EXPECT_EQ(reader.liveness(Ticks{1010}, bounds), Liveness::Alive);
  EXPECT_EQ(reader.liveness(Ticks{1100}, bounds), Liveness::Alive);
  EXPECT_EQ(reader.liveness(Ticks{1101}, bounds), Liveness::Stale);
}

TEST(Segment, AFullMountIsAnErrorThatNamesPathBytesAndRemedy) {
  const TemporaryRoot root;
  SegmentSpec spec = spec_of("huge");
  spec.payload_bytes = std::uint64_t{1} << 39;
  try {
    const Segment segment = create_segment(spec);
    FAIL() << "half a tebibyte of shared memory?";
  } catch (const std::system_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(root.path()), std::string::npos) << text;
    EXPECT_NE(text.find(std::to_string((std::uint64_t{1} << 39) + 4096)), std::string::npos)
        << text;
    EXPECT_NE(text.find("remount"), std::string::npos) << text;
  }
  EXPECT_TRUE(fs::is_empty(instance_path("test")));
}

TEST(Segment, HugePagesThatCannotBeHadAreSaidAloud) {
  const TemporaryRoot root;
  SegmentSpec spec = spec_of("small");
  spec.huge_dir = root.path();
  const Segment small = create_segment(spec);
  EXPECT_NE(small.degradation().find("not on a hugetlbfs mount"), std::string::npos)
      << small.degradation();
  EXPECT_FALSE(small.geometry().huge_pages());
  spec.name = "absent";
  spec.huge_dir = root.path() + "/nowhere";
  const Segment absent = create_segment(spec);
  EXPECT_NE(absent.degradation().find("nowhere"), std::string::npos) << absent.degradation();
  EXPECT_EQ(list_segments("test").size(), 2U);
  spec.name = "plain";
  spec.huge_dir.clear();
  EXPECT_EQ(create_segment(spec).degradation(), "");
}

TEST(Segment, NamesThatCouldLeaveTheDirectoryAreRefused) {
  const TemporaryRoot root;
  for (const std::string name : {"", "..", ".hidden", "a/b", "a b", "name\n"}) {
    EXPECT_THROW((void)create_segment(spec_of(name)), std::system_error) << name;
    Segment segment;
    EXPECT_EQ(attach_segment("test", name, SegmentKind::Spsc, segment), AttachStatus::Absent);
    EXPECT_EQ(attach_segment(name, "x", SegmentKind::Spsc, segment), AttachStatus::Absent);
  }
  EXPECT_THROW((void)create_segment(spec_of(std::string(name_bytes_max + 1, 'x'))),
               std::system_error);
  EXPECT_NO_THROW((void)create_segment(spec_of(std::string(name_bytes_max, 'x'))));
}

TEST(Segment, SizesThatDoNotFitAreRefused) {
  const TemporaryRoot root;
  SegmentSpec spec = spec_of("sizes");
  spec.item_count = 17;
  EXPECT_THROW((void)create_segment(spec), std::system_error);
  spec.item_count = 16;
  spec.item_bytes = 0;
  EXPECT_THROW((void)create_segment(spec), std::system_error);
}

TEST(Segment, RemovalSparesTheLiving) {
  const TemporaryRoot root;
  const std::string image = image_of_a_segment();
  const Segment living = create_segment(spec_of("living"));
  write_bytes(segment_path("test", "dead"), image);
  write_bytes(instance_path("test") + "/.dead.tmp.1.0", image);
  EXPECT_EQ(remove_dead_segments("test"), (std::vector<std::string>{".dead.tmp.1.0", "dead"}));
  EXPECT_EQ(list_segments("test"), std::vector<std::string>{"living"});
  EXPECT_TRUE(remove_dead_segments("absent").empty());
}

TEST(Segment, ALinkWhoseFileIsGoneDoesNotBlockTheName) {
  const TemporaryRoot root;
  fs::create_directories(instance_path("test"));
  fs::create_symlink("/nowhere/at/all", segment_path("test", "dangling"));
  EXPECT_NO_THROW((void)create_segment(spec_of("dangling")));
}

TEST(Segment, LeftoversOfAnInterruptedCreationAreSweptByTheNext) {
  const TemporaryRoot root;
  fs::create_directories(instance_path("test"));
  write_bytes(instance_path("test") + "/.mine.tmp.1.0", "half made");
  fs::create_symlink("/nowhere/at/all", instance_path("test") + "/.mine.tmp.1.1");
  const Segment segment = create_segment(spec_of("mine"));
  EXPECT_FALSE(fs::exists(instance_path("test") + "/.mine.tmp.1.0"));
  EXPECT_FALSE(fs::is_symlink(instance_path("test") + "/.mine.tmp.1.1"));
}

TEST(Segment, PrivateMemoryHasTheSameHeaderAndNoFile) {
  const TemporaryRoot root;
  Segment segment = create_private_segment(spec_of(""));
  EXPECT_EQ(segment.header().magic.load(std::memory_order_acquire), segment_magic);
  EXPECT_TRUE(segment.writable());
  EXPECT_TRUE(segment.writer_alive());
  EXPECT_EQ(segment.data().size(), 1024U);
  EXPECT_TRUE(list_instances().empty());
}

TEST(Attach, EachWayToFailHasItsOwnAnswer) {
  const TemporaryRoot root;
  Segment segment;
  EXPECT_EQ(attach_segment("test", "absent", SegmentKind::Spsc, segment), AttachStatus::Absent);
  const std::string good = image_of_a_segment();
  EXPECT_EQ(attach_image(good), AttachStatus::WriterDead);
  EXPECT_EQ(attach_image(good, SegmentKind::Broadcast), AttachStatus::WrongKind);
  const auto with = [&](std::size_t offset, auto value) {
    std::string image = good;
    patch(image, offset, value);
    return attach_image(image);
  };
  EXPECT_EQ(with(0, std::uint64_t{0}), AttachStatus::Initialising);
  EXPECT_EQ(with(0, std::uint64_t{0x1122334455667788}), AttachStatus::WrongMagic);
  EXPECT_EQ(with(8, std::uint16_t{abi_major + 1}), AttachStatus::WrongMajor);
  EXPECT_EQ(with(10, std::uint16_t{abi_minor + 1}), AttachStatus::WriterDead) << "minor may grow";
  EXPECT_EQ(with(12, std::uint32_t{2048}), AttachStatus::Hostile);
  EXPECT_EQ(with(16, std::uint64_t{1}), AttachStatus::WrongSchema);
  EXPECT_EQ(with(24, std::uint32_t{99}), AttachStatus::WrongKind);
  EXPECT_EQ(with(32, std::uint64_t{1} << 40), AttachStatus::Truncated);
  EXPECT_EQ(with(40, std::uint64_t{4097}), AttachStatus::Hostile);
  EXPECT_EQ(with(40, std::uint64_t{0}), AttachStatus::Hostile);
  EXPECT_EQ(with(40, ~std::uint64_t{127}), AttachStatus::Hostile);
  EXPECT_EQ(with(48, ~std::uint64_t{0}), AttachStatus::Hostile);
  EXPECT_EQ(with(56, std::uint32_t{0}), AttachStatus::Hostile);
  EXPECT_EQ(with(112, ~std::uint64_t{0}), AttachStatus::Hostile);
  EXPECT_EQ(with(128, std::uint32_t{0}), AttachStatus::Hostile);
  EXPECT_EQ(with(128, std::uint32_t{2}), AttachStatus::Superseded);
  EXPECT_EQ(with(128, std::uint32_t{3}), AttachStatus::Closed);
}

TEST(Attach, EveryTruncatedPrefixIsRefused) {
  const TemporaryRoot root;
  const std::string good = image_of_a_segment();
  fs::create_directories(instance_path("test"));
  const auto path = segment_path("test", "prefix");
  write_bytes(path, good);
  for (std::size_t bytes = good.size(); bytes-- > 0;) {
    ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(bytes)), 0);
    Segment segment;
    ASSERT_EQ(attach_segment("test", "prefix", SegmentKind::Spsc, segment), AttachStatus::Truncated)
        << bytes;
    ASSERT_FALSE(segment.mapped());
  }
}

TEST(Attach, AnotherMajorVersionIsNamedBesideOurs) {
  const TemporaryRoot root;
  std::string image = image_of_a_segment();
  patch(image, 8, std::uint16_t{9});
  AttachDetail detail;
  const auto status = attach_image(image, SegmentKind::Spsc, &detail);
  const auto text = describe(status, detail, "test", "defaced");
  EXPECT_NE(text.find("version 9.1"), std::string::npos) << text;
  EXPECT_NE(text.find(std::to_string(abi_major) + "." + std::to_string(abi_minor)),
            std::string::npos)
      << text;
}

TEST(Attach, AFailureLeavesTheEarlierSegmentInPlace) {
  const TemporaryRoot root;
  const Segment writer = create_segment(spec_of("kept"));
  Segment reader;
  ASSERT_EQ(attach_segment("test", "kept", SegmentKind::Spsc, reader, nullptr, Prefault::Yes),
            AttachStatus::Ok);
  EXPECT_EQ(attach_segment("test", "other", SegmentKind::Spsc, reader), AttachStatus::Absent);
  EXPECT_TRUE(reader.mapped());
  EXPECT_EQ(reader.liveness(Ticks{1}, {0, 0}), Liveness::Alive);
}

TEST(Attach, APipeOrADirectoryInItsPlaceDoesNotHangTheReader) {
  const TemporaryRoot root;
  fs::create_directories(segment_path("test", "directory"));
  ASSERT_EQ(::mkfifo(segment_path("test", "pipe").c_str(), 0600), 0);
  Segment segment;
  EXPECT_EQ(attach_segment("test", "directory", SegmentKind::Spsc, segment),
            AttachStatus::WrongMagic);
  EXPECT_EQ(attach_segment("test", "pipe", SegmentKind::Spsc, segment), AttachStatus::WrongMagic);
}

TEST(Attach, WhoMayNotReadIsToldSo) {
  const TemporaryRoot root;
  const Segment writer = create_segment(spec_of("secret"));
  ASSERT_EQ(::chmod(writer.path().c_str(), 0), 0);
  Segment reader;
  AttachDetail detail;
  // The superuser may read everything, so be somebody else for the moment.
  constexpr uid_t nobody = 65534;
  const bool superuser = ::geteuid() == 0;
  if (superuser) {
    ASSERT_EQ(::seteuid(nobody), 0);
  }
  const auto status = attach_segment("test", "secret", SegmentKind::Spsc, reader, &detail);
  if (superuser) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_EQ(status, AttachStatus::Denied);
  EXPECT_NE(describe(AttachStatus::Denied, detail, "test", "secret").find("group"),
            std::string::npos);
}

}  // namespace
}  // namespace ringside::ipc
