-- Sending dead letters back writes to Kafka: a right of its own, which no key has by itself.
ALTER TABLE reader_keys ADD COLUMN may_redrive boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN reader_keys.may_redrive IS 'Whether it may send dead letters back to the topics that they came from, and cancel that';
