package main

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"gatehouse/shards"
)

// Sizes of a demo account.
const (
	demoGroups    = 6
	demoUsers     = 40
	demoClients   = 500
	demoLeads     = 500
	demoDocuments = 300
)

// demoIdentities are the ids of the demo data: the same on every machine, so
// that examples and tests can name them.
type demoIdentities struct {
	accounts, groups, users, clients, leads, documents []string
}

func demoIDs() demoIdentities {
	source := rand.New(rand.NewPCG(20260105, 1))
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	list := func(prefix string, n int) []string {
		ids := make([]string, n)
		for i := range ids {
			at = at.Add(time.Minute)
			ids[i] = shards.FormatID(prefix, uuidV7(at, source))
		}
		return ids
	}
	return demoIdentities{
		accounts: list("account", 3),
		groups:   list("group", demoGroups), users: list("user", demoUsers),
		clients: list("client", demoClients), leads: list("lead", demoLeads), documents: list("document", demoDocuments),
	}
}

// uuidV7 returns a UUID of version 7 with its random part from source.
func uuidV7(at time.Time, source *rand.Rand) (u uuid.UUID) {
	binary.BigEndian.PutUint64(u[0:], uint64(at.UnixMilli())<<16|source.Uint64()&0xffff)
	binary.BigEndian.PutUint64(u[8:], source.Uint64())
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}
