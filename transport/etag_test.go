package transport_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A cache asks again with the tag that it has, as a browser does.
func TestGetIsAnsweredFromACacheOnlyIfNothingChanged(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	get := func(headers ...string) answer { return s.send(http.MethodGet, "/?query={head}", "", headers...) }
	first := get()
	tag := first.header.Get("ETag")
	if first.status != 200 || !strings.HasPrefix(tag, `W/"`) || first.header.Get("Cache-Control") != "private, no-cache" {
		t.Fatalf("got %d %v", first.status, first.header)
	}
	for _, given := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag, `W/"a,b" , ,` + tag + `, "c"`, "*", " * "} {
		again := get("If-None-Match: " + given)
		if again.status != 304 || again.text != "" || again.header.Get("ETag") != tag || again.header.Get("Bookmark") != first.header.Get("Bookmark") ||
			again.header.Get("Cache-Control") != "private, no-cache" || again.header.Get("Vary") != first.header.Get("Vary") ||
			again.header.Get("X-Request-Id") == "" || again.header.Get("Content-Length") != "" || again.header.Get("Content-Type") != "" {
			t.Errorf("%s: got %d %q %v", given, again.status, again.text, again.header)
		}
	}
	if again := get("If-None-Match: \"x\"", "If-None-Match: "+tag); again.status != 304 {
		t.Errorf("two headers: got %d", again.status)
	}
	for _, given := range []string{`"other"`, tag[:len(tag)-1], strings.Trim(tag, `W/"`), `W/`, `"`, ",", strings.Replace(tag, "W/", "w/", 1), "*,*", `x, ` + tag} {
		if again := get("If-None-Match: " + given); again.status != 200 || again.text != first.text {
			t.Errorf("%s: got %d %s", given, again.status, again.text)
		}
	}
	// The same in another coding and media type is still the same.
	if again := get("If-None-Match: "+tag, "Accept-Encoding: gzip", newType); again.status != 304 {
		t.Errorf("got %d", again.status)
	}
	s.query("mutation{write}")
	if again := get("If-None-Match: " + tag); again.status != 200 || again.body.Data["head"] != 1.0 || again.header.Get("ETag") == tag {
		t.Errorf("after a write: got %d %s", again.status, again.text)
	}
}

// The bookmark is a part of what a client keeps: an older one would let its next
// read go back.
func TestETagCoversTheBookmark(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	get := func(headers ...string) answer { return s.send(http.MethodGet, "/?query={hello}", "", headers...) }
	first := get()
	s.query("mutation{write}")
	if again := get("If-None-Match: " + first.header.Get("ETag")); again.status != 200 || again.header.Get("Bookmark") == first.header.Get("Bookmark") {
		t.Errorf("got %d %v", again.status, again.header)
	}
}

func TestETagsOfOtherAccountsTellNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	get := func(account, tag string) answer {
		return s.send(http.MethodGet, "/?query={hello}", "", "Authorization: Bearer "+account, "If-None-Match: "+tag)
	}
	of := map[string]string{"a": get("a", "").header.Get("ETag"), "b": get("b", "").header.Get("ETag")}
	if of["a"] == of["b"] {
		t.Error("equal answers of two accounts share a tag")
	}
	if a := get("a", of["b"]); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	for _, tag := range []string{of["a"], "*"} { // refused as if it had not been sent
		if a := get("nobody", tag); a.status != 401 || a.header.Get("ETag") != "" {
			t.Errorf("got %d %v", a.status, a.header)
		}
	}
}

func TestNothingElseHasATag(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	get := func(document string, headers ...string) answer {
		return s.send(http.MethodGet, "/?query="+url.QueryEscape(document), "", append(headers, "If-None-Match: *")...)
	}
	for name, a := range map[string]answer{
		"POST":     s.query("{hello}", "If-None-Match: *"),
		"mutation": get("mutation{write}"),
		"mixed":    get(`{hello fail(code:"FORBIDDEN")}`),
		"error":    get(`{fail(code:"UNAVAILABLE")}`),
		"faulty":   get("{nope}"),
		"ahead":    get("{hello}", "Bookmark: bad"),
		"panic":    get("{boom}"),
	} {
		if a.status == 304 || a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: got %d %v", name, a.status, a.header)
		}
	}
}
