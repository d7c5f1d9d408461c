package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// body is a record as the schema's types have it, without what the gateway
// adds: id, version and times.
type body map[string]any

// demoTable is what one table of a demo account holds.
type demoTable struct {
	name   string
	ids    []string
	bodies []body
}

// demoData is made-up data for one account, the same for the same seed and day.
type demoData struct {
	demo   demoAccount
	ids    demoIdentities
	fake   *gofakeit.Faker
	now    time.Time
	tables []demoTable // in the order in which they refer to one another
	emails map[string]int
}

func newDemoData(demo demoAccount, now time.Time) *demoData {
	d := newDemoTeam(demo, now)
	d.add("clients", d.ids.clients, d.client)
	d.add("leads", d.ids.leads, d.lead)
	d.add("documents", d.ids.documents, d.document)
	return d
}

// newDemoTeam is newDemoData's beginning: groups and users.
func newDemoTeam(demo demoAccount, now time.Time) *demoData {
	d := &demoData{demo: demo, ids: demoIDs(), fake: gofakeit.New(demo.seed), now: now, emails: map[string]int{}}
	d.add("groups", d.ids.groups, d.group)
	d.add("users", d.ids.users, d.user)
	return d
}

func (d *demoData) add(table string, ids []string, record func(i int) body) {
	bodies := make([]body, len(ids))
	for i := range ids {
		bodies[i] = record(i)
	}
	d.tables = append(d.tables, demoTable{table, ids, bodies})
}

// demoRoles are the roles of the first users of a demo account, one each.
var demoRoles = [...]string{"ADMIN", "MEMBER", "VIEWER"}

// demoUser returns the user whom a token of that role stands for: the demo
// data's in a demo account, and one without a record in any other.
func demoUser(account, role string) (id, name string) {
	for _, demo := range demoAccounts() {
		if demo.name != account {
			continue
		}
		users := newDemoTeam(demo, time.Time{}).tables[1]
		for i, r := range demoRoles {
			if strings.EqualFold(r, role) {
				return users.ids[i], users.bodies[i]["name"].(string)
			}
		}
	}
	return "dev-" + role, "Developer (" + role + ")"
}

func (d *demoData) group(i int) body {
	g := demoTeams[d.demo.name][i]
	b := body{"name": g.name, "description": g.about, "customFields": body{}}
	if g.parent >= 0 {
		b["parentId"] = d.ids.groups[g.parent]
	}
	return b
}

func (d *demoData) user(i int) body {
	role := "MEMBER"
	switch {
	case i < len(demoRoles):
		role = demoRoles[i]
	case i%13 == 0:
		role = "ADMIN"
	case i%6 == 0:
		role = "VIEWER"
	}
	name := d.person()
	return body{
		"name": name, "email": d.email(name, d.demo.name+".example"), "role": role,
		"active": i < len(demoRoles) || i%15 != 0, "customFields": body{"jobTitle": d.pick(jobTitles)},
	}
}

func (d *demoData) client(i int) body {
	town := towns[d.fake.IntN(len(towns))]
	b := body{
		"status": d.weighted("ACTIVE", 55, "PROSPECT", 20, "DORMANT", 17, "CLOSED", 8),
		"tags":   d.some(clientTags, 3), "customFields": body{},
		"groupId": d.ids.groups[d.fake.IntN(demoGroups)],
		"address": body{
			"lines": []string{d.street()}, "city": town.name, "postcode": d.postcode(town), "country": "GB",
		},
	}
	if d.chance(40) {
		name := d.company(town)
		b["name"], b["kind"], b["phone"] = name, "ORGANISATION", d.phone(town.dial)
		b["email"] = d.email(d.pick([]string{"office", "hello", "accounts", "enquiries"}), domainOf(name))
		b["customFields"] = body{"employees": 3 + d.fake.IntN(240)}
	} else {
		name := d.person()
		b["name"], b["kind"], b["phone"] = name, "PERSON", d.phone(mobile)
		b["email"] = d.email(name, "mail.example")
		if d.chance(80) {
			b["dateOfBirth"] = time.Date(1940+d.fake.IntN(65), 1, 1+d.fake.IntN(365), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		}
	}
	if d.chance(85) {
		b["ownerId"] = d.ids.users[d.fake.IntN(demoUsers)]
	}
	if d.chance(30) {
		b["externalId"] = fmt.Sprintf("CL-%05d", 10_000+i)
	}
	return b
}

func (d *demoData) lead(i int) body {
	town := towns[d.fake.IntN(len(towns))]
	stage := d.weighted("NEW", 30, "QUALIFIED", 24, "PROPOSAL", 18, "WON", 16, "LOST", 12)
	b := body{
		"stage": stage, "currency": "GBP", "source": d.pick(leadSources),
		"tags": d.some(leadTags, 2), "customFields": body{},
	}
	service := d.pick(demoServices[d.demo.name])
	if d.chance(50) {
		name := d.company(town)
		b["name"], b["phone"] = name+": "+service, d.phone(town.dial)
		b["email"] = d.email("enquiries", domainOf(name))
	} else {
		name := d.person()
		b["name"], b["phone"] = name+": "+service, d.phone(mobile)
		b["email"] = d.email(name, "mail.example")
	}
	if stage != "NEW" || d.chance(40) {
		b["value"] = (5 + d.fake.IntN(400)) * 5_000 // pence: £250 to £20,200
	}
	if days := d.fake.IntN(120); stage == "WON" || stage == "LOST" {
		b["expectedCloseOn"] = d.now.AddDate(0, 0, -days).Format(time.DateOnly)
	} else if d.chance(75) {
		b["expectedCloseOn"] = d.now.AddDate(0, 0, 5+days).Format(time.DateOnly)
	}
	if stage == "LOST" {
		b["lostReason"] = d.pick(lostReasons)
	}
	if stage == "WON" || d.chance(15) {
		b["clientId"] = d.ids.clients[d.fake.IntN(demoClients)]
	}
	if d.chance(90) {
		b["ownerId"] = d.ids.users[d.fake.IntN(demoUsers)]
	}
	b["groupId"] = d.ids.groups[d.fake.IntN(demoGroups)]
	if d.chance(10) {
		b["externalId"] = fmt.Sprintf("WEB-%05d", 20_000+i)
	}
	return b
}

func (d *demoData) document(i int) body {
	kind := d.weighted("note", 45, "letter", 20, "contract", 15, "form", 12, "invoice", 8)
	service := d.pick(demoServices[d.demo.name])
	b := body{
		"title": fmt.Sprintf(d.pick(documentTitles[kind]), service), "kind": kind, "customFields": body{},
		"clientId": d.ids.clients[d.fake.IntN(demoClients)],
		"authorId": d.ids.users[d.fake.IntN(demoUsers)],
	}
	switch {
	case kind == "note":
		b["content"] = body{"text": strings.Join(d.some(noteLines, 3), " "), "followUp": d.chance(35)}
	case kind == "invoice":
		b["content"] = body{"number": fmt.Sprintf("INV-%d", 4_000+i), "total": (4 + d.fake.IntN(90)) * 2_500, "currency": "GBP"}
	case kind == "form" && d.chance(70):
		b["content"] = body{"service": service, "consent": true, "preferredContact": d.pick([]string{"phone", "email", "post"})}
	}
	return b
}
