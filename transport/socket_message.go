package transport

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// message is one of the protocol's, as a client sends it.
type message struct {
	kind, id string
	payload  json.RawMessage // nil where there is none
}

// The members of a message, and of the payload of connection_init beside terms.
const (
	typeMember          = "type"
	idMember            = "id"
	payloadMember       = "payload"
	authorizationMember = "authorization"
)

var errMessage = &closing{code: closeMalformed, reason: "Invalid message"}

// decodeMessage reads a message no less strictly than a body (invariant 2).
func decodeMessage(text []byte) (m message, err error) {
	members, err := decodeMembers(text, maxDepth+1)
	if err != nil {
		return m, errMessage
	}
	for name, value := range members {
		switch {
		case name == typeMember:
			err = json.Unmarshal(value, &m.kind)
		case name == idMember:
			if err = json.Unmarshal(value, &m.id); m.id == "" || len(m.id) > 255 {
				return m, errMessage
			}
		case name == payloadMember:
			if string(value) != "null" {
				m.payload = value
			}
		case slices.ContainsFunc([]string{typeMember, idMember, payloadMember}, func(known string) bool { return strings.EqualFold(known, name) }):
			return m, errMessage
		}
		if err != nil {
			return m, errMessage
		}
	}
	return m, nil
}

// initPayload is what connection_init may bring.
type initPayload struct {
	authorization string // "" where there is none
	terms         terms
}

func decodeInit(payload json.RawMessage) (p initPayload, err error) {
	if payload == nil {
		return p, nil
	}
	members, err := decodeMembers(payload, maxDepth)
	if err != nil {
		return p, errMessage
	}
	for _, one := range []struct {
		name string
		to   **string
	}{{bookmarkMember, &p.terms.bookmark}, {consistencyMember, &p.terms.consistency}} {
		if value, given := members[one.name]; given && json.Unmarshal(value, one.to) != nil {
			return p, errMessage
		}
	}
	// Both spellings are usual; of two, which one counts is not for us to guess.
	lower, given := members[authorizationMember]
	upper, too := members["Authorization"]
	if given && too {
		return p, errMessage
	}
	if too {
		lower = upper
	}
	if (given || too) && json.Unmarshal(lower, &p.authorization) != nil {
		return p, errMessage
	}
	return p, nil
}

// The messages of the gateway.

var messageAck, messagePong = []byte(`{"type":"connection_ack"}`), []byte(`{"type":"pong"}`)

func messageOf(kind, id string, payload []byte) []byte {
	out := fmt.Appendf(make([]byte, 0, len(payload)+len(id)+40), `{"id":%s,"type":"%s"`, quoted(id), kind)
	if payload != nil {
		out = append(append(out, `,"payload":`...), payload...)
	}
	return append(out, '}')
}

func quoted(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("transport: encode an id: " + err.Error()) // texts always encode
	}
	return text
}
