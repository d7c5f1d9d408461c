package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"

	"gatehouse/shards"
)

// contestant is one way to answer the operations.
type contestant struct {
	name string
	// engine is the only one that it is for, "" for any.
	engine string
	// takes tells which operations it answers.
	takes    func(*operation) bool
	envelope bool // gets GraphQL's envelope; else only the variables
	hits     bool // is asked for what its read cache has
}

const (
	static    = "static"
	byHand    = "by hand"
	grouping  = "by hand, group commit"
	noHistory = "by hand, no history"
	ours      = "gatehouse"
	cached    = "gatehouse, from the cache"
)

var contestants = []*contestant{
	{name: static, takes: func(*operation) bool { return true }},
	{name: byHand, takes: func(*operation) bool { return true }},
	{name: grouping, engine: "sqlite", takes: func(op *operation) bool { return op.write }},
	{name: noHistory, engine: "postgres", takes: func(op *operation) bool { return op.name == "create" }},
	{name: ours, takes: func(*operation) bool { return true }, envelope: true},
	{name: cached, takes: func(op *operation) bool { return op.cached }, envelope: true, hits: true},
}

func contestantNamed(name string) *contestant {
	return contestants[slices.IndexFunc(contestants, func(c *contestant) bool { return c.name == name })]
}

// site is what a contestant needs to answer: a shard and a directory of its own.
type site struct {
	Contestant string
	Shard      shards.Spec
	Directory  string // a file
	Data       *dataset
	// Answers are gatehouse's, for static, by the name of the operation.
	Answers map[string][]byte
}

// newSites seeds a shard and returns a site for each of these contestants that
// is for its engine. Where nobody is to write, they share what was seeded.
func newSites(ctx context.Context, g ground, n size, wanted []*contestant, writes bool) ([]*site, error) {
	keys, err := keyring()
	if err != nil {
		return nil, err
	}
	data, err := seed(ctx, g, keys, n)
	if err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	if err := data.sign(); err != nil {
		return nil, err
	}
	seeded := site{Contestant: ours, Shard: g.shard(), Data: data, Directory: filepath.Join(g.folder(), "seeded_directory.db")}
	if err := newDirectory(ctx, &seeded); err != nil {
		return nil, err
	}
	var sites []*site
	for _, c := range wanted {
		if c.engine != "" && c.engine != g.shard().Engine {
			continue
		}
		s := seeded
		s.Contestant = c.name
		sites = append(sites, &s)
		if !writes || c.name == static {
			continue
		}
		s.Directory = filepath.Join(g.folder(), fileOf(c.name)+"_directory.db")
		if s.Shard, err = g.copy(ctx, c.name); err != nil {
			return nil, err
		}
		if err := newDirectory(ctx, &s); err != nil {
			return nil, err
		}
	}
	// What needs answers to be known is asked of the shard that was copied.
	p, err := seeded.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := data.walk(p.handler, keys); err != nil {
		return nil, err
	}
	answers := map[string][]byte{}
	for _, op := range operations {
		if op.write && !writes {
			continue
		}
		if answers[op.name], err = p.ask(op, data.Accounts[0], op.bodies(data, true).next(data.Accounts[0], randomOf(1, 1))); err != nil {
			return nil, err
		}
	}
	for _, s := range sites {
		if s.Contestant == static {
			s.Answers = answers
		}
	}
	return sites, nil
}

// participant is a contestant in this process.
type participant struct {
	*contestant
	site    *site
	handler http.Handler // of paths that are names of operations
	close   func() error
	// asked makes every set of requests another one: a write repeated writes nothing.
	asked uint64
}

// open returns the contestant of the site, ready to answer. trace, where set, is
// told of gatehouse's statements.
func (s *site) open(ctx context.Context, trace func(shards.Statement)) (*participant, error) {
	p := &participant{contestant: contestantNamed(s.Contestant), site: s, close: func() error { return nil }}
	if p.name == static {
		p.handler = staticHandler(s.Answers)
		return p, nil
	}
	g, err := openGate(ctx, s, trace)
	if err != nil {
		return nil, err
	}
	p.close = g.close
	switch p.name {
	case ours:
		p.handler, err = g.gateway(0)
	case cached:
		p.handler, err = g.gateway(cacheBytes)
	default:
		var db store
		if db, err = openStore(ctx, s.Shard, p.name == grouping); err == nil {
			p.handler = newHand(g.gate, g.keys, db, p.name == noHistory)
			p.close = func() error {
				err := db.close()
				if err2 := g.close(); err == nil {
					err = err2
				}
				return err
			}
		}
	}
	return p, err
}

// openStore opens a shard for a handler by hand.
func openStore(ctx context.Context, spec shards.Spec, grouped bool) (store, error) {
	if spec.Engine == "postgres" {
		return openServer(ctx, spec.DSN)
	}
	return openDatabase(ctx, spec.DSN, grouped)
}

// staticHandler is the ceiling of HTTP: answers of the right size, without a question.
func staticHandler(answers map[string][]byte) http.Handler {
	mux := http.NewServeMux()
	for name, text := range answers {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", "application/graphql-response+json; charset=utf-8")
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			w.Write(text)
		})
	}
	return mux
}
