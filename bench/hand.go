package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport"
)

// hand is what somebody would write who needs these answers and nothing
// else: no GraphQL, a struct for each answer, the statements as constants. What
// isolation and read-your-writes cost it pays too: it verifies the token, asks
// the directory, has the account in every statement, reads the head in the
// snapshot and sends the bookmark.
type hand struct {
	*http.ServeMux
	gate *tenancy.Gate
	keys *shards.Keyring
	db   store
	// noHistory leaves out the head and the changes.
	noHistory bool
}

func newHand(gate *tenancy.Gate, keys *shards.Keyring, db store, noHistory bool) *hand {
	h := &hand{ServeMux: http.NewServeMux(), gate: gate, keys: keys, db: db, noHistory: noHistory}
	for name, f := range map[string]answer{
		"client": h.client, "page": h.page, "pipeline": h.pipeline, "groups": h.groups,
		"create": h.create, "queue": h.create, "update": h.update, "amend": h.update, "upsert": h.upsert,
	} {
		h.HandleFunc("POST /"+name, h.serve(f))
	}
	return h
}

// call is one admitted request.
type call struct {
	*tenancy.Request
	account string
	actor   string // as the history has it
	body    []byte
}

// answer returns the data of a response and the position it was read at.
type answer func(ctx context.Context, c *call) (any, shards.Position, error)

func (h *hand) serve(f answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), transport.DefaultTimeout)
		defer cancel()
		id := rand.Text()
		header := w.Header()
		header.Set("X-Request-Id", id)
		caller, err := h.gate.Admit(ctx, r.Header.Get("Authorization"), r.Host)
		if err != nil {
			http.Error(w, "not admitted", http.StatusUnauthorized)
			return
		}
		request := h.gate.Request(caller)
		request.ID = id
		actor, err := json.Marshal(caller.Actor)
		if err != nil {
			http.Error(w, "something went wrong", http.StatusInternalServerError)
			return
		}
		c := &call{Request: request, account: caller.Account.ID, actor: string(actor)}
		if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, transport.DefaultMaxBody)); err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		data, at, err := f(ctx, c)
		if err != nil {
			http.Error(w, "something went wrong", http.StatusInternalServerError)
			return
		}
		bookmark := h.keys.Bookmark(c.account, at)
		text, err := json.Marshal(response{Data: data, Extensions: extensions{bookmark}})
		if err != nil {
			http.Error(w, "something went wrong", http.StatusInternalServerError)
			return
		}
		header.Set("Content-Type", "application/graphql-response+json; charset=utf-8")
		header.Set("Content-Length", strconv.Itoa(len(text)))
		header.Set("Cache-Control", "private, no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Vary", "Accept, Authorization")
		header.Set("Bookmark", bookmark)
		w.Write(text)
	}
}

type response struct {
	Data       any        `json:"data"`
	Extensions extensions `json:"extensions"`
}

type extensions struct {
	Bookmark string `json:"bookmark"`
}

// named is a record of which only the name is wanted.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// row is a record's columns.
type row struct {
	account, id, created, updated string
	version                       int64
	body                          []byte
	parent                        string // of a list
}

// clientBody is what is read of a client's body.
type clientBody struct {
	Name       string   `json:"name"`
	ExternalID *string  `json:"externalId,omitempty"`
	Kind       string   `json:"kind"`
	Status     string   `json:"status"`
	Email      *string  `json:"email,omitempty"`
	Phone      *string  `json:"phone,omitempty"`
	Tags       []string `json:"tags"`
	GroupID    *string  `json:"groupId,omitempty"`
	OwnerID    *string  `json:"ownerId,omitempty"`
}

func now() string { return time.Now().UTC().Format(shards.TimeFormat) }

// own compares a row's account with the caller's, as gatehouse does.
func own(row, account string) error {
	if row != account {
		return fmt.Errorf("%w: a row of another account in a read of %s", shards.ErrIncident, account)
	}
	return nil
}
