package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a pair of files, read again when they change, so that one that
// is renewed is in use without a restart. It is safe for concurrent use.
type certificate struct {
	cert, key string // paths
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  stamp
	looked time.Time
}

// stamp changes when one of the two files does.
type stamp struct{ cert, key time.Time }

// lookEvery is how often the files are looked at; a second is nothing to a
// certificate and spares a busy gateway the calls.
const lookEvery = time.Second

// loadCertificate fails where the pair can't be used.
func loadCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return c, nil
}

func (c *certificate) load() error {
	now, err := c.changed()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	c.stamp, c.looked = now, time.Now()
	if err != nil {
		return err
	}
	c.loaded = &pair
	return nil
}

func (c *certificate) changed() (s stamp, err error) {
	for path, at := range map[string]*time.Time{c.cert: &s.cert, c.key: &s.key} {
		info, err := os.Stat(path)
		if err != nil {
			return s, err
		}
		*at = info.ModTime()
	}
	return s, nil
}

// get returns the certificate for a handshake. A pair that can't be read, say
// because its second half is still being written, leaves the old one in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.loaded, nil
	}
	c.looked = time.Now()
	if s, err := c.changed(); err != nil || s != c.stamp {
		if err == nil {
			err = c.load()
		}
		if err != nil {
			c.log.Warn("the certificate can't be read again, the old one stays in use", "error", err)
		} else {
			c.log.Info("the certificate was read again")
		}
	}
	return c.loaded, nil
}
