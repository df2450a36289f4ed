// Starts a program on a poorer host than this one: confined [OPTION]... PROGRAM ARGUMENT...
//
//   --refuse-io-uring ERRNO   io_uring_setup answers this number (seccomp), as containers do
//   --cpu N                   one core
//   --lock-bytes N            RLIMIT_MEMLOCK, and no right to pass over it
//
// Exit 2 and one line where the host does not let itself be made poorer.
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "confined: %s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

void refuse_io_uring(unsigned error) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no new privileges");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) fail("seccomp");
}

void one_core(int number) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(number, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) fail("sched_setaffinity");
}

void lock_at_most(unsigned long bytes) {
  const rlimit limit{bytes, bytes};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) fail("setrlimit");
  // The superuser would pass over it: what exec gives is bounded by this set.
  if (geteuid() == 0 && prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0) fail("CAP_IPC_LOCK");
}

}  // namespace

int main(int argc, char** argv) {
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    const std::string_view option = argv[at];
    const unsigned long value = std::strtoul(argv[at + 1], nullptr, 10);
    if (option == "--refuse-io-uring") {
      refuse_io_uring(static_cast<unsigned>(value));
    } else if (option == "--cpu") {
      one_core(static_cast<int>(value));
    } else if (option == "--lock-bytes") {
      lock_at_most(value);
    } else {
      std::fprintf(stderr, "confined: unknown option %s\n", argv[at]);
      return 2;
    }
  }
  if (at >= argc) {
    std::fprintf(stderr, "confined: no program is named\n");
    return 2;
  }
  execv(argv[at], argv + at);
  fail(argv[at]);
}
