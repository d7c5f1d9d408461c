package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"gatehouse/shards"
	"gatehouse/tenancy"
)

const (
	// maxDocumentErrors is how many faults of one document are told.
	maxDocumentErrors = 20
	// maxMessage bounds the message of each, and maxErrors all of them once they
	// are encoded, so that the answer stays below 1 KiB; in bytes.
	maxMessage = 300
	maxErrors  = 700
)

// parts is a response whose members are already encoded. An empty one is absent.
type parts struct {
	errors, data []byte
	extensions   map[string]any
	bookmark     string
	cache        string        // what the read cache had, as Cache-Status says it
	cost         *tenancy.Cost // nil where nobody counts
	// etag, where set, is what the client may ask with next time.
	etag   string
	coding coding
	// hasNext, where set, says whether more parts of the answer follow; later:
	// there were parts before, and data lists what was deferred.
	hasNext *bool
	later   bool
	// turn, where set, ends before the first byte is written.
	turn *tenancy.Turn
	// gatherer, where set, is the connection, which has no other response meanwhile.
	gatherer *gatherer
}

// writeParts writes a response around data as the executor encoded it, which is
// neither parsed nor copied again. errors comes first, as the specification
// recommends, so that it can't be overlooked.
func writeParts(w http.ResponseWriter, mediaType string, status int, p parts) {
	header := fieldsOf(w)
	p.describe(header)
	header.set("Content-Type", inUTF8(mediaType))
	header.set("X-Content-Type-Options", "nosniff")
	send := func(body ...[]byte) {
		if p.turn != nil {
			p.turn.End()
		}
		p.writeBody(w, header, status, body...)
	}
	p.coding.lend(func(buffer *bytes.Buffer) {
		buffer.Grow(len(p.errors) + around)
		before := p.appendBefore(buffer.AvailableBuffer())
		behind := p.appendBehind(before)[len(before):]
		if !p.coding.compress([][]byte{before, p.data, behind}, func(encoded []byte) {
			header.set("Content-Encoding", p.coding.name)
			send(encoded)
		}) {
			send(before, p.data, behind)
		}
	})
}

func inUTF8(mediaType string) string {
	if mediaType == responseType {
		return responseType + "; charset=utf-8"
	}
	return jsonType + "; charset=utf-8"
}

// around is about how long what stands around errors and data is.
const around = 512

// size is about how long the response is.
func (p *parts) size() int { return len(p.errors) + len(p.data) + around }

// appendTo appends the response as JSON.
func (p *parts) appendTo(b []byte) []byte {
	return p.appendBehind(append(p.appendBefore(b), p.data...))
}

// appendBefore appends what stands before the data.
func (p *parts) appendBefore(b []byte) []byte {
	b = append(b, '{')
	if p.errors != nil {
		b = append(append(b, `"errors":`...), p.errors...)
	}
	if p.data != nil {
		if p.errors != nil {
			b = append(b, ',')
		}
		if p.later {
			b = append(b, `"incremental":`...)
		} else {
			b = append(b, `"data":`...)
		}
	}
	return b
}

// appendBehind appends what stands behind the data.
func (p *parts) appendBehind(b []byte) []byte {
	if p.hasNext != nil {
		b = strconv.AppendBool(append(b, `,"hasNext":`...), *p.hasNext)
	}
	return append(p.appendExtensions(b), '}')
}

// describe sets what a response has in common with the 304 in its place.
func (p *parts) describe(header *fields) {
	const vary = "Accept, Accept-Encoding, Authorization"
	if origin := header.Header["Vary"]; origin != nil { // CORS's
		header.Header["Vary"] = append(origin, vary)
	} else {
		header.set("Vary", vary)
	}
	if p.cache != "" {
		header.set("Cache-Status", p.cache)
	}
	if p.etag == "" {
		header.set("Cache-Control", "private, no-store") // invariant 6
	} else {
		header.set("Etag", p.etag)
		header.set("Cache-Control", "private, no-cache")
	}
	if p.bookmark != "" {
		header.set("Bookmark", p.bookmark)
	}
}

func (p *parts) writeBody(w http.ResponseWriter, header *fields, status int, body ...[]byte) {
	n := lengthOf(body)
	header.set("Content-Length", strconv.Itoa(n))
	write := func() {
		w.WriteHeader(status)
		for _, part := range body {
			if _, err := w.Write(part); err != nil {
				return // the client has left
			}
		}
	}
	if p.gatherer == nil || n < minGathered {
		write()
		return
	}
	if err := p.gatherer.gather(w, write); err != nil {
		panic(http.ErrAbortHandler) // net/http knows of no error, and would go on with the next request
	}
}

// appendExtensions appends the member with the comma before it, nothing where
// it would be empty.
func (p *parts) appendExtensions(b []byte) []byte {
	begin := len(b)
	next := `,"extensions":{`
	member := func(name string) {
		b = append(append(append(append(b, next...), '"'), name...), '"', ':')
		next = ","
	}
	if p.bookmark != "" {
		member("bookmark")
		b = append(append(append(b, '"'), p.bookmark...), '"') // base64url
	}
	if p.cost != nil {
		member("cost")
		b = appendCost(b, p.cost)
	}
	if len(p.extensions) > 0 { // which is rare
		for _, name := range slices.Sorted(maps.Keys(p.extensions)) {
			if name == "bookmark" && p.bookmark != "" {
				continue
			}
			text, err := json.Marshal(p.extensions[name])
			if err != nil {
				panic("transport: encode extensions: " + err.Error())
			}
			member(name)
			b = append(b, text...)
		}
	}
	if len(b) == begin {
		return b
	}
	return append(b, '}')
}

// appendCost appends what json.Marshal makes of it; each response has one.
func appendCost(b []byte, c *tenancy.Cost) []byte {
	b = strconv.AppendInt(append(b, `{"requested":`...), c.Requested, 10)
	b = strconv.AppendInt(append(b, `,"actual":`...), c.Actual, 10)
	b = strconv.AppendInt(append(b, `,"throttle":{"limit":`...), c.Throttle.Limit, 10)
	b = strconv.AppendInt(append(b, `,"remaining":`...), c.Throttle.Remaining, 10)
	b = strconv.AppendInt(append(b, `,"restoreRate":`...), c.Throttle.RestoreRate, 10)
	return append(b, "}}"...)
}

// fields sets fields of a header by their canonical names, with room for the values
// of all.
type fields struct {
	http.Header
	used int
	room [10]string
}

// fieldsOf returns those of a response, in the room that a recorder has for them.
func fieldsOf(w http.ResponseWriter) *fields {
	if rec, ok := w.(*recorder); ok {
		return rec.fields()
	}
	return &fields{Header: w.Header()}
}

func (f *fields) set(name, value string) {
	if f.used == len(f.room) {
		f.Header[name] = []string{value}
		return
	}
	at := f.room[f.used : f.used+1 : f.used+1]
	at[0] = value
	f.Header[name] = at
	f.used++
}

func partsOf(request *tenancy.Request, response *graphql.Response, bookmark string) parts {
	p := parts{data: response.Data, extensions: response.Extensions, bookmark: bookmark, cost: costOf(request)}
	switch request.Cache {
	case tenancy.CacheHit:
		p.cache = "gatehouse; " + string(tenancy.CacheHit)
	case tenancy.CacheMiss:
		p.cache = "gatehouse; " + string(tenancy.CacheMiss)
	}
	if len(response.Errors) > 0 {
		p.errors = encodeErrors(response.Errors)
	} else if p.data == nil {
		p.data = []byte("null")
	}
	return p
}

func encodeErrors(list any) []byte {
	text, err := json.Marshal(list)
	if err != nil {
		panic("transport: encode errors: " + err.Error())
	}
	return text
}

// writeResponse writes what the executor answered. The request's turn ends when
// that is encoded and compressed: a client may take its time for the rest. An
// answer to a GET without an error is one that the client may keep and ask again
// for; if it has it already it is told so.
func (h *handler) writeResponse(ctx context.Context, w http.ResponseWriter, r *http.Request, mediaType string, status int, request *tenancy.Request, response *graphql.Response) {
	p := partsOf(request, response, bookmark(ctx, request))
	p.turn, p.coding = request.Turn, h.compressor.choose(r.Header["Accept-Encoding"])
	p.gatherer = exchangeFrom(ctx).connection.gathererOf(w, r)
	if r.Method == http.MethodGet && p.errors == nil && p.bookmark != "" {
		p.etag = etagOf(p.bookmark, p.data)
		if noneMatches(r.Header.Values("If-None-Match"), p.etag) {
			p.describe(fieldsOf(w))
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if wait := retryAfter(response); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	writeParts(w, mediaType, status, p)
}

// retryAfter returns after how many seconds the whole request is worth another
// try, 0 where something came of it or where trying again does not help.
func retryAfter(response *graphql.Response) int {
	wait := 0
	for _, err := range response.Errors {
		if codeOf(err) == shards.Unavailable {
			given, _ := err.Extensions["retryAfter"].(int)
			wait = max(wait, given, 1)
		}
	}
	if wait == 0 {
		return 0
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(response.Data, &fields); err != nil {
		return wait // no data at all
	}
	for _, value := range fields {
		if string(value) != "null" {
			return 0
		}
	}
	return wait
}

func codeOf(err *gqlerror.Error) shards.Code {
	code, _ := err.Extensions["code"].(string)
	return shards.Code(code)
}

// bounded returns what is told of a document's faults: the messages quote the
// document, which may be long (invariant 1).
func bounded(list gqlerror.List) gqlerror.List {
	out := make(gqlerror.List, 0, min(len(list), maxDocumentErrors))
	length := 0
	for _, err := range list[:min(len(list), maxDocumentErrors)] {
		short := *err
		short.Message = cut(err.Message, maxMessage)
		for _, element := range err.Path {
			if name, ok := element.(ast.PathName); ok && len(name) > maxMessage {
				short.Path = nil
			}
		}
		n := len(encodeErrors(short))
		for ; len(out) == 0 && n > maxErrors && len(short.Message) > 10; n = len(encodeErrors(short)) {
			short.Message = cut(short.Message, len(short.Message)/2) // JSON escapes make it longer
		}
		if length += n; length > maxErrors && len(out) > 0 {
			break
		}
		out = append(out, &short)
	}
	return out
}

// cut returns the beginning of s, at most n bytes and an ellipsis.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
