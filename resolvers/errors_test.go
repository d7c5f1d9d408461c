package resolvers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gatehouse/shards"
)

// TestNothingFromInsideIsShown: an unknown cause is a reference for the caller
// and a line in the log, also when it is a panic; the gateway goes on.
func TestNothingFromInsideIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	var log bytes.Buffer
	var err error
	if w.exec, err = NewExecutor(Options{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	for name, route := range map[string]shards.Route{
		"error": func(context.Context, bool) (*shards.Shard, error) {
			return nil, errors.New("secret: /var/lib/shard.db SELECT")
		},
		"panic": func(context.Context, bool) (*shards.Shard, error) { panic("secret: in a resolver") },
	} {
		for _, query := range []string{
			`{ clients { nodes { id } } }`,
			`{ client(id: "x") { id } }`,
			`mutation { createGroup(input: {name: "G"}) { group { id } } }`,
		} {
			log.Reset()
			r := w.request("a")
			r.Handle = shards.NewHandle("a", w.keys, route)
			data, errs := w.run(r, query, nil)
			text := data + strings.Join(errs, " ")
			if len(errs) != 1 || !strings.Contains(text, "INTERNAL: ") || strings.Contains(text, "secret") {
				t.Errorf("%s %s: %s", name, query, text)
				continue
			}
			reference := errs[0][strings.LastIndexByte(errs[0], ' ')+1:]
			if !strings.Contains(log.String(), reference) || !strings.Contains(log.String(), "secret") {
				t.Errorf("%s: the log has no %s:\n%s", name, reference, &log)
			}
		}
	}
	w.want(w.ask(w.request("a"), `{ clients { totalCount } }`), "clients.totalCount", "0")
}

func TestKnownErrorsKeepTheirCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&shards.Error{Code: shards.Unavailable, Message: "later", RetryAfter: time.Second, Err: errors.New("secret")}, "UNAVAILABLE: later"},
		{context.DeadlineExceeded, "UNAVAILABLE: the request took too long"},
		{context.Canceled, "UNAVAILABLE: the request was given up"},
	} {
		r := w.request("a")
		r.Handle = shards.NewHandle("a", w.keys, func(context.Context, bool) (*shards.Shard, error) { return nil, test.err })
		_, errs := w.run(r, `{ clients { nodes { id } } }`, nil)
		if len(errs) != 1 || errs[0] != "clients "+test.want {
			t.Errorf("got %q, want %q", errs, test.want)
		}
	}
}

// TestWithoutARequestThereIsNoData: an absent tenant is an error, never "all".
func TestWithoutARequestThereIsNoData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	for _, query := range []string{`{ clients { nodes { id } } }`, `{ viewer { scopes } }`, `{ node(id: "x") { id } }`, `mutation { createGroup(input: {name: "G"}) { group { id } } }`} {
		data, errs := w.run(nil, query, nil)
		if len(errs) != 1 || !strings.Contains(errs[0], "INTERNAL") || strings.Contains(data, "nodes") {
			t.Errorf("%s: %s %q", query, data, errs)
		}
	}
}

// TestTheSchemaIsToldOnlyWhereItMay: with introspection off, neither it nor a
// suggestion tells.
func TestTheSchemaIsToldOnlyWhereItMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	for _, test := range []struct{ query, want string }{
		{`{ __schema { queryType { name } } }`, " BAD_REQUEST: introspection is off for this caller; the schema is documented elsewhere"},
		{`{ t: __type(name: "Client") { name } }`, " BAD_REQUEST: introspection is off for this caller; the schema is documented elsewhere"},
		{`{ client5 { id } }`, ` BAD_REQUEST: Cannot query field "client5" on type "Query".`},
	} {
		if _, errs := w.run(w.request("a"), test.query, nil); len(errs) != 1 || errs[0] != test.want {
			t.Errorf("%s: got %q, want %q", test.query, errs, test.want)
		}
	}
	var err error
	if w.exec, err = NewExecutor(Options{Introspection: true}); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask(w.request("a"), `{ __schema { queryType { name } } }`), "__schema.queryType.name", "Query")
	if w.exec, err = NewExecutor(Options{Introspection: true, IntrospectionRoles: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	for role, told := range map[string]bool{"admin": true, "member": false, "": false} {
		r := w.request("a")
		caller := *r.Caller
		caller.Role, r.Caller = role, &caller
		if _, errs := w.run(r, `{ __schema { queryType { name } } }`, nil); (len(errs) == 0) != told {
			t.Errorf("role %q: got %q", role, errs)
		}
	}
}
