package graphiql_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// stub stands in for the GraphQL endpoint: it knows one query and one
// subscription, answers with the name of the token's account, and gives every
// answer the account's next bookmark.
type stub struct {
	mu       sync.Mutex
	requests []seen
}

// seen is what a test wants to know of a request.
type seen struct {
	Operation     string
	Authorization string
	Bookmark      string
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ OperationName, Query string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, seen{body.OperationName, r.Header.Get("Authorization"), r.Header.Get("Bookmark")})
	number := len(s.requests)
	s.mu.Unlock()

	account := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-of-"), "-")[0]
	w.Header().Set("Bookmark", fmt.Sprintf("%s-%d", account, number))
	switch {
	case body.OperationName == "IntrospectionQuery":
		w.Header().Set("Content-Type", "application/graphql-response+json")
		_, _ = io.WriteString(w, introspection)
	case strings.HasPrefix(body.Query, "subscription"):
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ":\n\nevent: next\ndata: {\"data\":{\"name\":\"early event\"}}\n\n")
		_, _ = io.WriteString(w, "event: next\ndata: {\"data\":{\"name\":\"late event\"},\"extensions\":{\"bookmark\":\"from-event\"}}\n\n")
		_, _ = io.WriteString(w, "event: complete\ndata: \n\n")
	default:
		w.Header().Set("Content-Type", "application/graphql-response+json")
		_, _ = fmt.Fprintf(w, `{"data":{"viewer":{"account":{"name":"answer for %s"}}}}`, account)
	}
}

// last returns the newest request with that operation name, and how many there were.
func (s *stub) last(operation string) (request seen, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.Operation == operation {
			request, count = r, count+1
		}
	}
	return request, count
}

// introspection is the least that GraphiQL takes for a schema.
const introspection = `{"data":{"__schema":{
	"queryType":{"name":"Query"},"mutationType":null,"subscriptionType":{"name":"Subscription"},"directives":[],
	"types":[
		{"kind":"OBJECT","name":"Query","fields":[{"name":"viewer","args":[],"isDeprecated":false,"type":{"kind":"OBJECT","name":"Viewer"}}],"interfaces":[]},
		{"kind":"OBJECT","name":"Subscription","fields":[{"name":"name","args":[],"isDeprecated":false,"type":{"kind":"SCALAR","name":"String"}}],"interfaces":[]},
		{"kind":"OBJECT","name":"Viewer","fields":[{"name":"account","args":[],"isDeprecated":false,"type":{"kind":"OBJECT","name":"Account"}}],"interfaces":[]},
		{"kind":"OBJECT","name":"Account","fields":[{"name":"name","args":[],"isDeprecated":false,"type":{"kind":"SCALAR","name":"String"}}],"interfaces":[]},
		{"kind":"SCALAR","name":"String"},
		{"kind":"SCALAR","name":"Boolean"}
	]}}}`
