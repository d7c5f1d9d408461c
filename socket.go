package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// A server that owns a data folder carries out commands that come in over its
// socket, a file that only its user may open: a command line in, what the
// command printed and its exit code out.

type calling struct {
	Args []string `json:"args"`
}

type called struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	Code   int    `json:"code"`
}

const (
	maxSocketPath = 103 // bytes; what the address of a socket holds on every system
	maxCalling    = 1 << 20
)

var errNoServer = errors.New("no server answers")

// socketPath returns the path of a folder's socket, as seen from the working
// directory where that is shorter.
func socketPath(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, socketFile))
	if err != nil {
		return "", err
	}
	if wd, err := os.Getwd(); err == nil && len(path) > maxSocketPath {
		if short, err := filepath.Rel(wd, path); err == nil && len(short) < len(path) {
			path = short
		}
	}
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("the path of the data folder is %d bytes too long for a socket in it; choose a shorter one, or run in the folder's parent", len(path)-maxSocketPath)
	}
	return path, nil
}

// listenSocket opens the socket of an office, in its folder: nil where it has
// none. The office has the folder's lock, so a socket that is there was left
// behind.
func (o *office) listenSocket() (net.Listener, error) {
	if o.at == nil {
		return nil, nil
	}
	path, err := socketPath(o.at.path)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove an old socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the socket for commands: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// socketServer serves the commands that come in over the socket.
func (o *office) socketServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /commands", func(w http.ResponseWriter, r *http.Request) {
		var in calling
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCalling)).Decode(&in); err != nil {
			http.Error(w, "malformed command", http.StatusBadRequest)
			return
		}
		var stdout, stderr bytes.Buffer
		code := o.execute(r.Context(), in.Args, &stdout, &stderr)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(called{stdout.String(), stderr.String(), code}) // the caller may have left
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
}

// call has the server that owns the folder carry a command out. errNoServer is
// in the chain where none listens.
func call(ctx context.Context, dir string, args []string) (called, error) {
	path, err := socketPath(dir)
	if err != nil {
		return called{}, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoServer, err)
		}
		return conn, nil
	}}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(calling{args})
	if err != nil {
		return called{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gatehouse/commands", bytes.NewReader(body))
	if err != nil {
		return called{}, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		var lost *url.Error
		if errors.As(err, &lost) {
			err = lost.Err // without the made-up URL
		}
		return called{}, fmt.Errorf("no answer from the server that owns the data folder: %w", err)
	}
	defer response.Body.Close()
	var out called
	if response.StatusCode != http.StatusOK {
		return called{}, fmt.Errorf("the server refused the command: %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		return called{}, fmt.Errorf("read the server's answer: %w", err)
	}
	return out, nil
}
