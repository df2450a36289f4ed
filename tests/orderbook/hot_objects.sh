#!/usr/bin/env bash
# Fails if an object that runs for each record refers to what must not happen there: allocation,
# locks, exceptions, formatting, the kernel.   hot_objects.sh NM OBJECT...
set -euo pipefail
nm=$1
shift
banned='^(_Znw|_Zna|malloc|calloc|realloc|pthread_mutex|pthread_cond|__cxa_throw|__cxa_allocate|snprintf|printf|syscall|write|read|poll|nanosleep|clock_gettime|_ZNSt.*(ios|basic_string))'
bad=0
for object in "$@"; do
  found=$("$nm" -u "$object" | awk '{print $2}' | sed 's/@.*//' | grep -E "$banned" || true)
  if [ -n "$found" ]; then
    echo "$object refers to:" $found
    bad=1
  fi
done
exit $bad
