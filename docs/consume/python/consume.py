"""Prints probe.metrics.enriched as JSON lines: pip install -r requirements.txt && python consume.py"""

import json
import os
from datetime import datetime

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = os.environ.get("TOPIC", "probe.metrics.enriched")
MAX_RECORDS = int(os.environ.get("MAX_RECORDS", "0"))  # 0: without end.
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "0"))  # 0: waits for ever.


def text_of(value):
    """What JSON has no type for: times (UTC, with their microseconds) and UUIDs."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def main():
    registry_url = os.environ.get("SCHEMA_REGISTRY_URL", "http://localhost:8081/apis/ccompat/v7")
    decode = AvroDeserializer(SchemaRegistryClient({"url": registry_url}))
    context = SerializationContext(TOPIC, MessageField.VALUE)
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
            "group.id": os.environ.get("GROUP", "my-team"),
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            # An offset is stored below, when its record is done, and committed every 5 s and at the end.
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([TOPIC])
    records = 0
    try:
        while MAX_RECORDS == 0 or records < MAX_RECORDS:
            message = consumer.poll(IDLE_SECONDS or 60)
            if message is None:
                if IDLE_SECONDS:
                    break
                continue
            if message.error():
                raise KafkaException(message.error())
            value = decode(message.value(), context)
            print(json.dumps(value, default=text_of, ensure_ascii=False))
            consumer.store_offsets(message)
            records += 1
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
