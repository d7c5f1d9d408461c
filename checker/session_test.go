package checker

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"gatehouse/shards"
)

const (
	readDocument = `query($id: ID!) {
		one: client(id: $id) { id name version }
		page: clients(first: 100, orderBy: {field: CREATED_AT}) { totalCount nodes { id name version } }
	}`
	createDocument = `mutation($name: String!) {
		outcome: createClient(input: {name: $name}) { client { id } bookmark errors { code message } }
	}`
	updateDocument = `mutation($id: ID!, $name: String!) {
		outcome: updateClient(id: $id, patch: {name: $name}) { bookmark errors { code message } }
	}`
	pairDocument = `mutation($a: String!, $b: String!, $name: String!) {
		outcome: upsertClients(inputs: [{externalId: $a, patch: {name: $name}}, {externalId: $b, patch: {name: $name}}]) {
			results { errors { code message } } bookmark errors { code message }
		}
	}`
	historyDocument = `query($after: Bookmark) {
		changes(after: $after, first: 100) { changeSets { bookmark changes { kind recordId version patch } } bookmark hasMore }
	}`
)

// session is one user of an account: what it sends carries the newest bookmark
// that it has seen.
type session struct {
	*run
	name     string
	account  string
	rnd      *rand.Rand
	bookmark string
	at       shards.Position
	own      string // a client that nobody else writes
	writes   int
	done     []request // some writes that were acknowledged, to be sent again
}

// request is a write with its idempotency key, which is also the name that it
// gives: so it can be told in the history.
type request struct {
	document  string
	variables map[string]any
	key       string
}

// work is one thing after another until the run ends.
func (s *session) work() {
	s.own = s.create()
	for s.goesOn() {
		switch n := s.rnd.IntN(100); {
		case n < 25:
			s.write(updateDocument, map[string]any{"id": s.own})
		case n < 40: // two records in one write
			s.write(pairDocument, map[string]any{"a": s.name + "a", "b": s.name + "b"})
		case n < 45:
			s.again()
		case n < 55:
			s.strong()
		case n < 65:
			s.read(nil) // from wherever, without a bookmark
		default:
			s.read(map[string]string{"Bookmark": s.bookmark})
		}
	}
}

// write sends a write until it is acknowledged, with the same key each time.
func (s *session) write(document string, variables map[string]any) answer {
	s.writes++
	key := fmt.Sprintf("%s-%d", s.name, s.writes)
	variables["name"] = key
	r := request{document, variables, key}
	s.began(s.account, key)
	a, ok := s.send(r)
	if ok && len(s.done) < 50 {
		s.done = append(s.done, r)
	}
	return a
}

func (s *session) send(r request) (answer, bool) {
	for s.mayEnd() {
		sent := s.at
		a, err := s.ask(context.Background(), s.any(s.rnd), s.account, r.document, r.variables, map[string]string{
			"Bookmark": s.bookmark, "Idempotency-Key": r.key,
		})
		if err != nil || a.unavailable() {
			s.expected(a, err)
			s.pause()
			continue
		}
		var out struct {
			Outcome struct {
				Bookmark string
				Errors   []struct{ Code, Message string }
			}
		}
		if a.code != "" {
			s.finding("%s: a write is answered %s: %s", r.key, a.code, a.message)
			return a, false
		}
		if err := json.Unmarshal(a.data, &out); err != nil || len(out.Outcome.Errors) > 0 {
			s.finding("%s: a write is refused: %s, %v", r.key, a.data, err)
			return a, false
		}
		at, err := s.keys.ParseBookmark("account_"+s.account, out.Outcome.Bookmark)
		if err != nil {
			s.finding("%s: %v", r.key, err)
			return a, false
		}
		s.acknowledged(s.account, r.key, at)
		s.reached(r.key, sent, a)
		return a, true
	}
	return answer{}, false
}

// again repeats a write that was acknowledged long ago.
func (s *session) again() {
	if len(s.done) > 0 {
		s.send(s.done[s.rnd.IntN(len(s.done))])
	}
}

func (s *session) create() string {
	a := s.write(createDocument, map[string]any{})
	var out struct {
		Outcome struct{ Client struct{ ID string } }
	}
	if err := json.Unmarshal(a.data, &out); err != nil || out.Outcome.Client.ID == "" {
		s.finding("%s: a client is not created: %s", s.name, a.data)
	}
	return out.Outcome.Client.ID
}

func (s *session) strong() {
	floor := s.newest(s.account)
	if a, ok := s.read(map[string]string{"Consistency": "strong"}); ok && a.at.Before(floor) {
		s.finding("%s: a strong read is at %v, although %v was acknowledged before it was sent", s.name, a.at, floor)
	}
}

// read looks at the session's own client and at all clients, and notes what it
// sees, for the verdict.
func (s *session) read(header map[string]string) (answer, bool) {
	var sent shards.Position
	if header["Bookmark"] != "" {
		sent = s.at
	}
	a, err := s.ask(context.Background(), s.any(s.rnd), s.account, readDocument, map[string]any{"id": s.own}, header)
	if err != nil || a.unavailable() {
		s.expected(a, err)
		s.pause()
		return a, false
	}
	if a.code != "" {
		s.finding("%s: a read at %v is answered %s: %s", s.name, sent, a.code, a.message)
		return a, false
	}
	var out struct {
		One  *record
		Page struct {
			TotalCount int
			Nodes      []record
		}
	}
	if err := json.Unmarshal(a.data, &out); err != nil {
		s.finding("%s: %v in %s", s.name, err, a.data)
		return a, false
	}
	seen := sight{session: s.name, seq: a.at.Seq, total: out.Page.TotalCount, records: out.Page.Nodes}
	if out.One != nil {
		seen.records = append(seen.records, *out.One)
	}
	s.saw(s.account, seen)
	s.reached(s.name, sent, a)
	return a, true
}

// reached checks an answer's position against the one that was sent, and goes on
// from the newer.
func (s *session) reached(what string, sent shards.Position, a answer) {
	if a.at.Before(sent) {
		s.finding("%s: an answer is at %v, the bookmark that was sent was %v", what, a.at, sent)
	}
	if s.at.Before(a.at) {
		s.at, s.bookmark = a.at, a.bookmark
	}
}

func (s *session) pause() { time.Sleep(time.Duration(10+s.rnd.IntN(60)) * time.Millisecond) }

// follower reads the history of its account as it grows, each page behind the
// last one.
type follower struct {
	*session
	after  string
	events []event
}

func (f *follower) work() {
	for f.goesOn() {
		if more, ok := f.next(); !more || !ok {
			f.pause()
		}
	}
}

// next reads one page.
func (f *follower) next() (more, ok bool) {
	variables := map[string]any{}
	if f.after != "" {
		variables["after"] = f.after
	}
	a, err := f.ask(context.Background(), f.any(f.rnd), f.account, historyDocument, variables, nil)
	if err != nil || a.unavailable() {
		f.expected(a, err)
		return false, false
	}
	if a.code != "" {
		f.finding("a follower of %s is answered %s: %s", f.account, a.code, a.message)
		return false, false
	}
	page, err := f.parseHistory(f.account, a.data)
	if err != nil {
		f.finding("a follower of %s: %v", f.account, err)
		return false, false
	}
	for _, e := range page.events {
		if last := int64(len(f.events)); e.seq != last+1 {
			f.finding("a follower of %s gets write %d behind %d", f.account, e.seq, last)
			return false, false
		}
		f.events = append(f.events, e)
	}
	f.after = page.bookmark
	return page.more, true
}
