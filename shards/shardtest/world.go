package shardtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/shards"
)

// world is one shard and the clock that it goes by.
type world struct {
	t     *testing.T
	shard *shards.Shard
	keys  *shards.Keyring
	now   *clock

	mu       sync.Mutex
	accounts []string
	strays   []string // statements that named no account of the world
	heard    func(shards.Statement)
}

// clock is a time that moves only when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newWorld(t *testing.T, open Open) *world {
	t.Helper()
	w := &world{t: t, now: &clock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}}
	var err error
	if w.keys, err = shards.NewKeyring(bytes.Repeat([]byte("k"), 32)); err != nil {
		t.Fatal(err)
	}
	w.shard = open(t, shards.Options{Keys: w.keys, Create: true, Now: w.now.read, Trace: w.watch})
	t.Cleanup(func() {
		slices.Sort(w.strays)
		for _, s := range slices.Compact(w.strays) {
			t.Errorf("a statement without an account of this test: %s", s)
		}
	})
	return w
}

var scoped = regexp.MustCompile(`(?s)account_id = [?$](\d+)|\(account_id, .*VALUES \([?$](\d+)`)

// watch looks for statements on no account (invariant 1).
func (w *world) watch(s shards.Statement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.heard != nil {
		w.heard(s)
	}
	for _, m := range scoped.FindAllStringSubmatch(s.SQL, -1) {
		n, _ := strconv.Atoi(m[1] + m[2])
		if account, _ := s.Args[n-1].(string); slices.Contains(w.accounts, account) {
			return
		}
	}
	w.strays = append(w.strays, s.SQL)
}

// listen has f see the statements from now on.
func (w *world) listen(f func(shards.Statement)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = f
}

// again returns another handle of an account of the world, as another request has it.
func (w *world) again(account string) *shards.Handle {
	return shards.NewHandle(account, w.keys, func(context.Context, bool) (*shards.Shard, error) { return w.shard, nil })
}

// handle begins an account where there is none of that name, and returns a handle for it.
func (w *world) handle(account string) *shards.Handle {
	w.t.Helper()
	w.mu.Lock()
	w.accounts = append(w.accounts, account)
	w.mu.Unlock()
	if err := w.shard.AddAccount(context.Background(), account); err != nil {
		w.t.Fatal(err)
	}
	return w.again(account)
}

// open returns a snapshot that is open, and where it is.
func open(ctx context.Context, h *shards.Handle) (*shards.Snapshot, shards.Position, error) {
	s, err := h.Snapshot(ctx)
	if err != nil {
		return nil, shards.Position{}, err
	}
	at, err := s.Position(ctx)
	if err != nil {
		s.Close()
	}
	return s, at, err
}

// snapshot opens a read that ends with the test, where it is not closed before.
func (w *world) snapshot(h *shards.Handle) *shards.Snapshot {
	w.t.Helper()
	s, _, err := open(context.Background(), h)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return s
}

// commit writes ops, which nothing speaks against.
func (w *world) commit(h *shards.Handle, ops ...shards.Op) shards.Committed {
	w.t.Helper()
	out, err := h.Commit(context.Background(), &shards.Write{Actor: tester, RequestID: "r1", Ops: ops})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

var tester = shards.Actor{Kind: shards.ActorUser, ID: "user_1", Name: "Tester"}

// refused tries to write ops, and wants the refusal.
func (w *world) refused(h *shards.Handle, want shards.Refusal, ops ...shards.Op) {
	w.t.Helper()
	before := w.head(h)
	_, err := h.Commit(context.Background(), &shards.Write{Ops: ops})
	var got *shards.Refusal
	if !errors.As(err, &got) || *got != want {
		w.t.Errorf("got %v, want %v", err, &want)
	}
	if after := w.head(h); after != before {
		w.t.Errorf("a refused write moved the head from %+v to %+v", before, after)
	}
}

// head returns the account's position, as somebody sees it who knows nothing of it.
func (w *world) head(h *shards.Handle) shards.Position {
	w.t.Helper()
	s, at, err := open(context.Background(), h)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Close()
	return at
}

// row returns a record, nil where there is none.
func (w *world) row(h *shards.Handle, table, id string) *shards.Row {
	w.t.Helper()
	s, err := h.Snapshot(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Get(context.Background(), table, []string{id})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

// fields are what a test says of a record's body.
type fields map[string]any

// least is what a record of each table must have.
var least = map[string]fields{
	"groups":    {"name": "Group"},
	"users":     {"name": "User", "role": "MEMBER", "active": true},
	"clients":   {"name": "Client", "status": "ACTIVE"},
	"leads":     {"name": "Lead", "stage": "NEW"},
	"documents": {"title": "Document"},
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// create makes an op for a new record; what f does not say is as in least. A
// group's name and a user's email are made from the id, since they are unique.
func create(table, id string, f fields) shards.Op {
	body := maps.Clone(least[table])
	switch table {
	case "groups":
		body["name"] = "Group " + id
	case "users":
		body["email"] = id + "@example.com"
	}
	maps.Copy(body, f)
	maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
	text := encode(body)
	return shards.Op{Kind: shards.Created, Table: table, ID: id, Body: text, Patch: text}
}

// update makes an op that merges f into a row's body.
func update(r *shards.Row, f fields) shards.Op {
	if f == nil {
		f = fields{}
	}
	patch := encode(f)
	body, err := shards.Merge(r.Body, patch)
	if err != nil {
		panic(err)
	}
	return shards.Op{Kind: shards.Updated, Table: r.Table.Name, ID: r.ID, Version: r.Version, Body: body, Patch: patch}
}

func remove(table, id string, version int64) shards.Op {
	return shards.Op{Kind: shards.Deleted, Table: table, ID: id, Version: version}
}

var members = shards.Link{Table: "memberships", Parent: "group_id", Child: "user_id"}

// member makes an op on a group that puts a user into it, or takes one out.
func member(group *shards.Row, user string, is bool) shards.Op {
	var mark any
	if is {
		mark = fields{}
	}
	op := update(group, fields{"members": fields{user: mark}})
	op.Body = group.Body // a membership is not in the body
	op.Pair = &shards.Pair{Link: members, Parent: group.ID, Child: user, Remove: !is}
	return op
}

func wantCode(t *testing.T, err error, want shards.Code) {
	t.Helper()
	if got := shards.CodeOf(err); got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func ids(rows []*shards.Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return strings.Join(out, " ")
}

func name(prefix string, n int) string { return fmt.Sprintf("%s%03d", prefix, n) }
