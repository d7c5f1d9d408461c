package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gatehouse/shards"
)

// contest is everything that is compared, over equal data.
type contest struct {
	data        *dataset
	contestants []*contestant
	gateway     *gateway
	stores      []store
	// asked makes every set of requests another one: a write repeated writes nothing.
	asked uint64
}

// contestant answers all operations in its own way.
type contestant struct {
	name     string
	envelope bool // gets GraphQL's envelope; else only the variables
	hits     bool // is asked for what its read cache has
	onlyFor  func(*operation) bool
	handler  func(*operation) http.Handler
}

const (
	static   = "static"
	byHand   = "by hand"
	grouping = "by hand, group commit"
	ours     = "gatehouse"
	cached   = "gatehouse, from the cache"
)

// ground is where the contest's data lies: gatehouse's, and an equal copy for
// each handler by hand.
type ground struct {
	dir   string
	spec  shards.Spec
	hands []string
	// copy opens a copy of what the spec's shard had when it was closed.
	copy func(ctx context.Context, name string) (store, error)
}

// files is the ground on SQLite, in dir.
func files(dir string) ground {
	path := filepath.Join(dir, "shard.db")
	return ground{dir, shards.Spec{ID: shardID, Engine: "sqlite", DSN: path}, []string{byHand, grouping}, func(ctx context.Context, name string) (store, error) {
		file := filepath.Join(dir, fileOf(name))
		if err := copyFile(path, file); err != nil {
			return nil, err
		}
		return openDatabase(ctx, file, name == grouping)
	}}
}

// newContest seeds a shard with so many accounts and gives each handler a copy of it.
func newContest(ctx context.Context, g ground, accounts int, trace func(shards.Statement)) (*contest, error) {
	keys, err := shards.NewKeyring(secret('k'))
	if err != nil {
		return nil, err
	}
	c := &contest{}
	if c.data, err = seed(ctx, g.spec, keys, accounts); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	hands := map[string]*hand{}
	for _, name := range g.hands {
		db, err := g.copy(ctx, name)
		if err != nil {
			return nil, err
		}
		c.stores = append(c.stores, db)
		hands[name] = newHand(nil, keys, db)
	}
	if c.gateway, err = newGateway(ctx, g.spec, g.dir, keys, c.data, trace); err != nil {
		return nil, err
	}
	for _, h := range hands {
		h.gate = c.gateway.gate
	}
	if err := c.walk(); err != nil {
		return nil, err
	}
	all := func(*operation) bool { return true }
	c.contestants = []*contestant{
		{name: static, onlyFor: all, handler: c.static},
		{name: byHand, onlyFor: all, handler: func(*operation) http.Handler { return hands[byHand] }},
		{name: grouping, onlyFor: func(op *operation) bool { return op.write && hands[grouping] != nil }, handler: func(*operation) http.Handler { return hands[grouping] }},
		{name: ours, onlyFor: all, handler: func(*operation) http.Handler { return c.gateway }, envelope: true},
		{name: cached, onlyFor: func(op *operation) bool { return op.cached }, handler: func(*operation) http.Handler { return c.gateway.cached }, envelope: true, hits: true},
	}
	return c, nil
}

// fileOf returns the name of the file that a hand-written handler has.
func fileOf(name string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(name) + ".db" }

func (c *contest) close() error {
	err := c.gateway.close()
	for _, db := range c.stores {
		if err2 := db.close(); err == nil {
			err = err2
		}
	}
	return err
}

func (c *contest) contestant(name string) *contestant {
	for _, one := range c.contestants {
		if one.name == name {
			return one
		}
	}
	return nil
}

// walk collects the cursors of every account's list of clients.
func (c *contest) walk() error {
	op := operationNamed("page")
	for _, a := range c.data.Accounts {
		var cursors []string
		for {
			a.Cursors = cursors[max(0, len(cursors)-1):]
			answer, err := ask(c.gateway, "/", a, op.bodies(true).next(a, rand.New(rand.NewPCG(1, 1))))
			if err != nil {
				return err
			}
			var page struct {
				Data struct {
					Clients struct {
						PageInfo struct {
							HasNextPage bool
							EndCursor   string
						}
					}
				}
			}
			if err := decode(answer, &page); err != nil {
				return err
			}
			info := page.Data.Clients.PageInfo
			if !info.HasNextPage {
				break
			}
			cursors = append(cursors, info.EndCursor)
		}
		a.Cursors = cursors
	}
	return nil
}

// remember has an operation's answers put into the read cache.
func (c *contest) remember(op *operation) error {
	for _, a := range c.data.Accounts {
		for n := range repeats {
			if _, err := ask(c.gateway.cached, "/", a, op.bodies(true).repeated(a, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// static is the ceiling of HTTP: an answer of the right size, without a question.
func (c *contest) static(op *operation) http.Handler {
	a := c.data.Accounts[0]
	text, err := ask(c.gateway, "/", a, op.bodies(true).next(a, rand.New(rand.NewPCG(1, 1))))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/graphql-response+json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Write(text)
	})
}
