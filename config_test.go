package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

const testSecret = "a secret of at least thirty-two bytes"

// configFor writes a configuration for a data folder, with more lines behind it.
func configFor(t testing.TB, data, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.yml")
	text := "listen: 127.0.0.1:0\ndata: " + data + "\nregions: [UK]\nsecrets: {bookmarks: ['" + testSecret + "']}\n" + more
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startServe(t testing.TB, data string) *server {
	t.Helper()
	return start(t, nil, "serve", "--config", configFor(t, data, ""))
}

func TestServeHasNothingOfDev(t *testing.T) {
	t.Parallel()
	s := startServe(t, newFolder(t))
	for _, path := range []string{"/", "/graphiql/config.json", "/schema.graphql"} {
		if got := s.status(t, path); got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if s.stdout != "" {
		t.Error(s.stdout)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
}

// TestEveryMistakeInAConfigurationIsOneLine: and exit code 1.
func TestEveryMistakeInAConfigurationIsOneLine(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	const good = "listen: 127.0.0.1:0\ndata: DATA\nregions: [UK]\nsecrets: {bookmarks: ['" + testSecret + "']}\n"
	const jwt = "tokens: {issuer: i, audience: a, secrets: ['" + testSecret + "']}\n"
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":        {good + "colour: red\n", `gatehouse.yml:5: unknown key "colour"`},
		"unknown inner key":  {good + "limits:\n  maxBodies: 1\n", `gatehouse.yml:6: unknown key "maxBodies"`},
		"key twice":          {good + "data: x\n", "gatehouse.yml:5: "},
		"no YAML":            {good + "a: b: c\n", "gatehouse.yml:5: "},
		"two documents":      {good + "---\nlisten: x\n", "one document only"},
		"wrong type":         {good + "introspection: perhaps\n", "gatehouse.yml:5: this value must be a truth value"},
		"bare duration":      {good + "limits: {timeout: 10}\n", "gatehouse.yml:5: this value must be a duration"},
		"odd duration":       {good + "limits: {timeout: soon}\n", `gatehouse.yml: invalid duration "soon"`},
		"no data":            {strings.Replace(good, "data: DATA\n", "", 1), "data is missing"},
		"no regions":         {strings.Replace(good, "regions: [UK]\n", "", 1), "regions is missing"},
		"odd region":         {strings.Replace(good, "[UK]", "[uk]", 1), `regions: "uk" is no region`},
		"odd address":        {strings.Replace(good, "127.0.0.1:0", "8080", 1), `listen: "8080" is no address`},
		"missing secret":     {"data: DATA\nregions: [UK]\n", "secrets.bookmarks is missing"},
		"unset variable":     {strings.Replace(good, testSecret, "${GATEHOUSE_TEST_UNSET}", 1), "the environment variable GATEHOUSE_TEST_UNSET is not set"},
		"short secret":       {strings.Replace(good, testSecret, "short", 1), "secrets.bookmarks[0] is shorter than 32 bytes"},
		"empty secret":       {strings.Replace(good, testSecret, "", 1), "secrets.bookmarks[0] is shorter than 32 bytes"},
		"short token secret": {good + strings.Replace(jwt, testSecret, "short", 1), "tokens.secrets[0] is shorter"},
		"no issuer":          {good + strings.Replace(jwt, "issuer: i, ", "", 1), "issuer"},
		"no tokens at all":   {good + "tokens: {algorithms: [RS256]}\n", "issuer"},
		"only claims":        {good + "tokens: {claims: {account: org}}\n", "issuer"},
		"no token keys":      {good + "tokens: {issuer: i, audience: a}\n", "JWKS URL or a secret"},
		"plain JWKS":         {good + "tokens: {issuer: i, audience: a, jwks: 'http://id.example.org/keys'}\n", "https://"},
		"odd algorithm":      {good + strings.Replace(jwt, "issuer: i", "issuer: i, algorithms: [none]", 1), `"none"`},
		"odd role":           {good + strings.Replace(jwt, "issuer: i", "issuer: i, roles: {a: ['b:c']}", 1), "tokens.roles: "},
		"any and more":       {good + "cors: {origins: ['*', 'https://app.example.org']}\n", "cors: *"},
		"any, with cookies":  {good + "cors: {origins: ['*'], credentials: true}\n", "cors: name the origins"},
		"origin with a path": {good + "cors: {origins: ['https://app.example.org/']}\n", "is not an origin"},
		"wildcard origin":    {good + "cors: {origins: ['https://*']}\n", "is not an origin"},
		"endless timeout":    {good + "limits: {timeout: 1h}\n", "limits.timeout"},
		"no document":        {good + "limits: {documents: {depth: 0}}\n", "limits.documents.depth"},
		"unknown limit":      {good + "limits: {documents: {dept: 1}}\n", `unknown key "dept"`},
		"no sockets":         {good + "limits: {sockets: 0}\n", "limits.sockets"},
		"no body":            {good + "limits: {maxBody: 0}\n", "limits.maxBody"},
		"half of TLS":        {good + "tls: {key: k.pem}\n", "tls needs both"},
		"no certificate":     {good + "tls: {key: DATA/none, certificate: DATA/none}\n", "tls: "},
		"h2c beside TLS":     {good + "tls: {key: k, certificate: c}\nhttp: {h2c: true}\n", "http.h2c"},
		"endless drain":      {good + "http: {drain: 1h}\n", "http.drain"},
		"no idle timeout":    {good + "http: {idleTimeout: 0s}\n", "http.idleTimeout"},
		"odd private":        {good + "private: 8081\n", `private: "8081" is no address`},
		"nothing inherited":  {strings.Replace(good, "127.0.0.1:0", "inherited", 1), "no socket was handed over"},
		"odd level":          {good + "log: {level: loud}\n", "log.level"},
		"odd format":         {good + "log: {format: xml}\n", "log.format"},
		"no folder":          {strings.Replace(good, "DATA", "DATA/nowhere", 1), "there is no data folder"},
		"no directory":       {strings.Replace(good, "DATA", "DATA/shards", 1), "there is no account directory"},
	} {
		path := filepath.Join(t.TempDir(), "gatehouse.yml")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(test.text, "DATA", data)), 0o600); err != nil {
			t.Fatal(err)
		}
		d := invoke(t, "serve", "--config", path)
		t.Log(name + ": " + d.stderr)
		wantFailure(t, d, test.want)
		if strings.Contains(d.stderr, testSecret) {
			t.Errorf("%s: the secret is printed: %s", name, d.stderr)
		}
	}
	wantFailure(t, invoke(t, "serve", "--config", filepath.Join(data, "none.yml")), "read the configuration")
}

func TestSeveralMistakesAreNamedTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(path, []byte("regions: [UK]\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := invoke(t, "serve", "--config", path)
	if d.code != 1 || strings.Count(d.stderr, "gatehouse: ") != 3 || strings.Count(d.stderr, "\n") != 3 {
		t.Errorf("%+v", d)
	}
}

func TestServeRefusesAShardThatItCannotRead(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	config := configFor(t, data, "")
	file := filepath.Join(data, "shards", "uk-1.db")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	spoil(t, file)
	wantFailure(t, invoke(t, "serve", "--config", config), "open shard uk-1")
	if err := os.WriteFile(file, nil, 0o600); err != nil { // an empty file is an empty database
		t.Fatal(err)
	}
	wantFailure(t, invoke(t, "serve", "--config", config), "run `gatehouse migrate`")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, invoke(t, "serve", "--config", config), "open shard uk-1")
	_ = os.Remove(file + "-wal")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	startServe(t, data)
}

func TestServeRefusesAPortInUse(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	wantFailure(t, invoke(t, "dev", "--data", filepath.Join(t.TempDir(), "d"), "--listen", address), "can't listen on "+address+": the port is in use")
	path := configFor(t, data, "")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("127.0.0.1:0"), []byte(address), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, invoke(t, "serve", "--config", path), "the port is in use")
}

func TestTheEnvironmentCountsMoreThanTheFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"GATEHOUSE_LISTEN": "127.0.0.1:1", "GATEHOUSE_LIMITS_MAX_BODY": "77", "GATEHOUSE_LIMITS_TIMEOUT": "3s",
		"GATEHOUSE_INTROSPECTION": "true", "GATEHOUSE_PROJECTION": "false", "GATEHOUSE_CACHE": "0", "GATEHOUSE_TOKENS_CLAIMS_ACCOUNT": "org", "GATEHOUSE_LIMITS_DOCUMENTS_ROOT_FIELDS": "7", "S": "$x" + testSecret,
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	path := configFor(t, "d", "tokens: {secrets: ['pre-${S}']}\n")
	got, err := loadConfig(path, lookup)
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
	want.Listen, want.Data, want.Regions, want.Introspection, want.Projection, want.Cache = "127.0.0.1:1", "d", []string{"UK"}, true, false, 0
	want.Secrets.Bookmarks, want.Tokens.Secrets = []string{testSecret}, []string{"pre-$x" + testSecret}
	want.Tokens.Claims.Account, want.Limits.MaxBody, want.Limits.Timeout, want.Limits.Documents.RootFields = "org", 77, 3*time.Second, 7
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, value := range map[string]string{
		"GATEHOUSE_INTROSPECTION": "perhaps", "GATEHOUSE_LIMITS_MAX_BODY": "1MiB", "GATEHOUSE_LIMITS_TIMEOUT": "5",
	} {
		env = map[string]string{name: value, "S": testSecret}
		if _, err := loadConfig(path, lookup); err == nil || !strings.HasPrefix(err.Error(), name+" must be ") || strings.Contains(err.Error(), ";") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheExampleLoads: it has every key that there is, too.
func TestTheExampleLoads(t *testing.T) {
	t.Parallel()
	path := filepath.Join("examples", "gatehouse.yml")
	c, err := loadConfig(path, func(name string) (string, bool) { return testSecret, name == "BOOKMARK_SECRET" })
	if err != nil {
		t.Fatal(err)
	}
	if c.Secrets.Bookmarks[0] != testSecret || c.Tokens.JWKS == "" || c.CORS.Origins[0] != "https://app.example.org" || c.Private == "" {
		t.Errorf("%+v", c)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var keys func(reflect.Type)
	keys = func(s reflect.Type) {
		for i := range s.NumField() {
			key := s.Field(i).Tag.Get("yaml")
			if !regexp.MustCompile(`(?m)^ *` + key + `:`).Match(text) {
				t.Errorf("the example lacks %s", key)
			}
			if s.Field(i).Type.Kind() == reflect.Struct {
				keys(s.Field(i).Type)
			}
		}
	}
	keys(reflect.TypeFor[config]())
}
