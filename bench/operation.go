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
	// concurrency has how many connections ask at once.
	concurrency []int
	// single asks for one account only, rather than for any.
	single bool
	// document is what gatehouse gets beside the variables.
	document string
	// variables returns a JSON object: the whole body for the hand-written handler.
	variables func(d *dataset, a *account, r *rand.Rand) []byte
}

// How many ask at once, unless it is said otherwise.
var (
	atReading    = []int{1, 32, 256}
	atWriting    = []int{1, 32, 64, 256}
	inOneAccount = []int{16, 64}
)

var operations = []*operation{
	{
		name: "client", title: "one client by id, with group and owner", cached: true, concurrency: atReading,
		document: `query Client($id: ID!) { client(id: $id) {
			id version name kind status email phone tags createdAt updatedAt group { id name } owner { id name } } }`,
		variables: func(d *dataset, a *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"id":%q}`, one(r, d.Clients))
		},
	},
	{
		name: "page", title: "the newest 50 clients of a status, or the next 50, with group and owner", cached: true, concurrency: atReading,
		document: `query Page($status: ClientStatus!, $after: String) { clients(first: 50, after: $after, where: {status: {eq: $status}}) {
			nodes { id name status email phone updatedAt group { id name } owner { id name } }
			pageInfo { hasNextPage endCursor } } }`,
		variables: func(d *dataset, a *account, r *rand.Rand) []byte {
			status := one(r, statuses)
			if len(a.Cursors) == 0 {
				return fmt.Appendf(nil, `{"status":%q}`, status)
			}
			return fmt.Appendf(nil, `{"status":%q,"after":%q}`, status, one(r, a.Cursors))
		},
	},
	{
		name: "pipeline", title: "the pipeline, 10 leads a stage, with owners", concurrency: atReading,
		document: `query Pipeline($least: SafeInt!) { leadPipeline(where: {value: {gte: $least}}) {
			stage count totalValue leads(first: 10) { nodes { id name value currency owner { id name } } } } }`,
		variables: func(_ *dataset, _ *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"least":%d}`, r.IntN(1000))
		},
	},
	{
		name: "groups", title: "10 groups with 10 clients each, their owners and the owners' groups", concurrency: atReading,
		document: `query Groups($since: DateTime!) { groups(first: 10) { nodes { id name
			clients(first: 10, where: {createdAt: {gte: $since}}) { nodes { id name status
				owner { id name groups { id name } } } } } } }`,
		// No client is older; so each group has as many as are asked for.
		variables: func(_ *dataset, _ *account, r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"since":%q}`, seeded.Add(-time.Duration(r.IntN(1e9))*time.Millisecond).Format(shards.TimeFormat))
		},
	},
	{
		name: "create", title: "create a client", write: true, concurrency: atWriting, document: createClient, variables: aClient,
	},
	{
		name: "queue", title: "create a client, all of one account", write: true, concurrency: inOneAccount, single: true,
		document: createClient, variables: aClient,
	},
	{
		name: "update", title: "update a client", write: true, concurrency: atWriting, document: updateAClient, variables: aNumber,
	},
	{
		name: "amend", title: "update a client, all of one account", write: true, concurrency: inOneAccount, single: true,
		document: updateAClient, variables: aNumber,
	},
	{
		name: "upsert", title: "upsert 250 clients, 50 of them new", write: true, concurrency: []int{1, 32},
		document: `mutation Upsert($inputs: [UpsertClientInput!]!) { upsertClients(inputs: $inputs) {
			results { client { id version } created errors { code message field } } bookmark errors { code message field } } }`,
		variables: func(d *dataset, _ *account, r *rand.Rand) []byte {
			out, first := []byte(`{"inputs":[`), r.IntN(len(d.Clients)-upsertOld)
			for i := range upsertOld + upsertNew {
				n := r.IntN(1e9)
				id := externalID(first + i)
				if i >= upsertOld {
					id = fmt.Sprintf("new-%09d-%d", n, i)
				}
				out = fmt.Appendf(out, `{"externalId":%q,"patch":{"name":"Joan Example %d","phone":"+44 %d","status":"ACTIVE","tags":["imported"]}},`, id, n, n)
			}
			return append(out[:len(out)-1], "]}"...)
		},
	},
}

// What an upsert updates and creates.
const (
	upsertOld = 200
	upsertNew = 50
)

const createClient = `mutation Create($input: CreateClientInput!) { createClient(input: $input) {
			client { id version name status createdAt } bookmark errors { code message field } } }`

// aClient returns the input for one that is new.
func aClient(d *dataset, a *account, r *rand.Rand) []byte {
	n := r.IntN(1e9)
	return fmt.Appendf(nil, `{"input":{"name":"Grace Example %d","status":"ACTIVE","email":"grace.%d@clients.example",`+
		`"phone":"+44 20 7946 0000","tags":["newsletter","web"],"groupId":%q,"ownerId":%q}}`, n, n, one(r, d.Groups), one(r, d.Users))
}

const updateAClient = `mutation Update($id: ID!, $patch: ClientPatch!) { updateClient(id: $id, patch: $patch) {
			client { id version name phone updatedAt } bookmark errors { code message field } } }`

// aNumber returns an update of one's telephone number.
func aNumber(d *dataset, a *account, r *rand.Rand) []byte {
	return fmt.Appendf(nil, `{"id":%q,"patch":{"phone":"+44 %d"}}`, one(r, d.Clients), r.IntN(1e9))
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
	op   *operation
	data *dataset
	// before stands in front of the variables, nil where the body is but them.
	before []byte
}

func (op *operation) bodies(data *dataset, envelope bool) bodies {
	b := bodies{op: op, data: data}
	if envelope {
		document, err := json.Marshal(op.document)
		if err != nil {
			panic(err) // a string is JSON
		}
		b.before = fmt.Appendf(nil, `{"query":%s,"variables":`, document)
	}
	return b
}

// account returns whom to ask for.
func (b bodies) account(r *rand.Rand) *account {
	if b.op.single {
		return b.data.Accounts[0]
	}
	return b.data.Accounts[r.IntN(len(b.data.Accounts))]
}

// of returns a new request of an account, or one of those that the cache knows.
func (b bodies) of(a *account, r *rand.Rand, hits bool) []byte {
	if hits {
		return b.repeated(a, r.IntN(repeats))
	}
	return b.next(a, r)
}

// repeats is how many different requests of an account ask for what is cached.
const repeats = 10

// repeated returns one of an account's requests that are always the same.
func (b bodies) repeated(a *account, n int) []byte { return b.next(a, randomOf(0, uint64(n))) }

func (b bodies) next(a *account, r *rand.Rand) []byte {
	return b.enclose(b.op.variables(b.data, a, r))
}

// enclose puts variables where the handler wants them.
func (b bodies) enclose(variables []byte) []byte {
	if b.before == nil {
		return variables
	}
	return append(append(slices.Clip(b.before), variables...), '}')
}
