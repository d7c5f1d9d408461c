package resolvers

// members walks the members of a JSON object, or with array the elements of a
// list, without parsing them. The text must be JSON that a shard has kept: of
// anything else it makes nothing sensible.
type members struct {
	text []byte
	at   int
}

// newMembers begins a walk inside the object or list that text is.
func newMembers(text []byte) members { return members{text, skipSpace(text, 0) + 1} }

// member returns the next member of an object, its key without quotes; false
// at the end.
func (m *members) member() (key, value []byte, ok bool) {
	quoted, ok := m.element()
	if !ok {
		return nil, nil, false
	}
	m.at = skipSpace(m.text, m.at) + 1 // the colon
	start := skipSpace(m.text, m.at)
	m.at = endOf(m.text, start)
	return quoted[1 : len(quoted)-1], m.text[start:m.at], true
}

// element returns the next element of a list; false at the end.
func (m *members) element() (value []byte, ok bool) {
	start := skipSpace(m.text, m.at)
	if start < len(m.text) && m.text[start] == ',' {
		start = skipSpace(m.text, start+1)
	}
	if start >= len(m.text) || m.text[start] == '}' || m.text[start] == ']' {
		return nil, false
	}
	m.at = endOf(m.text, start)
	return m.text[start:m.at], true
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// endOf returns the index behind the value that begins at an index.
func endOf(text []byte, at int) int {
	switch text[at] {
	case '"':
		return endOfString(text, at)
	case '{', '[':
		for depth := 0; at < len(text); at++ {
			switch text[at] {
			case '"':
				at = endOfString(text, at) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}
		}
		return len(text)
	}
	for at < len(text) {
		switch text[at] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return at
		}
		at++
	}
	return at
}

func endOfString(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}
