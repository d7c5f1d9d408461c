package transport

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"gatehouse/tenancy"
)

// What is spelled by hand is what the names of the fields say.
func TestCostIsEncodedAsItsTagsSay(t *testing.T) {
	t.Parallel()
	for _, c := range []tenancy.Cost{{}, {Requested: 7, Actual: -3, Throttle: tenancy.Throttle{Limit: 20_000, Remaining: 19_993, RestoreRate: 2_000}}} {
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendCost(nil, &c)); got != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whoever adds to a field, as CORS does to Vary, leaves the others alone.
func TestFieldsAreApart(t *testing.T) {
	t.Parallel()
	f := &fields{Header: http.Header{}}
	for i := range len(f.room) + 2 {
		f.set(strconv.Itoa(i), "value")
	}
	for i := range len(f.room) + 2 {
		f.Header.Add(strconv.Itoa(i), "more")
	}
	for name, values := range f.Header {
		if !slices.Equal(values, []string{"value", "more"}) {
			t.Errorf("%s has %q", name, values)
		}
	}
}

func TestOtherExtensionsStandBesideTheCost(t *testing.T) {
	t.Parallel()
	p := parts{bookmark: "Bm", cost: &tenancy.Cost{Requested: 1}, extensions: map[string]any{"z": 1, "bookmark": "other", "a": []string{"<"}}}
	const want = `,"extensions":{"bookmark":"Bm","cost":{"requested":1,"actual":0,"throttle":{"limit":0,"remaining":0,"restoreRate":0}},"a":["\u003c"],"z":1}`
	if got := string(p.appendExtensions(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (&parts{}).appendExtensions(nil); got != nil {
		t.Errorf("got %s where there is nothing to say", got)
	}
}
