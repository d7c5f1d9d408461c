package checker

import (
	"encoding/json"
	"fmt"
	"sort"
)

// record is a client as a query shows it.
type record struct {
	ID      string
	Name    string
	Version int64
}

// event is one committed write.
type event struct {
	seq     int64
	changes []change
}

// change is what an event did to one client; of the patch, only its name matters.
type change struct {
	kind    string
	id      string
	version int64
	name    string
}

type page struct {
	events   []event
	bookmark string
	more     bool
}

func (d *deployment) parseHistory(account string, data json.RawMessage) (page, error) {
	var out struct {
		Changes struct {
			ChangeSets []struct {
				Bookmark string
				Changes  []struct {
					Kind, RecordID string
					Version        int64
					Patch          struct{ Name string }
				}
			}
			Bookmark string
			HasMore  bool
		}
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return page{}, err
	}
	p := page{bookmark: out.Changes.Bookmark, more: out.Changes.HasMore}
	for _, set := range out.Changes.ChangeSets {
		at, err := d.keys.ParseBookmark("account_"+account, set.Bookmark)
		if err != nil {
			return p, err
		}
		e := event{seq: at.Seq}
		for _, c := range set.Changes {
			e.changes = append(e.changes, change{c.Kind, c.RecordID, c.Version, c.Patch.Name})
		}
		p.events = append(p.events, e)
	}
	return p, nil
}

// timeline is a whole history, by record.
type timeline struct {
	versions map[string][]moment // by id, in order
	created  []int64             // the number of each write that made a client, in order
	named    map[string][]int64  // the writes that gave a name, by name; each once
}

type moment struct {
	seq int64
	record
}

// newTimeline reads a whole history, which must have no gaps.
func newTimeline(events []event) (*timeline, error) {
	t := &timeline{versions: map[string][]moment{}, named: map[string][]int64{}}
	for i, e := range events {
		if e.seq != int64(i)+1 {
			return nil, fmt.Errorf("write %d stands at %d", e.seq, i+1)
		}
		if len(e.changes) == 0 {
			return nil, fmt.Errorf("write %d has no changes", e.seq)
		}
		for _, c := range e.changes {
			was := t.versions[c.id]
			if c.version != int64(len(was))+1 || (c.kind == "CREATED") != (len(was) == 0) {
				return nil, fmt.Errorf("write %d: %s of %s to version %d, behind %d versions", e.seq, c.kind, c.id, c.version, len(was))
			}
			if len(was) == 0 {
				t.created = append(t.created, e.seq)
			}
			t.versions[c.id] = append(was, moment{e.seq, record{c.id, c.name, c.version}})
			if n := t.named[c.name]; len(n) == 0 || n[len(n)-1] != e.seq {
				t.named[c.name] = append(n, e.seq)
			}
		}
	}
	return t, nil
}

// at returns the record as it was at seq, false where there was none yet.
func (t *timeline) at(id string, seq int64) (record, bool) {
	versions := t.versions[id]
	n := sort.Search(len(versions), func(i int) bool { return versions[i].seq > seq })
	if n == 0 {
		return record{}, false
	}
	return versions[n-1].record, true
}

// count returns how many clients there were at seq.
func (t *timeline) count(seq int64) int {
	return sort.Search(len(t.created), func(i int) bool { return t.created[i] > seq })
}
