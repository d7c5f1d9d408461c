package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// isoClient is a caller of one account. Whatever any of its responses holds is
// looked through for other accounts' canaries, by its transport.
type isoClient struct {
	a          *isoAccount
	who        string
	credential string
	http       http.Client
}

func (w *isoWorld) client(a *isoAccount, scopes, credential string) *isoClient {
	c := &isoClient{a: a, who: "a caller of " + a.name + " with " + scopes, credential: credential}
	c.http.Transport = isoScanner{c, w.server.Client().Transport}
	return c
}

// isoRequest is an operation, and what is sent beside it.
type isoRequest struct {
	document  string
	variables map[string]any
	// extensions, header ("Name: value") and query string of the request.
	extensions map[string]any
	header     []string
	query      string
}

func (r isoRequest) String() string {
	variables, _ := json.Marshal(r.variables)
	return fmt.Sprint(r.document, "\n  variables ", string(variables), " extensions ", r.extensions, " header ", r.header, " ", r.query)
}

// isoAnswer is a response.
type isoAnswer struct {
	status int
	header http.Header
	body   string
}

// raw returns all of the response that may not tell one value from another.
func (x isoAnswer) raw() string {
	var out strings.Builder
	fmt.Fprintln(&out, x.status)
	for _, name := range slices.Sorted(maps.Keys(x.header)) {
		// What the cache had tells of the caller's own account: who asks twice knows.
		if name != "Date" && name != "X-Request-Id" && name != "Cache-Status" {
			fmt.Fprintln(&out, name, x.header[name])
		}
	}
	return out.String() + x.sorted()
}

// sorted returns the body with its errors in order: those of a list's elements
// come as they happen.
func (x isoAnswer) sorted() string {
	var body struct {
		Errors           []json.RawMessage
		Data, Extensions json.RawMessage
	}
	if err := json.Unmarshal([]byte(x.body), &body); err != nil || len(body.Errors) < 2 {
		return x.body
	}
	slices.SortFunc(body.Errors, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	return fmt.Sprintf("%s %s %s", body.Errors, body.Data, body.Extensions)
}

// codes returns extensions.code of each error, by its path.
func (x isoAnswer) codes() map[string]string {
	var body struct {
		Errors []struct {
			Path       []any
			Extensions struct{ Code string }
		}
	}
	_ = json.Unmarshal([]byte(x.body), &body)
	out := map[string]string{}
	for _, e := range body.Errors {
		var path []string
		for _, p := range e.Path {
			if name, ok := p.(string); ok { // not the indexes of lists
				path = append(path, name)
			}
		}
		out[strings.Join(path, ".")] = e.Extensions.Code
	}
	return out
}

// data returns the value at a path of the response's data.
func (x isoAnswer) data(path ...string) any {
	var body map[string]any
	_ = json.Unmarshal([]byte(x.body), &body)
	var at any = body["data"]
	for _, name := range path {
		in, _ := at.(map[string]any)
		at = in[name]
	}
	return at
}

// ask sends a request and returns its answer, whatever it is.
func (c *isoClient) ask(r isoRequest) isoAnswer {
	c.a.w.t.Helper()
	x, err := c.send(c.a.w.t.Context(), r)
	c.a.w.must(err)
	return x
}

func (c *isoClient) send(ctx context.Context, r isoRequest) (isoAnswer, error) {
	envelope := map[string]any{"query": r.document + c.a.w.fragments(r.document), "variables": r.variables}
	if r.extensions != nil {
		envelope["extensions"] = r.extensions
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		return isoAnswer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", c.a.w.server.URL+"/graphql"+r.query, bytes.NewReader(body))
	if err != nil {
		return isoAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.credential)
	for _, h := range r.header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return isoAnswer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return isoAnswer{res.StatusCode, res.Header, string(text)}, err
}

// isoScanner reads each response as a whole before anybody else does.
type isoScanner struct {
	c    *isoClient
	next http.RoundTripper
}

func (s isoScanner) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	var header bytes.Buffer
	_ = res.Header.Write(&header)
	if found := isoForeign(header.String()+string(body), s.c.a.name); found != "" {
		var request []byte
		if copied, err := r.GetBody(); err == nil {
			request, _ = io.ReadAll(copied)
		}
		s.c.a.w.finding("%s is shown %q\n  request %s\n  answer %s", s.c.who, found, request, isoCut(string(body)))
	}
	return res, nil
}

var isoCanary = regexp.MustCompile(`(?i)canary-([a-z])-([a-z]+)`)

// isoForeign returns what text has of another account, "" where it has nothing:
// a canary, or an id that one account has alone. The payload of cursors counts, too.
func isoForeign(text, account string) string {
	texts := []string{text}
	for rest := text; ; {
		const before = `ursor":"`
		_, after, ok := strings.Cut(rest, before)
		if !ok {
			break
		}
		token, _, _ := strings.Cut(after, `"`)
		if raw, err := base64.RawURLEncoding.DecodeString(token); err == nil {
			texts = append(texts, string(raw))
		}
		rest = after
	}
	for _, text := range texts {
		text = strings.ToLower(text)
		for _, other := range []string{"a", "b", "c"} {
			for _, mark := range []string{"canary-" + other + "-", "acc" + other + `"`} {
				if other != account && strings.Contains(text, mark) {
					return mark
				}
			}
		}
	}
	return ""
}

// isoCut makes long answers readable.
func isoCut(s string) string {
	const most = 1500
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// differ reports two answers that must be the same and are not.
func (w *isoWorld) differ(at, what string, r isoRequest, foreign, unknown string) {
	w.t.Helper()
	if foreign == unknown {
		return
	}
	w.finding("%s: %s is told from an unknown one\n  request %s\n  answer to the foreign one %s\n  answer to the unknown one %s",
		at, what, r, isoCut(foreign), isoCut(unknown))
}
