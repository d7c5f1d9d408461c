package tenancy

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const envName = `[A-Za-z_][A-Za-z0-9_]*`

var (
	envReference    = regexp.MustCompile(`\$\{` + envName + `\}`)
	passwordSetting = regexp.MustCompile(`(?i)\bpassword\s*=\s*('[^']*'|[^\s&]*)`)
)

// ExpandDSN returns dsn with every ${NAME} replaced by the environment
// variable that lookup finds under that name, as it is: a value that becomes
// part of a URL must be escaped for it. A variable that is missing or empty is
// an error that names it. Use the result at once and never store or log it.
func ExpandDSN(dsn string, lookup func(name string) (string, bool)) (string, error) {
	var missing string
	out := envReference.ReplaceAllStringFunc(dsn, func(reference string) string {
		name := reference[2 : len(reference)-1]
		value, _ := lookup(name)
		if value == "" && missing == "" {
			missing = name
		}
		return value
	})
	if missing != "" {
		return "", fmt.Errorf("the environment variable %s, which a DSN names, is not set", missing)
	}
	return out, nil
}

// checkDSN accepts what may be stored: for SQLite a path, for PostgreSQL a URL
// or settings, whose password can only be a reference to the environment.
func checkDSN(engine, dsn string) error {
	if err := checkText("the DSN", dsn, 1000); err != nil {
		return err
	}
	const stand = "ENVIRONMENT"
	plain := envReference.ReplaceAllString(dsn, stand)
	if strings.Contains(plain, "${") {
		return refuse("the DSN has a malformed reference; write ${NAME}")
	}
	switch engine {
	case "sqlite":
		if strings.Contains(plain, "://") || strings.ContainsAny(plain, "?") || strings.HasPrefix(plain, ":memory:") {
			return refuse("the DSN of an SQLite shard must be a plain path of a file, without parameters")
		}
		return nil
	case "postgres":
		secret := ""
		if strings.Contains(plain, "://") {
			u, err := url.Parse(plain)
			if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
				return refuse("a PostgreSQL DSN must begin with postgres://, or be settings such as host=...")
			}
			secret, _ = u.User.Password()
		}
		if setting := passwordSetting.FindStringSubmatch(plain); setting != nil {
			secret = strings.Trim(setting[1], "'")
		}
		if secret != "" && secret != stand {
			return refuse("the DSN holds a password; put it into an environment variable and write ${NAME}")
		}
		return nil
	}
	return refuse("the engine must be sqlite or postgres")
}
