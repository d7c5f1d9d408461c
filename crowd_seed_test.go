package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// seed gives the account 10 groups, 100 users, 2,000 clients and 2,000 leads.
func (c *crowd) seed(t *testing.T) {
	t.Helper()
	p, err := c.person(0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.conn.Close()
	for i := range 10 {
		c.Groups = append(c.Groups, p.made(t, `mutation Make($input: CreateGroupInput!) { createGroup(input: $input) { group { id } errors { code } } }`,
			map[string]any{"input": map[string]any{"name": fmt.Sprint("Team ", i)}})...)
	}
	c.Users = p.upsert(t, "User", 100, func(i int) map[string]any {
		return map[string]any{"name": fmt.Sprint("Robin Example ", i), "email": fmt.Sprintf("robin.%d@example.org", i), "role": "MEMBER"}
	})
	c.Clients = p.upsert(t, "Client", 2000, func(i int) map[string]any {
		return map[string]any{
			"name": fmt.Sprint("Ada Example ", i), "status": []string{"PROSPECT", "ACTIVE", "DORMANT"}[i%3],
			"email": fmt.Sprintf("ada.%d@example.org", i), "phone": fmt.Sprintf("+44 20 7946 %04d", i), "dateOfBirth": "1985-12-10",
			"address":      map[string]any{"lines": []string{fmt.Sprint(i, " Long Lane"), "Second floor"}, "city": "London", "postcode": "EC1A 9PN"},
			"tags":         []string{"newsletter", "referred"},
			"customFields": map[string]any{"segment": "B", "notes": "Prefers to be rung in the afternoon; see the file for what was agreed in spring."},
			"groupId":      c.Groups[i%10], "ownerId": c.Users[i*7%100],
		}
	})
	p.upsert(t, "Lead", 2000, func(i int) map[string]any {
		return map[string]any{
			"name": fmt.Sprint("Renewal ", i), "stage": []string{"NEW", "QUALIFIED", "PROPOSAL", "WON"}[i%4], "value": 1000 + 25*i, "source": "website",
			"groupId": c.Groups[i%10], "ownerId": c.Users[i*3%100], "clientId": c.Clients[i],
		}
	})
}

// upsert makes records of a type, 250 at once.
func (p *person) upsert(t *testing.T, name string, n int, patch func(i int) map[string]any) (ids []string) {
	t.Helper()
	var inputs []any
	for i := range n {
		inputs = append(inputs, map[string]any{"externalId": fmt.Sprint("crm-", i), "patch": patch(i)})
		if len(inputs) == 250 || i == n-1 {
			ids = append(ids, p.made(t, fmt.Sprintf(`mutation Make($inputs: [Upsert%[1]sInput!]!) {
				upsert%[1]ss(inputs: $inputs) { results { record: %[2]s { id } errors { code } } errors { code } } }`, name, strings.ToLower(name)),
				map[string]any{"inputs": inputs})...)
			inputs = nil
		}
	}
	return ids
}

var madeID = regexp.MustCompile(`"id":"([^"]+)"`)

// made returns the ids in the answer to a mutation.
func (p *person) made(t *testing.T, mutation string, variables map[string]any) (ids []string) {
	t.Helper()
	if err := p.ask(mutation, variables); err != nil {
		t.Fatal(err)
	}
	for _, id := range madeID.FindAllSubmatch(p.answer, -1) {
		ids = append(ids, string(id[1]))
	}
	return ids
}
