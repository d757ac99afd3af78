// Prints probe.metrics.enriched as JSON lines, from the first one kept: go run .
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

func main() {
	maxRecords, _ := strconv.Atoi(os.Getenv("MAX_RECORDS"))   // 0: without end.
	idleSeconds, _ := strconv.Atoi(os.Getenv("IDLE_SECONDS")) // 0: waits for ever.
	registry := must(sr.NewClient(sr.URLs(cmp.Or(os.Getenv("SCHEMA_REGISTRY_URL"), "http://localhost:8081/apis/ccompat/v7"))))
	client := must(kgo.NewClient(
		kgo.SeedBrokers(strings.Split(cmp.Or(os.Getenv("KAFKA_BROKERS"), "localhost:9092"), ",")...),
		kgo.ConsumerGroup(cmp.Or(os.Getenv("GROUP"), "my-team")),
		kgo.ConsumeTopics(cmp.Or(os.Getenv("TOPIC"), "probe.metrics.enriched")),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
	))
	defer client.Close()
	avro.Register("io.fiberstream.NodeStatus", "") // An enum in a union is to be a plain string,
	avro.Register("io.fiberstream.ProbeError", "")
	avro.Register("array:double", []float64{}) // and an array in a union a plain slice.
	schemas := map[int]avro.Schema{}
	for records := 0; maxRecords == 0 || records < maxRecords; {
		wait, cancel := context.WithTimeout(context.Background(), time.Duration(cmp.Or(idleSeconds, 60))*time.Second)
		fetched := client.PollRecords(wait, maxRecords-records).Records()
		cancel()
		if len(fetched) == 0 && idleSeconds > 0 {
			break
		}
		for _, record := range fetched {
			id, payload, err := new(sr.ConfluentHeader).DecodeID(record.Value)
			if must(id, err); schemas[id] == nil {
				text := must(registry.SchemaByID(context.Background(), id)).Schema
				schemas[id] = must(avro.ParseWithCache(text, "", &avro.SchemaCache{}))
			}
			var value any // Times become time.Time, with their microseconds.
			must(value, avro.Unmarshal(schemas[id], payload, &value))
			must(value, json.NewEncoder(os.Stdout).Encode(value))
		}
		must(records, client.CommitRecords(context.Background(), fetched...)) // After they are done: at least once.
		records += len(fetched)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
