/** Container images of the backing services, the same as in docker-compose.yml. */
export const IMAGES = {
  kafka: "apache/kafka:4.1.1",
  registry: "apicurio/apicurio-registry:3.3.3",
  redis: "redis:8.0.2",
  prometheus: "prom/prometheus:v2.53.3",
  postgres: "timescale/timescaledb:2.19.3-pg17",
} as const;
