package transport

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
)

func TestEnvelopeIsReadWhole(t *testing.T) {
	t.Parallel()
	got, err := decodeEnvelope([]byte(` {"id":[{}],"query":"{a\ud83d\ude00\\\"}","operationName":null,"variables":{"n":12345678901234567890.10,"l":[1,"ü"]},"extensions":{}} `))
	want := &graphql.RawParams{
		Query:      `{a😀\"}`,
		Variables:  map[string]any{"n": json.Number("12345678901234567890.10"), "l": []any{json.Number("1"), "ü"}},
		Extensions: map[string]any{},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %v, want %+v", got, err, want)
	}
	nested := `{"query":"q","variables":{"x":` + strings.Repeat("[", maxDepth-2) + strings.Repeat("]", maxDepth-2) + `}}`
	if _, err := decodeEnvelope([]byte(nested)); err != nil {
		t.Errorf("as deep as may be: %v", err)
	}
}

// Invariant 2: never a panic, and what is accepted encoding/json reads alike,
// whether as a struct or as a map, so nobody on the way sees another request.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"query":"{a}"}`, `{"query":"{a}"}{}`, `{"query":"{a}",}`, `{"query":"{a}" "x":1}`, `{"query" "{a}"}`,
		`{"query":"a","query":"b"}`, `{"query":"a","QUERY":"b"}`, `{"query":"a","variable\u017f":{}}`, `{"qu\u0065ry":"a"}`,
		`{"query":"a","variables":{"a":1e400,"b":[1,2,{"c":null}]},"operationName":"A","extensions":{"x":true}}`,
		`{"query":"\ud83d\ude00"}`, `{"query":"\ud83d"}`, `{"query":"\ud83d\u0041"}`, `{"query":"\udead"}`, `{"query":"\uD8"}`, `{"query":"\`,
		"{\"query\":\"\xff\"}", "\ufeff{}", `{"query":1}`, `{"query":"a","variables":[]}`, strings.Repeat(`{"a":`, 100),
		`{"query":"a","x":"\\\"{[\u005c"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeEnvelope(body)
		if err != nil {
			r := refusalOf(err)
			if r.status != 400 || r.code != "BAD_REQUEST" || len(r.message) > 100 {
				t.Fatalf("refused with %+v", r)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		var want graphql.RawParams // folds case, as other software does
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if !reflect.DeepEqual(got, &want) {
			t.Fatalf("got %+v, want %+v", got, &want)
		}
		var exact map[string]json.RawMessage
		if err := json.Unmarshal(body, &exact); err != nil {
			t.Fatal(err)
		}
		var query string
		if err := json.Unmarshal(exact["query"], &query); err != nil || query != got.Query {
			t.Fatalf("as a map: %q %v", query, err)
		}
	})
}

// What an address may hold is what a body may hold.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"", "query={a}", "query=a&query=b", "Query=a", "query=%7B&variables={}", "query=a&variables=[]", "query=a&variables={}{}",
		"query=a&extensions={%22x%22:1}", "query=%zz", "query=a;b", "query=%ff", "query=a&variables=null", "query=a&variables=%22\\ud800%22",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := decodeAddress(query)
		if err != nil {
			if r := refusalOf(err); r.status != 400 || r.code != "BAD_REQUEST" || len(r.message) > 100 {
				t.Fatalf("refused with %+v", r)
			}
			return
		}
		body, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeEnvelope(body)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("as a body %s: %+v %v, want %+v", body, again, err, got)
		}
	})
}

// Invariant 2, for messages: never a panic, and what is accepted encoding/json
// reads alike.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"type":"ping"}`, `{"type":"ping","Type":"pong"}`, `{"type":"ping","type":"pong"}`, `{"type":1}`, `{"id":"","type":"complete"}`,
		`{"id":"1","type":"subscribe","payload":{"query":"{a}","variables":{"x":[1e400]}}}`, `{"id":"1","type":"subscribe","payload":null}`,
		`{"type":"connection_init","payload":{"authorization":"Bearer x","Authorization":"Bearer y"}}`, `{"type":"connection_init","payload":"x"}`,
		`{"type":"connection_init","payload":{"bookmark":1,"consistency":null}}`, `{"type":"connection_init","payload":{"authorization":null}}`,
		"{\"type\":\"\xff\"}", `{"type":"ping"}{}`, `{"payl\u006fad":{},"type":"ping"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := decodeMessage(text)
		if err != nil {
			if err != error(errMessage) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		var want struct {
			ID      string
			Type    string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if string(want.Payload) == "null" {
			want.Payload = nil
		}
		if got.kind != want.Type || got.id != want.ID || string(got.payload) != string(want.Payload) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if got.payload == nil {
			return
		}
		for _, err := range []error{second(decodeInit(got.payload)), second(decodeEnvelope(got.payload))} {
			if err != nil && len(refusalOf(err).message) > 100 {
				t.Fatal(err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
