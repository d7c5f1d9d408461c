package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gatehouse/shards"
)

// devSecrets are the secrets of a data folder of dev. In production they come
// with the configuration.
type devSecrets struct {
	Tokens    []byte `json:"tokens"`    // signs the demo tokens
	Bookmarks []byte `json:"bookmarks"` // signs bookmarks and cursors
}

// readSecrets returns the folder's secrets, fs.ErrNotExist where it has none.
func readSecrets(at *folder) (devSecrets, error) {
	var s devSecrets
	text, err := os.ReadFile(at.file(secretsFile))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", secretsFile, err)
	}
	return s, nil
}

// makeSecrets returns the folder's secrets, and makes them where it is new.
func makeSecrets(at *folder) (devSecrets, error) {
	s, err := readSecrets(at)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if at.has(directoryFile) {
		return s, fmt.Errorf("the data folder %s has a directory which is not one of dev; choose another folder", at.path)
	}
	s = devSecrets{Tokens: make([]byte, 32), Bookmarks: make([]byte, 32)}
	_, _ = rand.Read(s.Tokens) // never fails, it would end the process
	_, _ = rand.Read(s.Bookmarks)
	text, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	// Written aside, so that a process which dies leaves none or all of it.
	aside := at.file(secretsFile + ".new")
	if err := os.WriteFile(aside, append(text, '\n'), 0o600); err != nil {
		return s, err
	}
	return s, os.Rename(aside, at.file(secretsFile))
}

func (s devSecrets) keyring() (*shards.Keyring, error) { return shards.NewKeyring(s.Bookmarks) }
