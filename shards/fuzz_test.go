package shards

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

func FuzzBookmark(f *testing.F) {
	f.Add("a", int64(1), int64(7), testKeys.Bookmark("a", Position{1, 7}))
	f.Add("a", int64(2), int64(1)<<53, testKeys.Bookmark("b", Position{1, 7}))
	f.Add("", int64(0), int64(0), "AAAAAAAAAAAB")
	f.Fuzz(func(t *testing.T, account string, epoch, seq int64, text string) {
		want := Position{epoch, seq}
		mark := testKeys.Bookmark(account, want)
		if got, err := testKeys.ParseBookmark(account, mark); err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
		if _, err := testKeys.ParseBookmark(account+"x", mark); CodeOf(err) != BookmarkInvalid {
			t.Fatalf("another account's bookmark was read: %v", err)
		}
		if p, err := testKeys.ParseBookmark(account, text); err == nil && testKeys.Bookmark(account, p) != text {
			t.Fatalf("%q is read as %+v, which we print otherwise", text, p)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("a", "list", "text", int64(1), "g1", "x")
	f.Add("a", "lis", "", int64(-1), "", testKeys.Cursor("a", "lis", Mark{nil, "g1"}))
	f.Fuzz(func(t *testing.T, account, list, value string, number int64, id, text string) {
		value, id = strings.ToValidUTF8(value, "\uFFFD"), strings.ToValidUTF8(id, "\uFFFD")
		for _, want := range []Mark{{value, id}, {number, id}, {nil, id}} {
			cursor := testKeys.Cursor(account, list, want)
			got, err := testKeys.ParseCursor(account, list, cursor)
			if len(cursor) <= maxToken && (err != nil || got != want) {
				t.Fatalf("got %+v, %v, want %+v", got, err, want)
			}
			for _, other := range [][2]string{{account + "x", list}, {account, list + "x"}, {account + list, ""}} {
				if other != [2]string{account, list} {
					if _, err := testKeys.ParseCursor(other[0], other[1], cursor); CodeOf(err) != BadRequest {
						t.Fatalf("another list's cursor was read: %v", err)
					}
				}
			}
		}
		if m, err := testKeys.ParseCursor(account, list, text); err == nil && testKeys.Cursor(account, list, m) != text {
			t.Fatalf("%q is read as %+v, which we print otherwise", text, m)
		}
	})
}

var typeID = regexp.MustCompile(`^[a-z]([a-z_]{0,61}[a-z])?_[0-7][0-9a-hjkmnp-tv-z]{25}$`)

func FuzzID(f *testing.F) {
	f.Add("group", make([]byte, 16), "group_00000000000000000000000000")
	f.Add("a_b", bytes.Repeat([]byte{255}, 16), "group_80000000000000000000000000")
	f.Add("x", []byte("0123456789abcdef"), "_a_7zzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Fuzz(func(t *testing.T, prefix string, raw []byte, text string) {
		got, ok := IDPrefix(text)
		if ok != typeID.MatchString(text) || ok && got != text[:len(text)-27] {
			t.Fatalf("%q has the prefix %q, %t", text, got, ok)
		}
		u, err := uuid.FromBytes(raw)
		if err != nil || !typeID.MatchString(prefix+"_00000000000000000000000000") {
			return
		}
		id := FormatID(prefix, u)
		if got, ok := IDPrefix(id); !ok || got != prefix {
			t.Fatalf("%q has the prefix %q, %t, want %q", id, got, ok, prefix)
		}
		var back uuid.UUID // 26 digits of 5 bits, the first without its two
		for _, c := range []byte(id[len(prefix)+1:]) {
			carry := uint(strings.IndexByte(alphabet, c))
			for i := len(back) - 1; i >= 0; i-- {
				carry |= uint(back[i]) << 5
				back[i] = byte(carry)
				carry >>= 8
			}
		}
		if back != u {
			t.Fatalf("%s is %s, want %s", id, back, u)
		}
		if next := u; true { // ids sort as their UUIDs do
			for i := len(next) - 1; i >= 0; i-- {
				if next[i]++; next[i] != 0 {
					break
				}
			}
			if bytes.Compare(u[:], next[:]) != strings.Compare(id, FormatID(prefix, next)) {
				t.Fatalf("%s does not sort like %s", id, u)
			}
		}
	})
}

// mergePatch is RFC 7396's algorithm, word for word.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for name, value := range p {
		if value == nil {
			delete(t, name)
		} else {
			t[name] = mergePatch(t[name], value)
		}
	}
	return t
}

func parse(raw []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	return v, json.Valid(raw) && d.Decode(&v) == nil
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, e := range v {
			if hasNull(e) {
				return true
			}
		}
	}
	return false // what is in an array is kept as it is
}

func FuzzMergePatch(f *testing.F) {
	for _, c := range [][2]string{ // RFC 7396, appendix A
		{`{"a":"b"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`}, {`{"a":"b"}`, `{"a":null}`}, {`{"a":"b","b":"c"}`, `{"a":null}`},
		{`{"a":["b"]}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`}, {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`}, {`["a","b"]`, `["c","d"]`}, {`{"a":"b"}`, `["c"]`}, {`{"a":"foo"}`, `null`},
		{`{"a":"foo"}`, `"bar"`}, {`{"e":null}`, `{"a":1}`}, {`[1,2]`, `{"a":"b","c":null}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`},
		{`{"n":9007199254740993}`, `{"<&>":"\u2028"}`}, {` { "a" : {"b":[null]} } `, `{"a":{"b":[{"c":null}]},"a":1}`},
	} {
		f.Add([]byte(c[0]), []byte(c[1]))
	}
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		a, okA := parse(target)
		b, okB := parse(patch)
		_, objectA := a.(map[string]any)
		_, objectB := b.(map[string]any)
		got, err := Merge(target, patch)
		if !okA || !okB || !objectA || !objectB {
			if err == nil && len(target) > 0 {
				t.Fatalf("%s with %s was merged to %s", target, patch, got)
			}
			return
		}
		if err == errDepth {
			return
		}
		v, ok := parse(got)
		if want := mergePatch(a, b); err != nil || !ok || !reflect.DeepEqual(v, want) {
			t.Fatalf("%s with %s: got %s, %v, want %v", target, patch, got, err, want)
		}
		if again, err := Merge(got, []byte("{}")); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%s is not stable: %s, %v", got, again, err)
		}
		d, err := Diff(target, patch)
		if err == errDepth {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ = parse(patch) // mergePatch may have changed it
		if hasNull(b) {
			return
		}
		back, err := Merge(target, d)
		if v, ok := parse(back); err != nil || !ok || !reflect.DeepEqual(v, b) {
			t.Fatalf("from %s to %s: the patch %s gives %s, %v", target, patch, d, back, err)
		}
		if none, err := Diff(patch, patch); err != nil || string(none) != "{}" {
			t.Fatalf("%s differs from itself by %s, %v", patch, none, err)
		}
	})
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"É", "ß", "İ", "ΣΊΣΥΦΟΣ", "ﬀ", "\u0345\u0301", "ᾳ", "\u03b1\u0345\u0301", "\u1fb3\u0301", "\u13f4\uab77"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "\uFFFD") // as all that comes in JSON
		once := Fold(s)
		if twice := Fold(once); twice != once {
			t.Fatalf("%+q folds to %+q, and that to %+q", s, once, twice)
		}
		if other := Fold(norm.NFD.String(s)); other != once {
			t.Fatalf("%+q folds to %+q, decomposed to %+q", s, once, other)
		}
	})
}

func TestFoldOfEveryRune(t *testing.T) {
	t.Parallel()
	for r := rune(1); r < 0x20000; r++ { // behind them are no letters with cases
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		s := string(r)
		if once := Fold(s); Fold(once) != once || Fold(norm.NFD.String(s)) != once {
			t.Errorf("%+q folds to %+q, and that to %+q; decomposed to %+q", s, once, Fold(once), Fold(norm.NFD.String(s)))
		}
		// A letter folds as its capital does, where the two are a pair.
		if up := unicode.ToUpper(r); unicode.ToLower(up) == r && Fold(string(up)) != Fold(s) {
			t.Errorf("%+q folds to %+q, its capital to %+q", s, Fold(s), Fold(string(up)))
		}
	}
}

// FuzzFilter sends any filter, page and order to a real shard: what is accepted
// runs, and returns this account's rows only.
func FuzzFilter(f *testing.F) {
	for _, where := range []string{
		`{"name":{"startsWith":"g"}}`, `{"externalId":{"in":["a","B"],"isNull":false}}`, `{"parentId":{"eq":"g1"}}`,
		`{"createdAt":{"gte":"2026-01-01T00:00:00.0005+01:00","lt":"9999-12-31T23:59:59-01:00"}}`, `{"value":{"gt":-1,"lte":9007199254740991}}`,
		`{"active":{"eq":true}}`, `{"stage":{"startsWith":"N"}}`, `{"body":{"eq":"{}"}}`, `{"accountId":{"eq":"b"}}`, `{"name":{"or":"1"}}`,
		`{"name":{"eq":null}}`, `{"name":null}`, `{"name":{"in":[1,true,"x\u0000"]}}`, `{"name\" OR 1=1 --":{"eq":1}}`, `{"version":{"gt":0}}`,
	} {
		f.Add(where, byte(0), "created_at", "x", int64(3))
	}
	f.Add(`{"value":{"eq":1}}`, byte(3), "value", "", int64(0))
	s := openTest(f, Options{})
	ctx := context.Background()
	for _, account := range []string{"a", "b"} {
		h := s.testHandle(f, account)
		write := &Write{Ops: []Op{createGroup("g1", "Group "+account), createGroup("g2", "x")}}
		for table, body := range map[string]string{
			"users": `{"name":"U","email":"u@x","role":"ADMIN","active":true,"externalId":"a"}`, "clients": `{"name":"C","status":"ACTIVE","groupId":"g1"}`,
			"leads": `{"name":"L","stage":"NEW","value":1}`,
		} {
			write.Ops = append(write.Ops, Op{Kind: Created, Table: table, ID: table + "1", Body: []byte(body), Patch: []byte(body)})
		}
		if _, err := h.Commit(ctx, write); err != nil {
			f.Fatal(err)
		}
	}
	h := s.testHandle(f, "a")
	tables := []string{"groups", "users", "clients", "leads", "documents"}
	f.Fuzz(func(t *testing.T, text string, shape byte, order, value string, number int64) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var where map[string]any
		if d.Decode(&where) != nil {
			return
		}
		snap, err := h.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		table := snap.Table(tables[int(shape)%len(tables)])
		p := Page{Table: table, Order: Order{Column: "created_at", Desc: shape&1 == 0}, Backward: shape&2 == 0, Limit: int(shape & 7)}
		if p.Where, err = table.Filter(where); err != nil {
			return
		}
		if column, ok := table.Sortable(order); ok {
			p.Order.Column = column
		}
		switch {
		case shape&8 != 0:
			p.After = &Mark{value, value}
		case shape&16 != 0:
			p.Before = &Mark{number, value}
		case shape&32 != 0:
			p.After, p.Before = &Mark{nil, ""}, &Mark{nil, value}
		}
		if shape&64 != 0 {
			p.By, p.Parents = "created_at", []string{value, "g1"}
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		lists, err := snap.List(ctx, p)
		if err != nil {
			t.Fatalf("%s %+v: %v", text, p, err)
		}
		if _, err := snap.Count(ctx, p); err != nil {
			t.Fatalf("%s %+v: %v", text, p, err)
		}
		for _, rows := range lists {
			for _, r := range rows {
				if r.Text("name") == "Group b" {
					t.Fatal("another account's row")
				}
			}
		}
	})
}

func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	for text, want := range map[string]Code{
		`{"name":{"eq":"x"}}`: "", `{"name":null}`: "", `{}`: "",
		`{"name":{"eq":null}}`: BadRequest, `{"name":{"in":[null]}}`: BadRequest, `{"name":"x"}`: BadRequest,
		`{"name":{"eq":{}}}`: BadRequest, `{"value":{"gt":1.5}}`: BadRequest, `{"name":{"isNull":"x"}}`: BadRequest,
		// What the schema should never have offered.
		`{"stage":{"startsWith":"N"}}`: Internal, `{"name":{"like":"N"}}`: Internal, `{"phone":{"eq":"N"}}`: Internal,
	} {
		var where map[string]any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&where); err != nil {
			t.Fatal(err)
		}
		if _, err := s.engine.tables()["leads"].Filter(where); CodeOf(err) != want {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	long := make([]any, MaxIn+1)
	for i := range long {
		long[i] = fmt.Sprint(i)
	}
	if _, err := s.engine.tables()["leads"].Filter(map[string]any{"name": map[string]any{"in": long}}); CodeOf(err) != BadRequest {
		t.Errorf("got %v", err)
	}
}

// Instants between two milliseconds compare as instants do.
func TestFilterOfFinerInstants(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 1e6, time.UTC) }})
	h := s.testHandle(t, "a")
	ctx := context.Background()
	if _, err := h.Commit(ctx, &Write{Ops: []Op{createGroup("g1", "G")}}); err != nil {
		t.Fatal(err)
	}
	snap, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	const before, same, after = "2026-01-01T00:00:00.0009Z", "2026-01-01T01:00:00.001+01:00", "2026-01-01T00:00:00.0011Z"
	const last = "9999-12-31T23:59:59.9999Z" // the next millisecond would sort before all others
	for at, want := range map[string]map[string]int{
		before: {"gt": 1, "gte": 1, "lt": 0, "lte": 0},
		same:   {"gt": 0, "gte": 1, "lt": 0, "lte": 1},
		after:  {"gt": 0, "gte": 0, "lt": 1, "lte": 1},
		last:   {"gt": 0, "gte": 0, "lt": 1, "lte": 1},
	} {
		for op, n := range want {
			p := Page{Table: snap.Table("groups"), Order: Order{Column: "created_at"}}
			if p.Where, err = p.Table.Filter(map[string]any{"createdAt": map[string]any{op: at}}); err != nil {
				t.Fatal(err)
			}
			if got, err := snap.Count(ctx, p); err != nil || got[""] != int64(n) {
				t.Errorf("%s %s: got %d, want %d, %v", op, at, got[""], n, err)
			}
		}
	}
}
