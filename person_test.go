package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"gatehouse/tenancy"
)

const (
	// A person thinks for 5 s before each read, so that they write each minute;
	// for less where they are watched for less than a minute.
	think         = 5 * time.Second
	readsPerWrite = 12

	// answered begins every answer without errors.
	answered = `{"data":{`
)

// person has one connection, which must last, and waits for each answer before
// the next question.
type person struct {
	crowd    *crowd
	token    string
	conn     net.Conn
	in       *bufio.Reader
	random   *rand.Rand
	bookmark string // of the last answer: what they have seen or written stays visible
	answer   []byte // the last one
	took     []taken
}

// taken is how long an answer took.
type taken struct {
	what string
	took time.Duration
}

// person connects and signs in: who connects and says nothing for 5 s is cut off.
func (c *crowd) person(i int) (*person, error) {
	token, err := tenancy.SignDev([]byte(testSecret), tenancy.DevClaims{
		Account: c.Account, Subject: fmt.Sprint("person-", i), Name: fmt.Sprint("Person ", i), Role: "admin",
		IssuedAt: time.Now(), Lifetime: 24 * time.Hour,
	})
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		return nil, err
	}
	p := &person{crowd: c, token: token, conn: conn, in: bufio.NewReader(conn), random: rand.New(rand.NewPCG(1, uint64(i)))}
	return p, p.ask(askViewer, nil)
}

// live reads once in each pace and writes once in twelve, from a moment of the
// person's own on.
func (p *person) live(begun time.Time, long, pace time.Duration) error {
	moment := func(in time.Duration) time.Duration { return time.Duration(p.random.Int64N(int64(in))) }
	read, write := moment(pace), moment(readsPerWrite*pace)
	var answered time.Time
	for {
		due, ask := read, p.read
		if write < read {
			due, ask = write, p.write
			write += readsPerWrite * pace
		} else {
			read += pace
		}
		if due >= long {
			return nil
		}
		since := begun.Add(due)
		time.Sleep(time.Until(since))
		if answered.After(since) { // they had to wait before they could ask
			since = answered
		}
		what, err := ask()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		answered = time.Now()
		p.took = append(p.took, taken{what, answered.Sub(since)})
	}
}

// The documents of the people's application.
const (
	askViewer = `query Viewer { viewer { account { name } actor { name } } }`
	askClient = `query Client($id: ID!) { client(id: $id) {
		id version name kind status email phone tags createdAt updatedAt group { id name } owner { id name } } }`
	askNewest = `query Newest($status: ClientStatus!) { clients(first: 50, where: {status: {eq: $status}}) {
		nodes { id name status email phone updatedAt group { id name } owner { id name } } pageInfo { hasNextPage endCursor } } }`
	askPipeline = `query Pipeline { leadPipeline {
		stage count totalValue leads(first: 10) { nodes { id name value currency owner { id name } } } } }`
	askGroups = `query Groups { groups(first: 10) { nodes { id name clients(first: 10) { nodes { id name owner { id name } } } } } }`
	askCreate = `mutation Create($input: CreateClientInput!) { createClient(input: $input) {
		client { id version name status createdAt } bookmark errors { code message field } } }`
	askUpdate = `mutation Update($id: ID!, $patch: ClientPatch!) { updateClient(id: $id, patch: $patch) {
		client { id version name phone updatedAt } bookmark errors { code message field } } }`
)

// read opens a client most of the time, and looks at a list now and then.
func (p *person) read() (string, error) {
	switch n := p.random.IntN(10); {
	case n < 5:
		return "client", p.ask(askClient, map[string]any{"id": one(p, p.crowd.Clients)})
	case n < 8:
		return "newest", p.ask(askNewest, map[string]any{"status": one(p, []string{"PROSPECT", "ACTIVE", "DORMANT"})})
	case n < 9:
		return "pipeline", p.ask(askPipeline, nil)
	}
	return "groups", p.ask(askGroups, nil)
}

func (p *person) write() (string, error) {
	n := p.random.IntN(1e9)
	if n%2 == 0 {
		return "update", p.ask(askUpdate, map[string]any{"id": one(p, p.crowd.Clients), "patch": map[string]any{"phone": fmt.Sprint("+44 ", n)}})
	}
	return "create", p.ask(askCreate, map[string]any{"input": map[string]any{
		"name": fmt.Sprint("Grace Example ", n), "status": "ACTIVE", "email": fmt.Sprintf("grace.%d@example.org", n),
		"groupId": one(p, p.crowd.Groups), "ownerId": one(p, p.crowd.Users),
	}})
}

func one(p *person, of []string) string { return of[p.random.IntN(len(of))] }

// ask sends an operation and reads its answer, which must be whole and without
// errors, and leave the connection open.
func (p *person) ask(document string, variables map[string]any) error {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	out := fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/graphql-response+json\r\nContent-Length: %d\r\n", p.crowd.Address, p.token, len(body))
	if p.bookmark != "" {
		out = fmt.Appendf(out, "Bookmark: %s\r\n", p.bookmark)
	}
	if _, err := p.conn.Write(append(append(out, "\r\n"...), body...)); err != nil {
		return err
	}
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	p.answer, err = io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK || !bytes.HasPrefix(p.answer, []byte(answered)) || bytes.Contains(p.answer, []byte(`"code"`)):
		return fmt.Errorf("%s: %.300s", response.Status, p.answer)
	case response.Close:
		return errors.New("the connection ends with this answer")
	}
	p.bookmark = response.Header.Get("Bookmark")
	return nil
}
