package transport

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/transport/guard/guardtest"
)

// A body of 256 KiB is read in a part of the 25 ms that a request may cost
// before it is admitted, whatever it holds.
func TestEnvelopesCostLittle(t *testing.T) {
	t.Parallel()
	full := func(open, element, end string) string {
		return open + strings.Repeat(element, (256<<10-len(open)-len(end)-10)/len(element)) + end
	}
	var names strings.Builder
	for i := range 25_000 {
		fmt.Fprintf(&names, `"%d":1,`, i)
	}
	list := func(element string) string { return full(`{"query":"{a}","variables":{"a":[`, element+",", `1]}}`) }
	for name, body := range map[string]string{
		"numbers": list("1"), "objects": list("{}"), "texts": list(`""`), "lists": list("[]"),
		"nested":  list(strings.Repeat(`{"":`, 50) + "1" + strings.Repeat("}", 50)),
		"members": `{"query":"{a}","variables":{"a":{` + names.String() + `"a":1}}}`,
		"escapes": full(`{"query":"{a}","variables":{"a":"`, `\u0041`, `"}}`),
		"text":    full(`{"query":"{a}","variables":{"a":"`, `a`, `"}}`),
		"blanks":  full(`{"query":"{a}",`, " ", `"variables":{}}`),
	} {
		var err error
		d := guardtest.CPU(t, func() { _, err = decodeEnvelope([]byte(body)) })
		t.Logf("%6.2f ms, %d bytes: %s", d.Seconds()*1000, len(body), name)
		if d > guardtest.MostCPU || err != nil {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
}
