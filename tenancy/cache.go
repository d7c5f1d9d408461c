package tenancy

// generations is a bounded map that forgets what was not used for long: when
// the young half is full it becomes the old half, and the former old half goes.
// At most 2*half entries are held, and put costs the same whether or not
// somebody floods it. Not safe for concurrent use: its owner has the lock.
type generations[K comparable, V any] struct {
	half       int
	young, old map[K]V
	// dropped, where set, is told of the half that goes.
	dropped func(map[K]V)
}

func newGenerations[K comparable, V any](size int) generations[K, V] {
	return generations[K, V]{half: max(1, size/2), young: make(map[K]V)}
}

func (g *generations[K, V]) get(key K) (V, bool) {
	if v, ok := g.young[key]; ok {
		return v, true
	}
	v, ok := g.old[key]
	if ok {
		delete(g.old, key) // lest it counts as dropped
		g.put(key, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(key K, v V) {
	if _, ok := g.young[key]; !ok && len(g.young) >= g.half {
		if g.dropped != nil {
			g.dropped(g.old)
		}
		g.old, g.young = g.young, make(map[K]V)
	}
	g.young[key] = v
}

func (g *generations[K, V]) drop(key K) {
	delete(g.young, key)
	delete(g.old, key)
}
