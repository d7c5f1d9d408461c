package resolvers

import (
	"testing"
	"testing/synctest"
	"time"
)

// Time stands still here but while everybody waits for a timer: a write that
// has nobody to share its sync with waits for none.
func TestAWriteAloneWaitsForNoTimer(t *testing.T) {
	t.Parallel()
	spec := newSpec(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOn(t, spec, "a")
		r := w.request("a")
		id := `"` + w.ask(r, `mutation { createClient(input: {name: "Ada"}) { client { id } } }`).Get("createClient.client.id").Str + `"`
		for name, mutation := range map[string]string{
			"create": `mutation { createClient(input: {name: "Grace"}) { client { id } } }`,
			"update": `mutation { updateClient(id: ` + id + `, patch: {name: "Ada Example"}) { client { name } } }`,
			"upsert": `mutation { upsertClients(inputs: [{externalId: "x", patch: {name: "Edith"}}]) { results { created } } }`,
		} {
			start := time.Now()
			w.ask(r, mutation)
			if waited := time.Since(start); waited != 0 {
				t.Errorf("%s waited for %v", name, waited)
			}
		}
	})
}
