package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gatehouse/shards"
)

// operation is one thing that a client asks for, of every handler alike.
type operation struct {
	name, title string
	write       bool
	cached      bool // is asked of the read cache too
	// document is what gatehouse gets beside the variables.
	document string
	// variables returns a JSON object: the whole body for the hand-written handler.
	variables func(a *account, r *rand.Rand) []byte
}

var operations = []*operation{
	{
		name: "client", title: "one client by id, with group and owner", cached: true,
		document: `query Client($id: ID!) { client(id: $id) {
			id version name kind status email phone tags createdAt updatedAt group { id name } owner { id name } } }`,
		variables: func(a *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"id":%q}`, one(r, a.Clients))
		},
	},
	{
		name: "page", title: "a page of 50 clients, with group and owner", cached: true,
		document: `query Page($after: String) { clients(first: 50, after: $after) {
			nodes { id name status email phone updatedAt group { id name } owner { id name } }
			pageInfo { hasNextPage endCursor } } }`,
		variables: func(a *account, r *rand.Rand) []byte {
			if len(a.Cursors) == 0 {
				return []byte(`{}`)
			}
			return fmt.Appendf(nil, `{"after":%q}`, one(r, a.Cursors))
		},
	},
	{
		name: "pipeline", title: "the pipeline, 10 leads a stage, with owners",
		document: `query Pipeline($least: SafeInt!) { leadPipeline(where: {value: {gte: $least}}) {
			stage count totalValue leads(first: 10) { nodes { id name value currency owner { id name } } } } }`,
		variables: func(_ *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"least":%d}`, r.IntN(1000))
		},
	},
	{
		name: "groups", title: "10 groups with 10 clients each, their owners and the owners' groups",
		document: `query Groups($since: DateTime!) { groups(first: 10) { nodes { id name
			clients(first: 10, where: {createdAt: {gte: $since}}) { nodes { id name status
				owner { id name groups { id name } } } } } } }`,
		// No client is older; so each group has as many as are asked for.
		variables: func(_ *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"since":%q}`, seeded.Add(-time.Duration(r.IntN(1e9))*time.Millisecond).Format(shards.TimeFormat))
		},
	},
	{
		name: "create", title: "create a client", write: true,
		document: `mutation Create($input: CreateClientInput!) { createClient(input: $input) {
			client { id version name status createdAt } bookmark errors { code message field } } }`,
		variables: func(a *account, r *rand.Rand) []byte {
			n := r.IntN(1e9)
			return fmt.Appendf(nil, `{"input":{"name":"Grace Example %d","status":"ACTIVE","email":"grace.%d@clients.example",`+
				`"phone":"+44 20 7946 0000","tags":["newsletter","web"],"groupId":%q,"ownerId":%q}}`, n, n, one(r, a.Groups), one(r, a.Users))
		},
	},
	{
		name: "update", title: "update a client", write: true,
		document: `mutation Update($id: ID!, $patch: ClientPatch!) { updateClient(id: $id, patch: $patch) {
			client { id version name phone updatedAt } bookmark errors { code message field } } }`,
		variables: func(a *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"id":%q,"patch":{"phone":"+44 %d"}}`, one(r, a.Clients), r.IntN(1e9))
		},
	},
}

func one(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

func operationNamed(name string) *operation {
	i := slices.IndexFunc(operations, func(op *operation) bool { return op.name == name })
	if i < 0 {
		return nil
	}
	return operations[i]
}

// bodies makes request bodies of an operation.
type bodies struct {
	op *operation
	// before stands in front of the variables, nil where the body is but them.
	before []byte
}

func (op *operation) bodies(envelope bool) bodies {
	b := bodies{op: op}
	if envelope {
		document, err := json.Marshal(op.document)
		if err != nil {
			panic(err) // a string is JSON
		}
		b.before = fmt.Appendf(nil, `{"query":%s,"variables":`, document)
	}
	return b
}

// repeats is how many different requests of an account ask for what is cached.
const repeats = 10

// repeated returns one of an account's requests that are always the same.
func (b bodies) repeated(a *account, n int) []byte {
	return b.next(a, rand.New(rand.NewPCG(0, uint64(n))))
}

func (b bodies) next(a *account, r *rand.Rand) []byte {
	variables := b.op.variables(a, r)
	if b.before == nil {
		return variables
	}
	return append(append(slices.Clip(b.before), variables...), '}')
}
