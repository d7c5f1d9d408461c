package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The garbage collector has our settings, but for those of the environment.
func TestServeCollectsSeldom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ gogc, limit, wantGOGC, wantLimit string }{
		{"", "", "go_gc_gogc_percent 400", fmt.Sprintf("go_gc_gomemlimit_bytes %g", float64(int64(memoryShare*float64(memory(os.DirFS("/"))))))},
		{"150", "1GiB", "go_gc_gogc_percent 150", "go_gc_gomemlimit_bytes 1.073741824e+09"},
	} {
		_, private := privately(t, newFolder(t), "", "GOGC="+test.gogc, "GOMEMLIMIT="+test.limit)
		_, text := get(private + "/metrics")
		for _, want := range []string{test.wantGOGC, test.wantLimit} {
			if !strings.Contains(text, "\n"+want+"\n") {
				t.Errorf("GOGC=%s GOMEMLIMIT=%s: %s is not there", test.gogc, test.limit, want)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	const machine = "MemTotal:        2000 kB\nMemFree:          900 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is known":      {nil, 0},
		"a machine":             {map[string]string{"proc/meminfo": machine}, 2000 << 10},
		"a container":           {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "500000\n"}, 500000},
		"a group without limit": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 2000 << 10},
		"a service in a slice": {map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "0::/system.slice/gatehouse.service\n",
			"sys/fs/cgroup/system.slice/memory.max": "700000\n", "sys/fs/cgroup/system.slice/gatehouse.service/memory.max": "800000\n",
		}, 700000},
		"version 1": {map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "600000\n",
		}, 600000},
		"version 1, by the host's name": {map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "4:memory:/docker/17\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "600000\n",
		}, 600000},
		"version 1 without limit": {map[string]string{
			"proc/meminfo": machine, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 2000 << 10},
	} {
		root := fstest.MapFS{}
		for path, text := range test.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memory(root); got != test.want {
			t.Errorf("%s: %d bytes, want %d", name, got, test.want)
		}
	}
}
