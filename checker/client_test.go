package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"gatehouse/shards"
)

// answer is what a gateway said.
type answer struct {
	data     json.RawMessage
	code     string // of the first error, "" where there is none
	message  string
	wait     string // Retry-After, or what the first error says where others have data
	bookmark string
	at       shards.Position // of the bookmark
}

// unavailable reports whether the answer is one that says to come back.
func (a answer) unavailable() bool { return a.code == string(shards.Unavailable) }

var client = &http.Client{
	Timeout: 15 * time.Second,
	// A gateway that is killed takes its connections with it.
	Transport: &http.Transport{MaxIdleConnsPerHost: 50},
}

// ask sends an operation for the account. An error is one of the network's,
// after which nobody knows what became of a write.
func (d *deployment) ask(ctx context.Context, g *gateway, account, document string, variables map[string]any, header map[string]string) (answer, error) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+d.key[account])
	for name, value := range header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	var out struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct {
				Code       string
				RetryAfter int
			}
		}
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return answer{}, fmt.Errorf("%s: no JSON: %q", response.Status, text)
	}
	a := answer{data: out.Data, wait: response.Header.Get("Retry-After"), bookmark: response.Header.Get("Bookmark")}
	if len(out.Errors) > 0 {
		first := out.Errors[0]
		a.code, a.message = first.Extensions.Code, first.Message
		if a.wait == "" && first.Extensions.RetryAfter > 0 {
			a.wait = strconv.Itoa(first.Extensions.RetryAfter)
		}
	}
	if a.bookmark != "" {
		a.at, err = d.keys.ParseBookmark("account_"+account, a.bookmark)
	}
	return a, err
}
