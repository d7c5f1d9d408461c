package tenancy

import (
	"slices"
	"strings"
)

// waiting are the accounts with operations that have not begun, in the order in
// which they are due. There may be thousands.
type waiting []*member

// place gives an account its place after something of it has begun to wait, or
// waits no more, or it has used something.
func (w *waiting) place(m *member) {
	if at, there := w.find(m); there {
		*w = slices.Delete(*w, at, at+1)
	}
	if len(m.queue) == 0 {
		return
	}
	m.place = m.due()
	at, _ := w.find(m)
	*w = slices.Insert(*w, at, m)
}

func (w waiting) find(m *member) (at int, there bool) {
	return slices.BinarySearchFunc(w, m, func(a, b *member) int {
		if c := a.place.Compare(b.place); c != 0 {
			return c
		}
		return strings.Compare(a.account, b.account)
	})
}
