// Sends the events on standard input, one JSON object a line: go run send.go http://127.0.0.1:8000 < events
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math"
	mathrand "math/rand"
	"net/http"
	"os"
	"strconv"
	"time"
)

const maxAttempts = 10

type batchAnswer struct {
	Data struct {
		Rejected int `json:"rejected"`
		Retry    int `json:"retry"`
	} `json:"data"`
	Results []json.RawMessage `json:"results"`
}

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil || len(os.Args) < 2 || !send(os.Args[1], body) {
		os.Exit(1)
	}
}

// send returns whether all events are accepted.
func send(url string, body []byte) bool {
	client := &http.Client{Timeout: time.Minute}
	batchID := newUUID() // One for all attempts.
	for attempt := 0; attempt < maxAttempts; attempt++ {
		status, after, text := post(client, url, body, batchID)
		switch {
		case status == http.StatusAccepted:
			var answer batchAnswer
			if json.Unmarshal(text, &answer) != nil {
				return false
			}
			for _, result := range answer.Results {
				fmt.Println(string(result))
			}
			// If there are events to retry: of the same batch the gateway writes only those.
			if answer.Data.Retry == 0 {
				return answer.Data.Rejected == 0
			}
		case status != 0 && status < 500 && status != 408 && status != 409 && status != 429:
			fmt.Fprintln(os.Stderr, string(text))
			return false
		}
		time.Sleep(pause(attempt, after))
	}
	fmt.Fprintln(os.Stderr, "gave up after", maxAttempts, "attempts")
	return false
}

// post returns the status 0 if there is no answer.
func post(client *http.Client, url string, body []byte, batchID string) (int, string, []byte) {
	request, err := http.NewRequest("POST", url+"/api/ingest", bytes.NewReader(body))
	if err != nil {
		return 0, "", nil
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("X-Batch-ID", batchID)
	if token := os.Getenv("FIBER_TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", nil
	}
	return response.StatusCode, response.Header.Get("Retry-After"), text
}

// pause returns how long to wait, with jitter, so that many probes do not all retry at the same moment.
func pause(attempt int, after string) time.Duration {
	if seconds, err := strconv.Atoi(after); err == nil {
		return time.Duration(seconds) * time.Second
	}
	seconds := math.Min(60, math.Pow(2, float64(attempt)))
	return time.Duration(seconds * (0.5 + mathrand.Float64()/2) * float64(time.Second))
}

func newUUID() string {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
