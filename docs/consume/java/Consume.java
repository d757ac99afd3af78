import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Conversions;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints probe.metrics.enriched as JSON lines: mvn dependency:copy-dependencies; java -cp 'target/dependency/*' Consume.java */
public class Consume {
  public static void main(String[] args) {
    int maxRecords = Integer.parseInt(env("MAX_RECORDS", "0")); // 0: without end.
    int idleSeconds = Integer.parseInt(env("IDLE_SECONDS", "0")); // 0: waits for ever.
    // Makes times java.time.Instant, with their microseconds, and event_id java.util.UUID.
    GenericData.get().addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    GenericData.get().addLogicalTypeConversion(new Conversions.UUIDConversion());
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", env("KAFKA_BROKERS", "localhost:9092"),
        "group.id", env("GROUP", "my-team"),
        "isolation.level", "read_committed",
        "auto.offset.reset", "earliest",
        "enable.auto.commit", false,
        "key.deserializer", StringDeserializer.class,
        "value.deserializer", AvroKafkaDeserializer.class,
        // The same registry by its own API, and the ids of Confluent's wire format.
        "apicurio.registry.url",
        env("SCHEMA_REGISTRY_URL", "http://localhost:8081/apis/ccompat/v7").replace("ccompat/v7", "registry/v2"),
        "apicurio.registry.as-confluent", true,
        "apicurio.registry.use-id", "contentId");
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    try (var consumer = new KafkaConsumer<String, GenericRecord>(settings)) {
      consumer.subscribe(List.of(env("TOPIC", "probe.metrics.enriched")));
      for (int records = 0; maxRecords == 0 || records < maxRecords; ) {
        var polled = consumer.poll(Duration.ofSeconds(idleSeconds == 0 ? 60 : idleSeconds));
        if (polled.isEmpty() && idleSeconds > 0) break;
        var done = new HashMap<TopicPartition, OffsetAndMetadata>();
        for (var record : polled) {
          if (maxRecords > 0 && records == maxRecords) break;
          out.println(record.value()); // A GenericRecord prints itself as JSON.
          records++;
          done.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        consumer.commitSync(done); // After the records are done: at least once.
      }
    }
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
