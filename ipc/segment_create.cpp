#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/exceptions.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <sstream>
#include <system_error>
#include <utility>

#include "ipc/clock.hpp"
#include "ipc/segment.hpp"
#include "ipc/segment_file.hpp"

namespace ringside::ipc {

namespace interprocess = boost::interprocess;

namespace {

// How often a creation starts again because the directory or the name changed under it.
constexpr int create_attempts_max = 16;
constexpr std::size_t group_buffer_bytes = 16384;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// --- Who writes -------------------------------------------------------------------------------

// Field 22 of /proc/self/stat; the name in field 2 may hold anything but ends at the last ')'.
std::uint64_t start_time_of_this_process() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  std::uint64_t ticks = 0;
  std::from_chars(field.data(), field.data() + field.size(), ticks);
  return ticks;
}

// 32 hexadecimal digits with dashes between them; zeros where the kernel does not say.
std::array<std::uint8_t, 16> boot_id_of_this_host() {
  std::array<std::uint8_t, 16> id{};
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  file >> text;
  std::erase(text, '-');
  for (std::size_t i = 0; i < id.size() && 2 * i + 2 <= text.size(); ++i) {
    std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, id[i], 16);
  }
  return id;
}

std::int64_t utc_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

gid_t group_id(const std::string& group) {
  struct group entry {};
  struct group* found = nullptr;
  std::string buffer(group_buffer_bytes, '\0');
  const int error = ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    fail(error != 0 ? error : EINVAL,
         "memory.group \"" + group + "\" is not a group of this host; create it or name another");
  }
  return found->gr_gid;
}

// Exactly this mode, whatever the umask is, and the configured group.
void set_access(int fd, const std::string& path, const std::string& group, ::mode_t mode) {
  if (!group.empty() && ::fchown(fd, static_cast<uid_t>(-1), group_id(group)) != 0) {
    fail(errno,
         "cannot give " + path + " to group \"" + group + "\"; this user must be a member of it");
  }
  if (::fchmod(fd, mode) != 0) fail(errno, "cannot set the mode of " + path);
}

// --- The memory -------------------------------------------------------------------------------

std::uint64_t rounded_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Not yet a segment: zeroed, reserved memory and the file under it.
struct Backing {
  FileDescriptor file;
  interprocess::mapped_region region;
  std::uint64_t page_bytes = 0;
  std::string temporary_path;  // in the instance's directory: the file, or a link to it
  std::string backing_path;    // on the hugetlbfs mount
  std::string degradation;
  bool published = false;

  Backing() = default;
  Backing(Backing&&) = default;
  Backing& operator=(Backing&&) = delete;
  ~Backing() {
    if (published) return;
    if (!temporary_path.empty()) ::unlink(temporary_path.c_str());
    if (!backing_path.empty()) ::unlink(backing_path.c_str());
  }
  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(region.get_address()), region.get_size()};
  }
};

std::string free_space_text(int fd) {
  struct statfs facts {};
  if (::fstatfs(fd, &facts) != 0) return "";
  return ", the mount has " +
         std::to_string(static_cast<std::uint64_t>(facts.f_bavail) *
                        static_cast<std::uint64_t>(facts.f_bsize)) +
         " bytes free";
}

// Maps before it reserves, because pages are placed when they are reserved: before_touch must have
// bound the mapping by then.
void reserve(Backing& backing, const std::string& path, std::uint64_t bytes,
             const SegmentSpec& spec) {
  const int fd = backing.file.get();
  const auto refuse = [&](int error) {
    fail(error, "cannot reserve " + std::to_string(bytes) + " bytes for " + path +
                    free_space_text(fd) + "; " +
                    (is_hugetlbfs(fd) ? "reserve more huge pages (sysctl vm.nr_hugepages)"
                                      : "enlarge the mount (mount -o remount,size=..., docker "
                                        "--shm-size)") +
                    " or lower the sizes under [memory]");
  };
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) refuse(errno);
  fault_point("create: sized");
  try {
    backing.region = interprocess::mapped_region(MappableFile(fd, interprocess::read_write),
                                                 interprocess::read_write, 0, bytes);
  } catch (const interprocess::interprocess_exception& failure) {
    refuse(failure.get_native_error());
  }
  if (spec.before_touch) spec.before_touch(backing.bytes());
  int error = 0;
  do {
    error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (error == EINTR);
  if (error != 0) refuse(error);
  fault_point("create: reserved");
  std::memset(backing.region.get_address(), 0, bytes);
  if (spec.after_touch) spec.after_touch(backing.bytes());
}

void open_new(Backing& backing, const std::string& path, const SegmentSpec& spec) {
  backing.file = FileDescriptor(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));  // NOLINT
  if (!backing.file.open()) {
    fail(errno, "cannot create " + path + "; run as the owner of its directory");
  }
  fault_point("create: opened");
  if (!take_writer_lock(backing.file.get())) fail(errno, "cannot lock " + path);
  fault_point("create: locked");
  set_access(backing.file.get(), path, spec.group, 0640);
}

std::string unique_suffix() {
  static std::atomic<std::uint32_t> count{0};
  return std::to_string(::getpid()) + "." +
         std::to_string(count.fetch_add(1, std::memory_order_relaxed));  // unique, nothing else
}

Backing small_pages(const SegmentSpec& spec, std::uint64_t bytes) {
  Backing backing;
  backing.page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto path =
      instance_path(spec.instance) + "/" + temporary_prefix(spec.name) + unique_suffix();
  open_new(backing, path, spec);
  backing.temporary_path = path;
  reserve(backing, path, rounded_up(bytes, backing.page_bytes), spec);
  return backing;
}

// The link comes first: whoever finds it dangling may remove it, and no file is ever orphaned.
Backing huge_pages(const SegmentSpec& spec, std::uint64_t bytes) {
  const FileDescriptor directory(
      ::open(spec.huge_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // NOLINT
  if (!directory.open()) fail(errno, "cannot open " + spec.huge_dir);
  if (!is_hugetlbfs(directory.get())) fail(EINVAL, spec.huge_dir + " is not on a hugetlbfs mount");
  struct statfs facts {};
  if (::fstatfs(directory.get(), &facts) != 0) fail(errno, "cannot examine " + spec.huge_dir);

  Backing backing;
  backing.page_bytes = static_cast<std::uint64_t>(facts.f_bsize);
  const auto suffix = unique_suffix();
  const auto path = spec.huge_dir + "/" + spec.instance + "." + spec.name + "." + suffix + "." +
                    std::to_string(utc_now_ns());
  const auto link = instance_path(spec.instance) + "/" + temporary_prefix(spec.name) + suffix;
  if (::symlink(path.c_str(), link.c_str()) != 0) fail(errno, "cannot create " + link);
  backing.temporary_path = link;
  open_new(backing, path, spec);
  backing.backing_path = path;
  // The mount is what there is to do something about; and the line is kept short.
  reserve(backing, spec.huge_dir, rounded_up(bytes, backing.page_bytes), spec);
  return backing;
}

Backing make_backing(const SegmentSpec& spec, std::uint64_t bytes) {
  std::string degradation;
  if (!spec.huge_dir.empty()) {
    try {
      return huge_pages(spec, bytes);
    } catch (const std::system_error& failure) {
      degradation =
          "segment " + spec.name + ": small pages instead of huge ones: " + failure.what();
    }
  }
  Backing backing = small_pages(spec, bytes);
  backing.degradation = std::move(degradation);
  return backing;
}

// --- The header -------------------------------------------------------------------------------

void write_header(const Backing& backing, const SegmentSpec& spec, std::uint64_t generation,
                  SegmentGeometry& geometry) {
  const auto memory = backing.bytes();
  auto& header = *new (memory.data()) SegmentHeader{};
  header.abi_major = abi_major;
  header.abi_minor = abi_minor;
  header.header_bytes = header_bytes;
  header.schema_hash = schema_hash(spec.kind);
  header.kind = static_cast<std::uint32_t>(spec.kind);
  header.flags = backing.backing_path.empty() ? 0 : segment_flag_huge_pages;
  header.total_bytes = memory.size();
  header.data_offset = header_bytes;
  header.data_bytes = spec.payload_bytes;
  header.item_bytes = spec.item_bytes;
  header.page_bytes = static_cast<std::uint32_t>(backing.page_bytes);
  header.generation = generation;
  header.created_utc_ns = utc_now_ns();
  header.writer_pid = static_cast<std::uint32_t>(::getpid());
  header.writer_start_time = start_time_of_this_process();
  const auto boot_id = boot_id_of_this_host();
  std::memcpy(header.boot_id, boot_id.data(), boot_id.size());
  header.item_count = spec.item_count;
  header.created_ticks = now_ticks().value;
  header.state.store(static_cast<std::uint32_t>(SegmentState::Live),
                     std::memory_order_release);  // P2: pairs with C2

  geometry = SegmentGeometry{spec.kind,
                             header.flags,
                             header.total_bytes,
                             header.data_offset,
                             header.data_bytes,
                             header.item_bytes,
                             header.page_bytes,
                             header.item_count,
                             generation,
                             UtcNs{header.created_utc_ns},
                             Ticks{header.created_ticks},
                             header.writer_pid,
                             header.writer_start_time};
}

void check_sizes(const SegmentSpec& spec) {
  if (spec.item_bytes == 0 || spec.payload_bytes > payload_bytes_max ||
      spec.item_count > spec.payload_bytes / spec.item_bytes) {
    fail(EINVAL, "segment \"" + spec.name + "\": " + std::to_string(spec.item_count) +
                     " items of " + std::to_string(spec.item_bytes) + " bytes do not fit " +
                     std::to_string(spec.payload_bytes) + " bytes of payload");
  }
}

void store_magic(Segment& segment) {
  segment.writable_header().magic.store(segment_magic,
                                        std::memory_order_release);  // P1: pairs with C1
}

// --- The name ---------------------------------------------------------------------------------

void make_directory(const std::string& path, ::mode_t mode, const std::string& group) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return;
    fail(errno, "cannot create directory " + path +
                    "; run as a user who may write there, or set RINGSIDE_SHM_ROOT");
  }
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Gone again: an ending process found it empty. The caller starts over.
  if (!directory.open()) return;
  set_access(directory.get(), path, group, mode);
}

// The dead writer's file under our name, locked by us; or none.
struct Predecessor {
  FileDescriptor file;
  std::uint64_t generation = 0;
  std::string backing_path;
};

[[noreturn]] void refuse_running(const std::string& path, int fd) {
  alignas(SegmentHeader) std::array<std::byte, sizeof(SegmentHeader)> page{};
  std::uint32_t pid = 0;
  // hugetlbfs reads, too; only writing needs a mapping there.
  if (::pread(fd, page.data(), page.size(), 0) == static_cast<ssize_t>(page.size())) {
    std::memcpy(&pid, page.data() + offsetof(SegmentHeader, writer_pid), sizeof(pid));
  }
  fail(EBUSY, path + " is already running: process " + std::to_string(pid) +
                  " writes it; stop that one, or give this instance another name");
}

// True: `found` is valid. False: the name changed meanwhile, look again.
bool look_for_predecessor(const std::string& path, Predecessor& found) {
  found = Predecessor{};
  found.backing_path = link_target(path);
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));  // NOLINT
  if (!file.open()) {
    if (errno != ENOENT)
      fail(errno, "cannot take over " + path + "; remove it or run as its owner");
    // A link to a file that is gone (hugetlbfs was mounted anew) is in nobody's use.
    if (!found.backing_path.empty()) ::unlink(path.c_str());
    found.backing_path.clear();
    return true;
  }
  if (writer_lock_held(file.get())) refuse_running(path, file.get());
  if (!take_succession_lock(file.get())) {
    fail(EBUSY, path + " is being taken over by another process at this moment");
  }
  if (!leads_to(path, file.get())) return false;
  if (!found.backing_path.empty() && !is_hugetlbfs(file.get())) found.backing_path.clear();
  alignas(SegmentHeader) std::array<std::byte, sizeof(SegmentHeader)> page{};
  if (::pread(file.get(), page.data(), page.size(), 0) == static_cast<ssize_t>(page.size())) {
    std::uint64_t magic = 0;
    std::memcpy(&magic, page.data(), sizeof(magic));
    if (magic == segment_magic) {
      std::memcpy(&found.generation, page.data() + offsetof(SegmentHeader, generation),
                  sizeof(found.generation));
    }
  }
  found.file = std::move(file);
  return true;
}

// Tells readers that still map the dead writer's file. Best effort: they also see its lock free.
void mark_superseded(const Predecessor& predecessor) noexcept {
  if (!predecessor.file.open()) return;
  try {
    struct stat facts {};
    if (::fstat(predecessor.file.get(), &facts) != 0) return;
    if (facts.st_size < static_cast<off_t>(header_bytes)) return;
    interprocess::mapped_region region(
        MappableFile(predecessor.file.get(), interprocess::read_write), interprocess::read_write, 0,
        static_cast<std::size_t>(facts.st_size));
    auto& header = *static_cast<SegmentHeader*>(region.get_address());
    if (header.magic.load(std::memory_order_acquire) != segment_magic) return;  // C1: P1
    if (header.abi_major != abi_major) return;
    header.state.store(static_cast<std::uint32_t>(SegmentState::Superseded),
                       std::memory_order_release);  // P2: pairs with C2
  } catch (const interprocess::interprocess_exception&) {
    // Not mappable: nobody maps it either.
  }
}

// False: somebody else came first, or removed what we made; start over.
bool publish(Backing& backing, const std::string& path, const Predecessor& predecessor) {
  const unsigned flags = predecessor.file.open() ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, backing.temporary_path.c_str(), AT_FDCWD, path.c_str(), flags) != 0) {
    if (errno == EEXIST || errno == ENOENT) return false;
    fail(errno, "cannot publish " + path);
  }
  backing.published = true;
  fault_point("create: renamed");
  if (!predecessor.backing_path.empty()) ::unlink(predecessor.backing_path.c_str());
  return true;
}

// Afterwards the parts own memory and lock, and `backing` the names until they are published.
SegmentParts parts_of(Backing& backing, const SegmentSpec& spec, std::uint64_t generation,
                      std::string path) {
  SegmentParts parts;
  write_header(backing, spec, generation, parts.geometry);
  parts.region.swap(backing.region);
  parts.path = std::move(path);
  parts.backing_path = backing.backing_path;
  parts.degradation = backing.degradation;
  parts.fd = backing.file.release();
  parts.writable = true;
  return parts;
}

}  // namespace

Segment create_segment(const SegmentSpec& spec, const SegmentFill& fill) {
  if (!is_valid_name(spec.instance) || !is_valid_name(spec.name)) {
    fail(EINVAL, "\"" + spec.instance + "/" + spec.name +
                     "\" is no name for a segment: letters, digits and .-_ only, at most " +
                     std::to_string(name_bytes_max) + ", not starting with a dot");
  }
  check_sizes(spec);
  const auto path = segment_path(spec.instance, spec.name);
  for (int attempt = 0; attempt < create_attempts_max; ++attempt) {
    // Anybody may have instances; what is in one is for its owner and group.
    make_directory(segment_root(), 01777, "");
    make_directory(instance_path(spec.instance), 0750, spec.group);
    Predecessor predecessor;
    if (!look_for_predecessor(path, predecessor)) continue;
    fault_point("create: predecessor locked");
    remove_leftovers(spec.instance, spec.name);
    const auto generation = spec.generation != 0 ? spec.generation : predecessor.generation + 1;
    Backing backing = make_backing(spec, header_bytes + spec.payload_bytes);
    Segment segment(parts_of(backing, spec, generation, path));
    if (fill) fill(segment);
    store_magic(segment);
    mark_superseded(predecessor);
    fault_point("create: predecessor superseded");
    if (publish(backing, path, predecessor)) return segment;
  }
  fail(EAGAIN, path + " kept changing while it was created; is something removing it?");
}

Segment create_private_segment(const SegmentSpec& spec, const SegmentFill& fill) {
  check_sizes(spec);
  Backing backing;
  backing.page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto bytes = rounded_up(header_bytes + spec.payload_bytes, backing.page_bytes);
  try {
    interprocess::mapped_region region(interprocess::anonymous_shared_memory(bytes));
    backing.region.swap(region);
  } catch (const interprocess::interprocess_exception& failure) {
    fail(failure.get_native_error(), "cannot map " + std::to_string(bytes) + " bytes");
  }
  if (spec.before_touch) spec.before_touch(backing.bytes());
  if (spec.after_touch) spec.after_touch(backing.bytes());
  Segment segment(parts_of(backing, spec, spec.generation != 0 ? spec.generation : 1, ""));
  if (fill) fill(segment);
  store_magic(segment);
  return segment;
}

}  // namespace ringside::ipc
