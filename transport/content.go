package transport

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// checkContent refuses what can be refused by the look of a request.
func checkContent(r *http.Request, acceptable bool, maxBody int64) error {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return badRequest(http.StatusMethodNotAllowed, "only GET and POST are possible here").with("Allow", "GET, POST")
	case !acceptable:
		return badRequest(http.StatusNotAcceptable, "Accept must allow "+responseType+", "+jsonType+" or "+eventType)
	case r.Method == http.MethodGet && int64(len(r.URL.RawQuery)) > maxBody:
		return badRequest(http.StatusRequestURITooLong, "the address is too long")
	case r.Method == http.MethodGet:
		return nil
	case !announcesJSON(r.Header):
		return badRequest(http.StatusUnsupportedMediaType, "send a body with one header Content-Type: "+jsonType+", in UTF-8 and not compressed").
			with("Accept-Post", jsonType)
	case r.ContentLength > maxBody:
		return tooLarge()
	}
	return nil
}

func announcesJSON(header http.Header) bool {
	types := header["Content-Type"]
	if len(types) != 1 {
		return false
	}
	if types[0] == jsonType && header["Content-Encoding"] == nil { // what nearly everybody sends
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != jsonType {
		return false
	}
	if charset, given := parameters["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	encoding := strings.Join(header.Values("Content-Encoding"), ",")
	return encoding == "" || strings.EqualFold(encoding, "identity")
}

// boundReading ends at a time what reads from the connection, which a context alone
// doesn't do: readBody, and net/http, which takes in the body of a refused request
// before it sends the answer. A server whose own ReadTimeout is no
// longer has done so already, but for the first request of a connection, whose time
// net/http counts from when that was opened.
func boundReading(w http.ResponseWriter, x *exchange, deadline time.Time) {
	if c := x.connection; !c.first() && c.reading > 0 && !x.began.Add(c.reading).After(deadline) {
		return
	}
	// Without a connection, as in a test, there is nobody slow either.
	_ = http.NewResponseController(w).SetReadDeadline(deadline)
}

// readBody reads at most maxBody bytes, after boundReading; into room where that is
// enough or may become so.
func readBody(w http.ResponseWriter, r *http.Request, maxBody int64, room *[]byte) ([]byte, error) {
	body, err := readAll(w, r, maxBody, room)
	// From here on a read only finds out that the client has left. At the end of
	// what was announced net/http has begun one, without a deadline, already.
	if err != nil || r.ContentLength <= 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	if err == nil {
		return body, nil
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, badRequest(http.StatusRequestTimeout, "the body came too slowly").with("Connection", "close")
	}
	// Cut off, or chunked in a way that HTTP does not know.
	refused := badRequest(http.StatusBadRequest, "the body could not be read").with("Connection", "close")
	refused.cause = err
	return nil, refused
}

// presized is up to which length a body is believed to be as long as announced:
// memory for more is taken as it comes.
const presized = 64 << 10

func readAll(w http.ResponseWriter, r *http.Request, maxBody int64, room *[]byte) ([]byte, error) {
	if n := r.ContentLength; 0 < n && n <= min(presized, maxBody) {
		*room = slices.Grow((*room)[:0], int(n))
		body := (*room)[:n] // net/http reads no more than was announced
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// tooLarge closes the connection: what follows on it is the rest of the body.
func tooLarge() error {
	return badRequest(http.StatusRequestEntityTooLarge, "the body is too long").with("Connection", "close")
}
