package resolvers

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

// differs is what two accounts can't have in common: positions and times.
var differs = regexp.MustCompile(`"(at|b)":"[^"]*"`)

// TestPayloadsAreThoseOfThePlainExecutor: the same mutations of two accounts, by
// the generated code and by the projector, answer the same.
func TestPayloadsAreThoseOfThePlainExecutor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	plain, err := NewExecutor(Options{Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := newModel(whole())
	if err != nil {
		t.Fatal(err)
	}
	id := func(kind string) string { return shards.NewID(m.kinds[kind].prefix) }
	client, group, user, lead, document := id("Client"), id("Group"), id("User"), id("Lead"), id("Document")
	variables := map[string]any{"no": false, "yes": true}
	for i, mutation := range []string{
		`mutation { createGroup(input: {id: "GROUP", name: "North"}) { group { id name version at: createdAt } b: bookmark errors { code } } }`,
		`mutation { createUser(input: {id: "USER", name: "Robin", email: "robin@example.com", role: MEMBER}) { user { __typename id email role active }  b: bookmark } }`,
		`mutation M($no: Boolean!, $yes: Boolean!) { made: createClient(input: {id: "CLIENT", name: "A\"<&>\\\u2028é\t", kind: PERSON, tags: ["x", "<y>"],
			email: "ada@example.com", customFields: {a: [1, 2.50, {b: null}], z: "</script>"}, address: {lines: ["1 High <St>"], city: "York", country: "GB"}, groupId: "GROUP", ownerId: "USER"}) {
			__typename ...P again: client { ... on Record { id version } name @skip(if: $yes) at: updatedAt } errors @include(if: $yes) { message } e: errors { code } } }
			fragment P on Payload { ... on CreateClientPayload { client { n: name name kind status externalId email phone tags customFields address { lines a: city country __typename } dateOfBirth __typename phone @include(if: $no) } } b: bookmark }`,
		`mutation { createLead(input: {id: "LEAD", name: "Roof", value: 12345, currency: "GBP", groupId: "GROUP"}) { lead { id name value currency stage } errors { code } } }`,
		`mutation { createDocument(input: {id: "DOCUMENT", clientId: "CLIENT", title: "Offer", content: {text: "<p>"}}) { document { id title version content } errors { code message } } }`,
		`mutation { updateClient(id: "CLIENT", patch: {phone: "+44 1", tags: null}) { client { phone tags version name } b: bookmark errors { code } } }`,
		`mutation { updateClient(id: "CLIENT", patch: {phone: "+44 1"}) { client { version at: updatedAt } b: bookmark errors { code } } }`,
		`mutation { one: updateClient(id: "CLIENT", patch: {phone: "+44 2"}) { client { version } errors { code } } two: updateClient(id: "CLIENT", patch: {phone: "+44 3"}, expectedVersion: 3) { client { version phone } errors { code } } }`,
		`mutation { updateClient(id: "CLIENT", patch: {phone: "+44 4"}, expectedVersion: 1) { client { version } b: bookmark errors { code message field } } }`,
		`mutation { updateClient(id: "CLIENT", patch: {name: " ", email: "no"}) { client { version } errors { code message field } } }`,
		`mutation { updateClient(id: "` + id("Client") + `", patch: {phone: "+44 4"}) { client { version } b: bookmark errors { code field } } }`,
		`mutation { createClient(input: {id: "CLIENT", name: "Again"}) { client { version } errors { code message field } } }`,
		`mutation { updateClient(id: "CLIENT", patch: {phone: "+44 5"}) { client { phone group { name members { nodes { id } } } owner { id } history { nodes { kind } } } errors { code } } }`,
		`mutation { updateGroup(id: "GROUP", patch: {name: "South"}) { group { name } } updateUser(id: "USER", patch: {name: "Kim"}) { user { name } } updateLead(id: "LEAD", patch: {name: "Door"}) { lead { name } } updateDocument(id: "DOCUMENT", patch: {title: "Bill"}) { document { title } } }`,
		`mutation { one: updateClient(id: "CLIENT", patch: {phone: "+44 6"}) { client { phone } } two: updateClient(id: "CLIENT", patch: {phone: "+44 7"}) { client { phone group { name } } b: bookmark } three: updateClient(id: "CLIENT", patch: {phone: "+44 8"}) { client { phone } b: bookmark } }`,
		`mutation { addGroupMember(groupId: "GROUP", userId: "USER") { group { name } user { name } errors { code } } }`,
		`mutation { convertLead(id: "LEAD") { lead { stage } client { kind version } errors { code } } }`,
		`mutation { deleteDocument(id: "DOCUMENT") { __typename b: bookmark errors { code } } }`,
	} {
		mutation = strings.NewReplacer("CLIENT", client, "GROUP", group, "USER", user, "LEAD", lead, "DOCUMENT", document).Replace(mutation)
		key := fmt.Sprint("key ", i)
		keyed := func(account string) *tenancy.Request {
			r := w.request(account)
			r.IdempotencyKey = key
			return r
		}
		writing := func(account string) *tenancy.Request { // and not reading
			r := w.request(account)
			r.Caller.Scopes = tenancy.NewScopes("clients:write", "groups:write", "users:write", "leads:write", "documents:write")
			return r
		}
		for _, of := range []func(account string) *tenancy.Request{keyed, keyed, w.request, writing} {
			want, wantErrs := w.runBy(plain, of("a"), mutation, variables)
			got, errs := w.run(of("b"), mutation, variables)
			if got, want := differs.ReplaceAllString(got, `"$1":""`), differs.ReplaceAllString(want, `"$1":""`); got != want || strings.Join(errs, "\n") != strings.Join(wantErrs, "\n") {
				t.Errorf("%s\nprojected: %s\n%q\nplain: %s\n%q", mutation, got, errs, want, wantErrs)
			}
			for _, e := range errs {
				if strings.Contains(e, "BAD_REQUEST") {
					t.Errorf("%s: %s", mutation, e)
				}
			}
		}
	}
}
