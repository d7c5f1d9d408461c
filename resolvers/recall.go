package resolvers

import "gatehouse/tenancy"

// maxAsked is how long a request may be that an answer is found by, in bytes.
const maxAsked = 16 << 10

// asking is a request as it was sent, with the scopes of who sent it. The same
// request has the same cacheKey: what follows from its text depends on nothing
// but the schema.
type asking struct{ scopes, method, text string }

// askingOf returns what else the answer to a request is found by, nothing where
// it depends on more.
func askingOf(request *tenancy.Request) asking {
	if request.Asked == nil || len(request.Asked.Text) > maxAsked {
		return asking{}
	}
	return asking{request.Caller.Scopes.String(), request.Asked.Method, string(request.Asked.Text)}
}

// Recall returns what was answered when a caller of the same account and scopes
// asked the very same, byte for byte; nil where it is not known. It spares whoever
// asks again to be read, and holds only while the answer is exact.
func (e *Executor) Recall(request *tenancy.Request, asked tenancy.Asked) *tenancy.Answered {
	if e.kept == nil || len(asked.Text) > maxAsked {
		return nil
	}
	return e.kept.cache.recall(request.Caller.Account.ID, request.Caller.Scopes.String(), asked)
}

// recall is get by what was asked, at whatever position.
func (c *cache) recall(account, scopes string, asked tenancy.Asked) *tenancy.Answered {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.accounts[account]
	if s == nil {
		return nil
	}
	e := s.asked[asking{scopes, asked.Method, string(asked.Text)}] // does not copy the text
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	return &e.Value.(*kept).Answered
}

// learn has an answer found by what a request asks, where nothing yet does.
func (c *cache) learn(account string, key cacheKey, request *tenancy.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.accounts[account]
	if s == nil {
		return
	}
	e := s.answers[key]
	if e == nil {
		return
	}
	k := e.Value.(*kept)
	if k.asked != (asking{}) {
		return
	}
	if k.asked = askingOf(request); k.asked != (asking{}) {
		s.asked[k.asked] = e
		c.grow(s, len(k.asked.text))
		c.shrink()
	}
}
