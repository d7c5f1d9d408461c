package main

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// gcPercent has garbage collected seldom: while it is, on all processors but
// the one that an account's flood uses, nobody else's request is noticed for up
// to 10 ms. Memory is several times what is in use instead, up to a share of
// what there is; above that, garbage is collected as often as it takes.
const gcPercent = 400

// memoryShare leaves a quarter to SQLite, whose memory Go does not see, and to
// the system's cache of files.
const memoryShare = 0.75

// collectSeldom sets up the garbage collector, but for what GOGC and GOMEMLIMIT say.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if limit := memory(os.DirFS("/")); os.Getenv("GOMEMLIMIT") == "" && limit > 0 {
		debug.SetMemoryLimit(int64(memoryShare * float64(limit)))
	}
}

// memory returns how many bytes there are for this process: the machine's, or
// what its control group may have where that is less. It is 0 where the system
// of root, which is Linux, does not tell.
func memory(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	within := func(text string, unit int64) {
		if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && n > 0 && n < least/unit {
			least = n * unit
		}
	}
	if info, err := fs.ReadFile(root, "proc/meminfo"); err == nil {
		_, total, _ := bytes.Cut(info, []byte("MemTotal:"))
		text, _, _ := strings.Cut(string(total), "kB")
		within(text, 1<<10)
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		// Its number, the controllers that it is for, and its name.
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" { // of version 1
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		// A group is also within those above it. In a container the name may be
		// that of the host, and the mount the group itself.
		for name := path.Clean("/" + parts[2]); ; name = path.Dir(name) {
			if text, err := fs.ReadFile(root, path.Join(mount, name, file)); err == nil {
				within(string(text), 1)
			}
			if name == "/" {
				break
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}
