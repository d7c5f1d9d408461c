package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"gatehouse/transport/guard"
)

// apolloFormat is what Apollo's tool says of its manifests.
const apolloFormat = "apollo-persisted-query-manifest"

// ReadManifest reads what client tooling writes about the documents of a client:
// an object of texts by id, as Relay's compiler and GraphQL Code Generator write
// it, or Apollo's manifest. Nothing but its form is checked. The error does not
// repeat the text.
func ReadManifest(text []byte) (map[string]string, error) {
	if err := checkText(text, maxDepth); err != nil {
		return nil, errors.New("it is no JSON text in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it must be a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, errors.New("it is no JSON")
		}
		if _, twice := members[name]; twice {
			return nil, errors.New("it has a member twice")
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, errors.New("it is no JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("it goes on after its JSON object")
	}
	var format string
	if raw, ok := members["format"]; ok && json.Unmarshal(raw, &format) == nil && format == apolloFormat {
		return readApollo(members)
	}
	documents := make(map[string]string, len(members))
	for id, raw := range members {
		var text *string
		if json.Unmarshal(raw, &text) != nil || text == nil {
			return nil, errors.New("it must be an object of documents by id, or a manifest of Apollo's")
		}
		if err := addDocument(documents, id, *text); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

func readApollo(members map[string]json.RawMessage) (map[string]string, error) {
	var version int
	var operations []struct{ ID, Body string }
	if json.Unmarshal(members["version"], &version) != nil || version != 1 {
		return nil, errors.New("its version must be 1")
	}
	if json.Unmarshal(members["operations"], &operations) != nil {
		return nil, errors.New("its operations must each have an id and a body")
	}
	documents := make(map[string]string, len(operations))
	for _, o := range operations {
		if err := addDocument(documents, o.ID, o.Body); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

func addDocument(documents map[string]string, id, text string) error {
	if !validKey(id) {
		return errors.New("an id must be 1 to 200 visible ASCII characters")
	}
	if other, twice := documents[id]; twice && other != text {
		return errors.New("an id stands for two documents")
	}
	documents[id] = text
	return nil
}

// Trust reads manifests and has the guard keep their documents. It returns the
// documents by id. The error names the file and the document.
func Trust(g *guard.Guard, manifests map[string][]byte) (map[string]string, error) {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(manifests)) {
		documents, err := ReadManifest(manifests[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, id := range slices.Sorted(maps.Keys(documents)) {
			if err := addDocument(all, id, documents[id]); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, id, err)
			}
			if faults := g.Keep(documents[id]); len(faults) > 0 {
				return nil, fmt.Errorf("%s: the document %s can't be executed: %s", name, id, cut(faults[0].Message, maxMessage))
			}
		}
	}
	return all, nil
}
