package guardtest

import (
	"fmt"
	"strings"
)

func nested(open, middle, end string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
}

// Documents returns documents by what is monstrous about them. Each is built to
// cost as much as the default limits let it, on the gateway's own schema; some
// are refused for that, others are not.
func Documents() map[string]string {
	m := map[string]string{}
	m["one field 480 times"] = "{ viewer { account { " + strings.Repeat("id ", 480) + "} } }"
	m["pages 240 times"] = "{ " + "clients { nodes { " + strings.Repeat("group { id } ", 240) + "} } }"
	m["inline fragments, nested"] = "{ clients { nodes { " + nested("... { ", strings.Repeat("id ", 240), "} ", 240) + "} } }"
	m["20 operations spread one fragment"] = func() string {
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "query q%d { viewer { account { ...f } } } ", i)
		}
		return b.String() + "fragment f on Account { " + strings.Repeat("id ", 140) + "}"
	}()
	m["a chain of fragments"] = func() string {
		var b strings.Builder
		b.WriteString("{ viewer { account { ...f0 } } } ")
		for i := range 49 {
			fmt.Fprintf(&b, "fragment f%d on Account { id name createdAt ...f%d } ", i, i+1)
		}
		return b.String() + "fragment f49 on Account { id }"
	}()
	m["many operations, many fragments"] = func() string {
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "query q%d { viewer { account { ...f0 } } } ", i)
		}
		for i := range 12 {
			fmt.Fprintf(&b, "fragment f%d on Account { id name createdAt residency ...f%d } ", i, i+1)
		}
		return b.String() + "fragment f12 on Account { id }"
	}()
	m["siblings of interfaces"] = func() string {
		var b strings.Builder
		b.WriteString("{ node(id: 1) { ")
		for range 12 {
			for _, t := range []string{"Client", "Lead", "Document", "User", "Group"} {
				fmt.Fprintf(&b, "... on %s { id version history { nodes { record { id } } } } ", t)
			}
		}
		return b.String() + "} }"
	}()
	m["interfaces in interfaces"] = func() string {
		s := "id"
		for range 3 {
			s = "... on Record { history { nodes { record { " + s + " } } } } ... on Client { history { nodes { record { id } } } } ... on Lead { history { nodes { record { id } } } }"
		}
		return "{ node(id: 1) { " + s + " } }"
	}()
	m["a long list"] = "{ nodes(ids: [" + strings.Repeat(`"a" `, 250) + "]) { id } }"
	m["lists in variables' defaults"] = "query(" + func() string {
		var b strings.Builder
		for i := range 7 {
			fmt.Fprintf(&b, "$v%d: [ID!] = [%s] ", i, strings.Repeat("1 ", 240))
		}
		return b.String()
	}() + ") { viewer { account { id } } }"
	m["90 variables, used everywhere"] = "query(" + func() string {
		var b strings.Builder
		for i := range 90 {
			fmt.Fprintf(&b, "$v%d: ID! ", i)
		}
		return b.String()
	}() + ") { nodes(ids: [" + func() string {
		var b strings.Builder
		for i := range 240 {
			fmt.Fprintf(&b, "$v%d ", i%90)
		}
		return b.String()
	}() + "]) { id } }"
	m["a huge string"] = `{ client(id: "` + strings.Repeat("a", 255<<10) + `") { id } }`
	m["a huge block string"] = `{ client(id: """` + strings.Repeat("\n a", 84<<10) + `""") { id } }`
	m["a huge string in the wrong place"] = `{ clients(first: "` + strings.Repeat("é", 127<<10) + `") { nodes { id } } }`
	m["huge strings of escapes, wrong 100 times"] = `{ viewer { account { ` + strings.Repeat(`id(x: "`+strings.Repeat(`\u0001`, 420)+`") `, 100) + `} } }`
	m["a huge number"] = `{ clients(first: ` + strings.Repeat("9", 255<<10) + `) { nodes { id } } }`
	m["a huge exponent"] = `{ clients(first: 1e` + strings.Repeat("9", 255<<10) + `) { nodes { id } } }`
	m["a huge name"] = `{ ` + strings.Repeat("x", 255<<10) + ` }`
	m["a huge comment"] = "#" + strings.Repeat("x", 255<<10) + "\n{ viewer { account { id } } }"
	m["comments"] = strings.Repeat("#\n", 120<<10) + "{ viewer { account { id } } }"
	m["blanks"] = "{ viewer { " + strings.Repeat(" ,\n", 84<<10) + " account { id } } }"
	m["nothing but commas"] = strings.Repeat(",", 256<<10)
	m["1000 unknown fields"] = "{ viewer { " + strings.Repeat("nope ", 480) + "} }"
	m["unknown fragments"] = "{ " + strings.Repeat("...nope ", 480) + "}"
	m["deep value"] = `{ clients(where: ` + nested("{and: [", "", "]}", 10) + `) { nodes { id } } }`
	m["a value too deep"] = `{ clients(where: ` + nested("[", "", "]", 990) + `) { nodes { id } } }`
	m["wrong values"] = `{ clients(where: {` + strings.Repeat(`name: {eq: 5} `, 300) + `}) { nodes { id } } }`
	m["arguments by the thousand"] = `{ clients(` + strings.Repeat(`first: 1 `, 600) + `) { nodes { id } } }`
	m["distinct arguments, 30 aliases"] = "{ viewer { account { id } } " + func() string {
		var b strings.Builder
		for i := range 19 {
			fmt.Fprintf(&b, `a%d: clients(first: %d, where: {name: {startsWith: "%d"}}) { nodes { id } } `, i, i, i)
		}
		return b.String()
	}() + "}"
	m["a cycle"] = "{ viewer { account { ...a } } } fragment a on Account { ...b ...b } fragment b on Account { ...a ...a }"
	m["cycles of 50"] = func() string {
		var b strings.Builder
		b.WriteString("{ viewer { account { ...f0 } } } ")
		for i := range 50 {
			fmt.Fprintf(&b, "fragment f%d on Account { ", i)
			for j := range 8 {
				fmt.Fprintf(&b, "...f%d ", (i+j)%50)
			}
			b.WriteString("} ")
		}
		return b.String()
	}()
	m["a lattice of fragments"] = func() string {
		var b strings.Builder
		b.WriteString("{ viewer { account { ...f0 } } } ")
		for i := range 50 {
			fmt.Fprintf(&b, "fragment f%d on Account { id ", i)
			for j := i + 1; j < min(50, i+8); j++ {
				fmt.Fprintf(&b, "...f%d ", j)
			}
			b.WriteString("} ")
		}
		return b.String()
	}()
	m["introspection"] = "{ __schema { types { name fields { name args { name type { name ofType { name ofType { name } } } } } } } }"
	m["introspection 20 times"] = "{ " + func() string {
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "a%d: __schema { types { fields { args { type { ofType { name } } } } } } ", i)
		}
		return b.String()
	}() + "}"
	m["directives"] = "{ viewer { " + strings.Repeat("account @include(if: true) @skip(if: false) { id } ", 15) + "} }"
	m["unicode"] = "{ viewer { account { id } } } # " + strings.Repeat("\U0001F600", 60<<10)
	m["a mutation with everything inline"] = `mutation { upsertClients(inputs: [` + strings.Repeat(`{externalId: "1", patch: {name: "x"}} `, 180) + `]) { bookmark } }`
	return m
}
