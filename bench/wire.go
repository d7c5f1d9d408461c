package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// accept is what GraphQL clients send.
const accept = "application/graphql-response+json, application/json;q=0.9"

// answered begins every answer without errors.
var answered = []byte(`{"data":{`)

// wire is one HTTP connection that is kept open. It knows just enough of HTTP,
// so that the load generator takes little of the machine from the server.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
}

func dial(address string) (*wire, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

// errRefused is a 503.
var errRefused = errors.New("refused")

// hit is the header of an answer from gatehouse's read cache.
const hit = "Cache-Status: gatehouse; hit"

// post sends a request and reads its answer; anything but a 200 with data is an
// error, errRefused where it is a 503, and so is, with cached, an answer that was made for this request.
func (w *wire) post(path, token string, body []byte, cached bool) error {
	w.out = fmt.Appendf(w.out[:0], "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nAccept: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, token, accept, len(body))
	if _, err := w.conn.Write(append(w.out, body...)); err != nil {
		return err
	}
	status, err := w.line()
	if err != nil {
		return err
	}
	ok, busy := bytes.HasPrefix(status, []byte("HTTP/1.1 200")), bytes.HasPrefix(status, []byte("HTTP/1.1 503"))
	length, kept := -1, false
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
		kept = kept || string(line) == hit
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	if cap(w.body) < length {
		w.body = make([]byte, length)
	}
	w.body = w.body[:length]
	if _, err := io.ReadFull(w.in, w.body); err != nil {
		return err
	}
	if busy {
		return errRefused
	}
	if !ok || !bytes.HasPrefix(w.body, answered) {
		return fmt.Errorf("the answer to %s is %.300s", path, w.body)
	}
	if cached && !kept {
		return fmt.Errorf("the answer to %s is not from the cache: %.300s", path, body)
	}
	return nil
}

func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
