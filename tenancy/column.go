package tenancy

import (
	"encoding/json"
	"fmt"
)

// readJSON reads what a driver found in a column of JSON; name is for errors.
func readJSON(name string, src, into any) error {
	var text []byte
	switch v := src.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("read %s: unexpected %T", name, src)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
